"""Make the tiny .tflite files that the deploy tests read, so that these tests need no TensorFlow.

Random weights, no training, no picture of anybody: `tiny_int8.tflite` has microfer's input and output contract and
no metadata entry, `tiny_float_io.tflite` is the same network converted the way that is most often got wrong (weights
int8, input and output float).

    python tests/golden/make_tiny_models.py     (needs the packages of the `train` extra)
"""

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

HERE = Path(__file__).resolve().parent


def tiny_network() -> keras.Model:
    """Return a network of the operators that the real presets use, with random weights."""
    layers = keras.layers
    crop = keras.Input((48, 48, 1), batch_size=1, name="crop")  # a free batch size adds SHAPE, STRIDED_SLICE, PACK
    x = layers.Conv2D(4, 3, strides=2, activation="relu")(crop)
    x = layers.MaxPooling2D(3, 2)(x)
    one = layers.Conv2D(4, 1, activation="relu")(x)
    three = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    fire = layers.Concatenate()([one, three])
    bypass = layers.Add()([fire, layers.Conv2D(8, 1)(x)])
    scores = layers.AveragePooling2D(11)(layers.Conv2D(7, 1)(bypass))
    return keras.Model(crop, layers.Softmax()(layers.Flatten()(scores)))


def representative_crops() -> Iterator[list[npt.NDArray[np.float32]]]:
    """Yield 20 crops of noise, (1, 48, 48, 1) in [0, 1]; the first is black and the second white: the full range."""
    noise = np.random.default_rng(2).integers(0, 256, (20, 1, 48, 48, 1))
    noise[0], noise[1] = 0, 255
    for crop in noise:
        yield [(crop / 255).astype(np.float32)]


def convert(network: keras.Model, io_type: tf.DType) -> bytes:
    """Return the network as a .tflite with int8 weights and activations, input and output of `io_type`."""
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative_crops
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = io_type
    return bytes(converter.convert())


def main() -> None:
    """Write both files beside this script."""
    keras.utils.set_random_seed(1)
    network = tiny_network()
    (HERE / "tiny_int8.tflite").write_bytes(convert(network, tf.int8))
    (HERE / "tiny_float_io.tflite").write_bytes(convert(network, tf.float32))


if __name__ == "__main__":
    main()
