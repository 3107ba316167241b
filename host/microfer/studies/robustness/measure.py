"""How much accuracy is left when crops get worse, and when the board's own camera chain makes them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from microfer.data.dataset import Dataset
from microfer.errors import MicroferError
from microfer.metrics.metrics import wilson_interval
from microfer.studies.robustness.camera_chain import FACE_SIDES_PX, CropFinder, through_the_camera
from microfer.studies.robustness.corruptions import CORRUPTIONS, Corruption, Crops

SCHEMA = "microfer.robustness/1"
CAMERA = "camera"

Scorer = Callable[[Crops, str], npt.NDArray[np.floating]]
"""Crops, uint8 (n, 48, 48), and a title for the progress bar, to scores (n, classes)."""


@dataclass(frozen=True)
class Row:
    """What one condition leaves.

    strength, unit: see `Corruption`; of the camera, the face's side on the frame. images: those that were scored; of
    the camera, those whose face was found. accuracy: of these, 0..1, with its 95 % Wilson interval.
    drop_points: percentage points under the clean crops of the very same images, with the 95 % interval of a paired
    difference. found: share of the images whose face was found.
    """

    kind: str
    strength: float
    unit: str
    images: int
    accuracy: float
    low: float
    high: float
    drop_points: float
    drop_low: float
    drop_high: float
    found: float = 1.0


@dataclass(frozen=True)
class Robustness:
    """The clean split and every condition on it. seed: of every random number."""

    images: int
    accuracy: float
    low: float
    high: float
    rows: tuple[Row, ...]
    seed: int
    camera: str | None

    def to_json(self) -> dict[str, Any]:
        """Return plain values, `schema` first."""
        return {"schema": SCHEMA} | asdict(self)

    def worst(self) -> dict[str, Row]:
        """Return each kind's strongest condition."""
        return {row.kind: row for row in self.rows}


def measure(
    score: Scorer,
    data: Dataset,
    seed: int,
    *,
    corruptions: Sequence[Corruption] = CORRUPTIONS,
    finder: CropFinder | None = None,
) -> Robustness:
    """Return how a model does on `data` under every corruption and, with a `finder`, behind the camera chain.

    score: runs the model. Labels come from `data`. The same seed and data give the same pixels.

    Raises:
        MicroferError: `data` is empty, or the camera chain finds no face at some distance.
    """
    if len(data) == 0:
        raise MicroferError("there is no image to measure robustness on; choose a split that has some")
    clean = _right(score(data.images, "clean"), data.labels)
    rows: list[Row] = []
    for one in corruptions:
        changed = [one.apply(data.images, strength, seed) for strength in one.strengths]
        # One run for all strengths: processes take a while to start.
        right = _right(score(np.concatenate(changed), one.name), np.tile(data.labels, len(changed)))
        for strength, part in zip(one.strengths, np.split(right, len(changed)), strict=True):
            rows.append(_row(one.name, strength, one.unit, part, clean))
    if finder is not None:
        rows += _camera_rows(score, data, clean, finder, seed)
    low, high = wilson_interval(int(clean.sum()), len(clean))
    name = finder.name if finder else None
    return Robustness(len(data), float(clean.mean()), low, high, tuple(rows), seed, name)


def _camera_rows(
    score: Scorer, data: Dataset, clean: npt.NDArray[np.bool_], finder: CropFinder, seed: int
) -> list[Row]:
    seen = [through_the_camera(data.images, side, finder, seed) for side in FACE_SIDES_PX]
    for side, (_, found) in zip(FACE_SIDES_PX, seen, strict=True):
        if not found.any():
            raise MicroferError(f"{finder.name} found none of {len(data)} faces of {side} pixels; take more images")
    crops = np.concatenate([crops[found] for crops, found in seen])
    labels = np.concatenate([data.labels[found] for _, found in seen])
    ends = np.cumsum([found.sum() for _, found in seen])[:-1]
    parts = np.split(_right(score(crops, CAMERA), labels), ends)
    unit = "px wide on 320x240"
    return [
        _row(CAMERA, side, unit, part, clean[found], float(found.mean()))
        for side, part, (_, found) in zip(FACE_SIDES_PX, parts, seen, strict=True)
    ]


def _right(scores: npt.NDArray[np.floating], labels: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    right: npt.NDArray[np.bool_] = scores.argmax(axis=1) == labels
    return right


def _row(
    kind: str,
    strength: float,
    unit: str,
    right: npt.NDArray[np.bool_],
    clean: npt.NDArray[np.bool_],
    found: float = 1.0,
) -> Row:
    count = len(right)
    low, high = wilson_interval(int(right.sum()), count)
    lost, won = int((clean & ~right).sum()), int((~clean & right).sum())
    drop = (lost - won) / count
    # The two answers on one image are not independent: only images where they differ widen the interval.
    half = 1.96 * math.sqrt(max(lost + won - (lost - won) ** 2 / count, 0)) / count
    return Row(
        kind, strength, unit, count, float(right.mean()), low, high,
        drop_points=100 * drop, drop_low=100 * (drop - half), drop_high=100 * (drop + half), found=found,
    )  # fmt: skip
