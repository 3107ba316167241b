"""The board's face detector, measured: how many faces it finds, what else it takes for one, and OpenCV beside it.

Both use the same cascade, scale step, smallest face and number of neighbours.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from microfer.export.cascade_table import CASCADE
from microfer.metrics.metrics import wilson_interval
from microfer.pictures.faces import load_cascade
from microfer.pictures.opencv import cv2
from microfer.studies.detector.scenes import Gray, Scene, faceless, lfw_faces, scenes
from microfer.virtual_board.firmware_core import Box, FirmwareCore

SCHEMA: Final = "microfer.detector/1"
SCALE_STEP: Final = 1.1
MIN_NEIGHBOURS: Final = 2
SMALLEST_PX: Final = 43
"""What the firmware looks for: its scales begin there."""

OVERLAP: Final = 0.5
"""Intersection over union from which on a box is that of the face."""

Found = list[tuple[int, int, int, int, int]]
"""left, top, width, height and neighbours of each box, sorted"""

Finder = Callable[[Gray], Found]
FIRMWARE, EVERY_WINDOW, OPENCV = "firmware", "firmware, every window", "OpenCV"


@dataclass(frozen=True)
class Rate:
    """Of so many scenes, in how many the face was found; rate in 0..1 with its 95 % Wilson interval."""

    scenes: int
    found: int
    rate: float
    low: float
    high: float


@dataclass(frozen=True)
class DetectorReport:
    """What each finder does.

    lfw, fer: how many faces it finds; of FER-2013 only where there is data. false_boxes: in `faceless` frames.
    milliseconds: a frame, median of `rounds` rounds over the same frames, the finders in turn.
    same_answer: share of all frames on which a finder answers what OpenCV does, boxes and neighbours to the pixel.
    shared_boxes: share of OpenCV's boxes that a finder has too, with OVERLAP or more.
    """

    lfw: dict[str, Rate]
    fer: dict[str, Rate] | None
    faceless: int
    false_boxes: dict[str, int]
    same_answer: dict[str, float]
    shared_boxes: dict[str, float]
    milliseconds: dict[str, float]
    seed: int

    def to_json(self) -> dict[str, Any]:
        """Return plain values, `schema` and the settings first."""
        settings = {
            "cascade": CASCADE, "scale_step": SCALE_STEP, "min_neighbours": MIN_NEIGHBOURS,
            "smallest_face_px": SMALLEST_PX, "overlap": OVERLAP, "opencv": cv2.__version__,
        }  # fmt: skip
        derived = {
            "false_boxes_a_frame": {name: count / self.faceless for name, count in self.false_boxes.items()},
            "speed_against_opencv": {
                name: self.milliseconds[OPENCV] / spent for name, spent in self.milliseconds.items() if name != OPENCV
            },
        }
        return {"schema": SCHEMA, "settings": settings} | asdict(self) | derived


@dataclass
class _Agreement:
    """Frames and OpenCV's boxes so far; by finder, the frames answered alike and the boxes that it has too."""

    frames: int = 0
    boxes: int = 0
    same: Counter[str] = field(default_factory=Counter)
    shared: Counter[str] = field(default_factory=Counter)


def measure(
    core: FirmwareCore,
    fer_faces: npt.NDArray[np.uint8] | None,
    *,
    scene_count: int = 1000,
    faceless_count: int = 2000,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> DetectorReport:
    """Return what the firmware's detector and OpenCV's find, and how fast.

    fer_faces: uint8 (n, 48, 48), taken in turn; None: FER-2013 is left out.
    scene_count: scenes of each kind, at least 1. faceless_count: frames without a face, at least 1.

    Raises:
        MicroferError: OpenCV's cascade cannot be loaded.
    """
    finders = finders_of(core)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        agreement = _Agreement()
        progress(f"{scene_count:,} scenes with faces of LFW")
        lfw = _rates(finders, scenes(lfw_faces(), scene_count, seed), agreement)
        fer = None
        if fer_faces is not None:
            progress(f"{scene_count:,} scenes with faces of FER-2013")
            fer = _rates(finders, scenes(fer_faces, scene_count, seed + 1), agreement)
        progress(f"{faceless_count:,} frames without a face")
        false_boxes = dict.fromkeys(finders, 0)
        for frame in faceless(faceless_count, seed):
            for name, found in _answers(finders, frame, agreement).items():
                false_boxes[name] += len(found)
        progress("speed")
        timed = [scene.frame for scene in scenes(lfw_faces(), 50, seed + 2)] + list(faceless(50, seed + 2))
        milliseconds = _times(finders, timed)
    finally:
        cv2.setNumThreads(threads)
    others = [name for name in finders if name != OPENCV]
    same = {name: agreement.same[name] / agreement.frames for name in others}
    shared = {name: agreement.shared[name] / max(1, agreement.boxes) for name in others}
    return DetectorReport(lfw, fer, faceless_count, false_boxes, same, shared, milliseconds, seed)


def finders_of(core: FirmwareCore) -> dict[str, Finder]:
    """Return the finders that are compared, by name. Raises MicroferError where OpenCV's cascade cannot be loaded."""
    cascade = load_cascade()

    def with_opencv(frame: Gray) -> Found:
        boxes, counts = cascade.detectMultiScale2(
            frame, scaleFactor=SCALE_STEP, minNeighbors=MIN_NEIGHBOURS, minSize=(SMALLEST_PX, SMALLEST_PX)
        )
        return sorted(_row((*box, count)) for box, count in zip(np.asarray(boxes), counts, strict=True))

    def with_firmware(frame: Gray, **every_window: int) -> Found:
        found = core.detect(frame, SMALLEST_PX, MIN_NEIGHBOURS, **every_window)
        return sorted((*_within(frame, face.box), face.neighbours) for face in found)

    return {
        FIRMWARE: with_firmware,
        EVERY_WINDOW: lambda frame: with_firmware(frame, look_closer_from_stage=0, most_trees=0),
        OPENCV: with_opencv,
    }


def _within(frame: Gray, box: Box) -> tuple[int, int, int, int]:
    """Return a box as OpenCV gives it: what reaches over the frame's edge, which rounding can cause, is cut off."""
    height, width = frame.shape
    return box.left, box.top, min(box.width, width - box.left), min(box.height, height - box.top)


def overlap(one: Sequence[int], left: int, top: int, size: int) -> float:
    """Return the intersection over union, 0..1, of a box (left, top, width, height, ...) and a square."""
    width = min(one[0] + one[2], left + size) - max(one[0], left)
    height = min(one[1] + one[3], top + size) - max(one[1], top)
    shared = max(width, 0) * max(height, 0)
    return shared / (one[2] * one[3] + size * size - shared)


def _rates(finders: dict[str, Finder], made: Iterable[Scene], agreement: "_Agreement") -> dict[str, Rate]:
    hits, count = dict.fromkeys(finders, 0), 0
    for count, scene in enumerate(made, start=1):  # noqa: B007 - the number of them is what is wanted
        for name, found in _answers(finders, scene.frame, agreement).items():
            hits[name] += any(overlap(box, scene.left, scene.top, scene.size) >= OVERLAP for box in found)
    return {name: Rate(count, hit, hit / count, *wilson_interval(hit, count)) for name, hit in hits.items()}


def _answers(finders: dict[str, Finder], frame: Gray, agreement: "_Agreement") -> dict[str, Found]:
    """Return every finder's answer, and count in `agreement` how far they are OpenCV's."""
    answers = {name: find(frame) for name, find in finders.items()}
    expected = answers[OPENCV]
    agreement.frames += 1
    agreement.boxes += len(expected)
    for name, found in answers.items():
        agreement.same[name] += found == expected
        agreement.shared[name] += sum(
            any(overlap(one, left, top, size) >= OVERLAP for one in found) for left, top, size, *_ in expected
        )
    return answers


def _times(finders: dict[str, Finder], frames: Sequence[Gray], rounds: int = 7) -> dict[str, float]:
    spent: dict[str, list[float]] = {name: [] for name in finders}
    for _ in range(rounds):
        for name, find in finders.items():
            begun = time.perf_counter()
            for frame in frames:
                find(frame)
            spent[name].append((time.perf_counter() - begun) / len(frames) * 1e3)
    return {name: median(times) for name, times in spent.items()}


def _row(numbers: Iterable[Any]) -> tuple[int, int, int, int, int]:
    left, top, width, height, neighbours = (int(number) for number in numbers)
    return left, top, width, height, neighbours
