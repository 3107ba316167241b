"""What quantization starts from and what it may cost: the calibration images, and the gate that a network must pass."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from microfer.contract import PIXEL_MAX
from microfer.data.dataset import Dataset
from microfer.errors import MicroferError
from microfer.model.convert import convert_float
from microfer.model.networks import Network
from microfer.parity.compare import ScoreComparison, compare_scores
from microfer.parity.limits import Judgement, Limits
from microfer.runtimes.parallel import run_parallel
from microfer.runtimes.runners import KerasRunner, LiteRTRunner
from microfer.runtimes.sqnr import layer_sqnr, spread, worst_layer

SQNR_IMAGES = 16


def representative_images(training: Dataset, count: int, seed: int) -> npt.NDArray[np.uint8]:
    """Return about `count` crops for calibration, uint8 (n, 48, 48): the same number of each class, drawn by `seed`.

    Raises:
        MicroferError: a class has too few images, or none of the crops has a black and none a white pixel, so that
            the input's range would not come out as 0..1.
    """
    rng = np.random.default_rng(seed)
    each = max(count // len(training.classes), 1)
    chosen = []
    for label in range(len(training.classes)):
        members = np.flatnonzero(training.labels == label)
        if len(members) < each:
            raise MicroferError(
                f"{training.source} has {len(members)} images of class {training.classes[label]}; "
                f"calibration takes {each}: use less"
            )
        chosen.append(rng.choice(members, each, replace=False))
    images: npt.NDArray[np.uint8] = training.images[np.sort(np.concatenate(chosen))]
    if images.min() != 0 or images.max() != PIXEL_MAX:
        raise MicroferError(
            f"the calibration images span {images.min()}..{images.max()}, not 0..{PIXEL_MAX}: draw more of them"
        )
    return images


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


def gate(
    model: Any, config: Network, int8: bytes, dataset: Dataset, limits: Limits, split_images: int | None = None
) -> Gate:
    """Compare the float `model` with its `int8` .tflite on `dataset`; find the worst layer where a limit is exceeded.

    split_images: how many images the split has of which `dataset` is a part; None where it is the whole one.
    """
    float_scores = run_parallel(KerasRunner(model), dataset.images, "scores", title="float")
    int8_scores = run_parallel(LiteRTRunner(int8), dataset.images, "scores", title="int8")
    comparison = compare_scores(
        float_scores, int8_scores, dataset.labels, dataset.names, split_images, classes=dataset.classes
    )
    exceeded = tuple(one for one in comparison.judge(limits) if one.verdict == "failed")
    if not exceeded:
        return Gate(comparison, (), None)
    layers = layer_sqnr(convert_float(model, config), int8, spread(dataset.images, SQNR_IMAGES))
    return Gate(comparison, exceeded, worst_layer(layers))
