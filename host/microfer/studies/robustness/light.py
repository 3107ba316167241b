"""What the limits in microfer.doctor.light come from: crops made worse bit by bit, measured and classified."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from microfer.contract import CROP_SIZE
from microfer.data.dataset import Dataset
from microfer.doctor.light import measure
from microfer.pictures.opencv import cv2
from microfer.runtimes.runners import Runner
from microfer.studies.robustness.corruptions import Change, Crops, corruption

MEASURES = ("brightness", "contrast", "sharpness")
PERCENTILES = (1, 50, 99)
STRENGTHS = {
    "blur": (0.7, 1.0, 1.5, 2.0),
    "darkness": (0.5, 0.3, 0.2, 1.5, 2.0, 3.0),  # above 1 it is too bright
    "contrast": (0.5, 0.3, 0.2),
}
FACE_SIDES_PX = (40, 32, 28, 24, 20)
"""How large a face is on the frame before its crop is blown up to 48 pixels."""


@dataclass(frozen=True)
class LightRow:
    """Crops made worse in one way. accuracy: 0..1. measured: MEASURES -> its PERCENTILES over the crops."""

    way: str
    accuracy: float
    measured: dict[str, tuple[float, ...]]


def rows(data: Dataset, runner: Runner) -> Iterator[LightRow]:
    """Yield a row for each way of making the crops of a split worse, after one for the crops as they are."""
    for way, change, strength in _ways():
        crops = change(data.images, strength, np.random.default_rng(0))
        accuracy = float((runner.raw(crops).argmax(axis=1) == data.labels).mean())
        found = [measure(crop) for crop in crops]
        percentiles = {
            name: tuple(float(one) for one in np.percentile([getattr(each, name) for each in found], PERCENTILES))
            for name in MEASURES
        }
        yield LightRow(way, accuracy, percentiles)


def _ways() -> Iterator[tuple[str, Change, float]]:
    yield "as it is", lambda crops, _, __: crops, 0.0
    for name, strengths in STRENGTHS.items():
        one = corruption(name)
        yield from ((f"{name} {strength:g} {one.unit}", one.change, strength) for strength in strengths)
    yield from ((f"face of {side} px", _reduced, side) for side in FACE_SIDES_PX)


def _reduced(crops: Crops, side: float, _: np.random.Generator) -> Crops:
    smaller = partial(cv2.resize, dsize=(int(side), int(side)), interpolation=cv2.INTER_AREA)
    larger = partial(cv2.resize, dsize=(CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_LINEAR)
    reduced: npt.NDArray[np.uint8] = np.array([larger(smaller(crop)) for crop in crops], np.uint8)
    return reduced
