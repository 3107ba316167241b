"""Full-integer quantization: float Keras network to int8 .tflite, per channel, int8 in and out.

The arithmetic is Jacob et al. 2018 (arXiv:1712.05877) as TensorFlow Lite's converter implements it: symmetric int8
kernels with a scale per output channel, int8 activations with one scale and zero point each.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from microfer.contract import NUM_CLASSES, PIXEL_MAX, input_shape
from microfer.data.dataset import Dataset
from microfer.errors import TRAIN_LOCK_HINT, MicroferError
from microfer.model.build import build, copy_weights
from microfer.model.networks import Network
from microfer.parity.compare import ScoreComparison, compare_scores
from microfer.parity.limits import Judgement, Limits
from microfer.runtimes.parallel import run_parallel
from microfer.runtimes.runners import KerasRunner, LiteRTRunner
from microfer.runtimes.sqnr import layer_sqnr, spread, worst_layer
from microfer.tensor import encode_float, regroup

SQNR_IMAGES = 16


def representative_images(training: Dataset, count: int, seed: int) -> npt.NDArray[np.uint8]:
    """Return about `count` crops for calibration, uint8 (n, 48, 48): the same number of each class, drawn by `seed`.

    Raises:
        MicroferError: a class has too few images, or none of the crops has a black and none a white pixel, so that
            the input's range would not come out as 0..1.
    """
    rng = np.random.default_rng(seed)
    each = max(count // NUM_CLASSES, 1)
    chosen = []
    for label in range(NUM_CLASSES):
        members = np.flatnonzero(training.labels == label)
        if len(members) < each:
            raise MicroferError(
                f"{training.source} has {len(members)} images of class {label}; calibration takes {each}: use less"
            )
        chosen.append(rng.choice(members, each, replace=False))
    images: npt.NDArray[np.uint8] = training.images[np.sort(np.concatenate(chosen))]
    if images.min() != 0 or images.max() != PIXEL_MAX:
        raise MicroferError(
            f"the calibration images span {images.min()}..{images.max()}, not 0..{PIXEL_MAX}: draw more of them"
        )
    return images


def quantize(model: Any, config: Network, images: npt.NDArray[np.uint8]) -> bytes:
    """Return the int8 .tflite of a trained Keras 3 `model` of `config`, calibrated on `images` (n, 48, 48).

    Input: int8, a crop in the layout of `config`, q = pixel - 128. Output: int8 (1, 7), probability = (q + 128) / 256.
    """
    return _convert(model, config, images)


def convert_float(model: Any, config: Network) -> bytes:
    """Return the float32 .tflite of the same graph, whose activations have the names of `quantize`'s."""
    return _convert(model, config, None)


def _convert(model: Any, config: Network, calibration: npt.NDArray[np.uint8] | None) -> bytes:
    try:
        import tensorflow as tf
        import tf_keras
    except ModuleNotFoundError as error:
        raise MicroferError(f"quantization needs the package {error.name}: {TRAIN_LOCK_HINT}") from error
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

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = representative
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8
    return bytes(converter.convert())


@dataclass(frozen=True)
class Gate:
    """What quantization cost on a labelled split, and whether that is acceptable.

    comparison: float against int8, image by image.
    exceeded: the limits that are not kept; none for a model to ship.
    worst: (tensor name, dB) of the activation with the lowest signal-to-quantization-noise ratio, measured only
        where a limit is not kept.
    """

    comparison: ScoreComparison
    exceeded: tuple[Judgement, ...]
    worst: tuple[str, float] | None

    def require(self) -> None:
        """Raise MicroferError, naming the worst layer and what to do, where a limit is not kept."""
        if self.worst is not None:
            name, decibel = self.worst
            raise MicroferError(
                f"{'; '.join(one.reason for one in self.exceeded)}. The activation with the most quantization noise is "
                f"{name} ({decibel:.1f} dB): calibrate on more images, bound the activations (activation_limit), or "
                f"set another limit with {' and '.join(one.option for one in self.exceeded)}"
            )


def gate(model: Any, config: Network, int8: bytes, dataset: Dataset, limits: Limits) -> Gate:
    """Compare the float `model` with its `int8` .tflite on `dataset`; find the worst layer where one is exceeded."""
    float_scores = KerasRunner(model).scores(dataset.images)
    int8_scores = run_parallel(LiteRTRunner(int8), dataset.images, "scores", title="int8")
    comparison = compare_scores(float_scores, int8_scores, dataset.labels, dataset.names)
    exceeded = tuple(one for one in comparison.judge(limits) if one.verdict == "failed")
    if not exceeded:
        return Gate(comparison, (), None)
    layers = layer_sqnr(convert_float(model, config), int8, spread(dataset.images, SQNR_IMAGES))
    return Gate(comparison, exceeded, worst_layer(layers))
