"""Frames for the core's test program on a chip, with the boxes that the host finds on them.

tests/firmware/chip_core/main/frames.h reads what `partition` writes. No frame shows a person but the astronaut of the
golden pictures and scikit-image's LFW faces, small and pasted into pictures.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from microfer.contract import NUM_CLASSES
from microfer.data.synthetic import render_face
from microfer.errors import MicroferError
from microfer.export.golden import read_pictures
from microfer.pictures.faces import load_cascade, paste
from microfer.pictures.opencv import cv2
from microfer.studies.detector.report import MIN_NEIGHBOURS, SCALE_STEP, SMALLEST_PX
from microfer.studies.detector.scenes import HEIGHT_PX, WIDTH_PX, Gray, faceless, lfw_faces, place, scenes
from microfer.virtual_board.firmware_core import FirmwareCore

PARTITION_BYTES = 0x200000
"""Size of the partition `frames` in tests/firmware/chip_core/partitions.csv."""

MAGIC = b"microfer frames\0"
MAX_FACES = 8
KINDS = {
    "golden": "the golden pictures",
    "lfw": "LFW faces of 48 to 100 pixels",
    "drawn": "drawn faces",
    "none": "no face",
}
SEED = 5

Faces = Sequence[tuple[int, int, int, int, int]]
"""left, top, width, height, neighbours of each face."""


@dataclass(frozen=True)
class ChipFrame:
    """A frame, uint8 (120, 160), of one of `KINDS`."""

    kind: str
    frame: Gray


def frames(count: int = 20) -> Iterator[ChipFrame]:
    """Yield the golden pictures, then `count` frames of each other kind; the same arguments give the same pixels."""
    for golden in read_pictures():
        picture = golden.picture
        yield ChipFrame("golden", np.frombuffer(picture.pixels, np.uint8).reshape(picture.height_px, picture.width_px))
    for scene in scenes(lfw_faces(), count, SEED):
        yield ChipFrame("lfw", scene.frame)
    rng = np.random.default_rng(SEED)
    for index in range(count):
        yield ChipFrame("drawn", _drawn(rng, index))
    for frame in faceless(count, SEED):
        yield ChipFrame("none", frame)


def _drawn(rng: np.random.Generator, index: int) -> Gray:
    size = int(rng.integers(70, 121))
    frame = np.full((HEIGHT_PX, WIDTH_PX), int(rng.integers(90, 200)), np.uint8)
    left, top = place(size, rng)
    paste(frame, render_face(index % NUM_CLASSES, rng, size, 0.25), left, top, size)
    return np.clip(frame + rng.normal(0, 3, frame.shape), 0, 255).astype(np.uint8)


def partition(made: Sequence[ChipFrame], core: FirmwareCore) -> bytes:
    """Return the partition's content: each frame with the boxes of the core on this computer, and of OpenCV.

    Raises:
        MicroferError: there are too many frames.
    """
    opencv = load_cascade()
    records = [
        one.kind.encode().ljust(16, b"\0")
        + _expected([(f.box.left, f.box.top, f.box.width, f.box.height, f.neighbours) for f in core.detect(one.frame)])
        + _expected(_by_opencv(opencv, one.frame))
        + one.frame.tobytes()
        for one in made
    ]
    content = MAGIC + struct.pack("<2I", len(records), len(records[0]) if records else 0) + b"".join(records)
    if len(content) > PARTITION_BYTES:
        raise MicroferError(f"{len(made)} frames take {len(content)} bytes, {PARTITION_BYTES} have room; take fewer")
    return content


def _by_opencv(opencv: "cv2.CascadeClassifier", frame: Gray) -> Faces:
    boxes, counts = opencv.detectMultiScale2(
        frame, scaleFactor=SCALE_STEP, minNeighbors=MIN_NEIGHBOURS, minSize=(SMALLEST_PX, SMALLEST_PX)
    )
    return [
        (int(left), int(top), int(width), int(height), int(count))
        for (left, top, width, height), count in zip(boxes, counts, strict=True)
    ]


def _expected(faces: Faces) -> bytes:
    numbers = [number for face in faces[:MAX_FACES] for number in face]
    return struct.pack(f"<I{5 * MAX_FACES}i", len(faces), *numbers, *[0] * (5 * MAX_FACES - len(numbers)))
