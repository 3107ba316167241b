"""A Keras network as a .tflite: float32, or full-integer int8, per channel, int8 in and out.

The arithmetic of int8 is Jacob et al. 2018 (arXiv:1712.05877) as TensorFlow Lite's converter implements it: symmetric
int8 kernels with a scale per output channel, int8 activations with one scale and zero point each.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from microfer.contract import input_shape
from microfer.model.backend import load_quietly, without_logged_lines
from microfer.model.build import build, copy_weights
from microfer.model.networks import Network
from microfer.tensor import encode_float, regroup


def quantize(
    model: Any, config: Network, images: npt.NDArray[np.uint8], progress: Callable[[int], object] | None = None
) -> bytes:
    """Return the int8 .tflite of a trained Keras 3 `model` of `config`, calibrated on `images` (n, 48, 48).

    Input: int8, a crop in the layout of `config`, q = pixel - 128. Output: int8 (1, 7), probability = (q + 128) / 256.
    progress: told of each image, how many are done since the last call.
    """
    return _convert(model, config, images, progress)


def convert_float(model: Any, config: Network) -> bytes:
    """Return the float32 .tflite of the same graph, whose activations have the names of `quantize`'s."""
    return _convert(model, config, None)


def _convert(
    model: Any,
    config: Network,
    calibration: npt.NDArray[np.uint8] | None,
    progress: Callable[[int], object] | None = None,
) -> bytes:
    tf, tf_keras = load_quietly("tensorflow", "quantization"), load_quietly("tf_keras", "quantization")
    # Keras 3 may run on another backend, so the graph to convert is built in tf_keras; a fixed batch keeps
    # operators that compute shapes out of it.
    twin = build(config, tf_keras, fixed_batch=1, regrouped=True, strided=True)
    copy_weights(model, twin)
    function = tf.function(lambda x: twin(x, training=False))
    signature = tf.TensorSpec((1, *input_shape(config.input_layout)), tf.float32, name="crop")
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function(signature)], twin)
    if calibration is not None:

        def representative() -> Iterator[list[npt.NDArray[np.float32]]]:
            for image in regroup(encode_float(calibration), config.input_layout):
                yield [image[np.newaxis]]
                if progress:
                    progress(1)

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = representative
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8
    with without_logged_lines():
        return bytes(converter.convert())
