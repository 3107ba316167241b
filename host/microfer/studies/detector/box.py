"""Which box around a detected face makes crops like those the network was trained on: measured by its accuracy.

FER-2013's faces are pasted into pictures, found again by the board's detector, and cropped with boxes of several sizes
and places about the found one. The face's own pixels go on beyond its edges, as those of a head do.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from microfer.errors import MicroferError
from microfer.metrics.plots import BLUE, FAINT, INK, ORANGE, plain
from microfer.oracle.crop import crop_resize
from microfer.pictures.opencv import cv2
from microfer.studies.detector.report import OVERLAP, overlap
from microfer.studies.detector.scenes import HEIGHT_PX, LARGEST_FACE_PX, SMALLEST_FACE_PX, WIDTH_PX, Gray, place
from microfer.virtual_board.firmware_core import FirmwareCore

SIDES_Q8: Final = tuple(range(192, 385, 16))
"""Sides of the crop's box tried, in 256ths of the found box's side."""

DOWNS_Q8: Final = (-24, -12, 0, 12, 24)
"""How far it is moved down, in the same unit."""

Scorer = Callable[[npt.NDArray[np.uint8], str], npt.NDArray[np.floating]]
"""Crops, uint8 (n, 48, 48), and a title for a progress bar, to scores (n, classes)."""


@dataclass(frozen=True)
class BoxAccuracy:
    """How many of the found faces are recognised with a box of this side and place, in 256ths of the found side."""

    side_q8: int
    down_q8: int
    accuracy: float


@dataclass(frozen=True)
class BoxCurve:
    """What was measured. uncropped: accuracy on the data set's own images of the same faces, which no box can reach."""

    faces: int
    found: int
    uncropped: float
    rows: tuple[BoxAccuracy, ...]
    seed: int

    @property
    def best(self) -> BoxAccuracy:
        """The box with the highest accuracy; of equal ones the one nearest to the found box."""
        return max(self.rows, key=lambda row: (row.accuracy, -abs(row.side_q8 - 256) - abs(row.down_q8)))

    def to_json(self) -> dict[str, Any]:
        """Return plain values, the best box first."""
        return {"best": asdict(self.best)} | asdict(self)


def measure(
    core: FirmwareCore, score: Scorer, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.integer], seed: int = 0
) -> BoxCurve:
    """Return the accuracy for every box tried. images: uint8 (n, 48, 48); labels: (n,), indices into LABELS.

    Raises:
        MicroferError: no face was found on any of the images.
    """
    rng = np.random.default_rng((seed, 3))
    seen = [_seen(core, image, rng) for image in images]
    kept = [index for index, one in enumerate(seen) if one is not None]
    if not kept:
        raise MicroferError(f"the detector finds no face on any of {len(images)} images; are they FER-2013's?")
    frames = [one for one in seen if one is not None]
    truth = np.asarray(labels)[kept]

    tried = [(side, down) for side in SIDES_Q8 for down in DOWNS_Q8]
    crops = [_cropped(frame, box, *where) for where in tried for frame, box in frames]
    scores = score(np.stack(crops + [images[index] for index in kept]), "crops of every box")
    *right, uncropped = (scores.argmax(axis=1).reshape(-1, len(kept)) == truth).mean(axis=1).tolist()
    rows = [BoxAccuracy(*where, accuracy) for where, accuracy in zip(tried, right, strict=True)]
    return BoxCurve(len(images), len(kept), uncropped, tuple(rows), seed)


def curve_figure(curve: BoxCurve, title: str) -> Figure:
    """Draw accuracy over the box's side, a line for each shift; the best one is marked."""
    figure = Figure(figsize=(7.2, 3.8), layout="constrained", facecolor="white")
    axes = figure.subplots()
    figure.suptitle(title, x=0.02, ha="left", color=INK, fontsize=11, fontweight="bold")
    best = curve.best
    for down in DOWNS_Q8:
        rows = [row for row in curve.rows if row.down_q8 == down]
        axes.plot(
            [row.side_q8 / 256 for row in rows],
            [100 * row.accuracy for row in rows],
            color=ORANGE if down == best.down_q8 else BLUE,
            alpha=1 if down == best.down_q8 else 0.35,
            label=f"moved down by {down / 256:+.2f}",
        )
    axes.plot(best.side_q8 / 256, 100 * best.accuracy, "o", color=ORANGE)
    axes.axhline(100 * curve.uncropped, color=FAINT, linestyle=":", label="the images themselves")
    axes.set(xlabel="side of the crop's box, in sides of the found box", ylabel="accuracy, %")
    axes.legend(fontsize=7, frameon=False)
    plain(axes)
    return figure


def _seen(core: FirmwareCore, image: Gray, rng: np.random.Generator) -> tuple[Gray, Sequence[int]] | None:
    """Return a frame with the face, and the box (left, top, side, side) where the detector found it; None: nowhere."""
    size = int(rng.integers(SMALLEST_FACE_PX, LARGEST_FACE_PX + 1))
    left, top = place(size, rng)
    face = cv2.resize(image, (size, size), interpolation=cv2.INTER_LINEAR)
    around = (top, HEIGHT_PX - size - top, left, WIDTH_PX - size - left)
    frame = np.asarray(cv2.copyMakeBorder(face, *around, cv2.BORDER_REPLICATE), np.uint8)
    boxes = [(f.box.left, f.box.top, f.box.width, f.box.height) for f in core.detect(frame)]
    fitting = [box for box in boxes if overlap(box, left, top, size) >= OVERLAP]
    return (frame, fitting[0]) if fitting else None


def _cropped(frame: Gray, box: Sequence[int], side_q8: int, down_q8: int) -> npt.NDArray[np.uint8]:
    """Return the crop of a box as the firmware's CropBox() makes it, uint8 (48, 48)."""
    side = max(1, (box[2] * side_q8 + 128) >> 8)
    inset = int((box[2] - side) / 2)  # towards 0, as C++ divides
    return crop_resize(frame, box[0] + inset, box[1] + inset + ((box[2] * down_q8 + 128) >> 8), side, side)
