"""Finding faces on a gray frame and cutting the 48x48 crop out of it.

The crop equals the board's, bit for bit. The detector is OpenCV's Viola-Jones cascade, as FER-2013 was cropped with
one, so that its boxes frame a face much as the training images do. It searches pictures of any size and many faces; the
board's own, which follows one face on frames of 160x120, is in `firmware_core`, and the virtual board runs it.

P. Viola, M. Jones, Rapid Object Detection using a Boosted Cascade of Simple Features, CVPR 2001.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from microfer.errors import MicroferError
from microfer.export.cascade_table import CASCADE
from microfer.oracle.crop import crop_resize
from microfer.pictures.opencv import cv2

DETECTION_SIDE_PX = 1280
"""Larger frames are searched in a copy this long: a face to be recognised is larger than a few pixels in any case."""

GrayFrame = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Face:
    """A square box around a face, in pixels of its frame. It may reach over the frame's edge.

    left, top: the upper left corner.
    size: width and height, at least 1.
    neighbours: how many of the detector's windows agree on it; above 0, larger is surer.
    """

    left: int
    top: int
    size: int
    neighbours: int

    def adjusted(self, enlarge: float = 1.0, shift_right: float = 0.0, shift_down: float = 0.0) -> "Face":
        """Return the box made `enlarge` times as large about its centre, then moved by parts of its old size.

        Raises:
            MicroferError: `enlarge` is not within 0.2..5 or a shift not within -1..1.
        """
        if not (0.2 <= enlarge <= 5 and abs(shift_right) <= 1 and abs(shift_down) <= 1):
            raise MicroferError(
                f"a box enlarged by {enlarge} and shifted by ({shift_right}, {shift_down}) loses the face; "
                "enlarge by 0.2 to 5, shift by -1 to 1 of the box's size"
            )
        size = max(1, round(self.size * enlarge))
        left = round(self.left + (self.size - size) / 2 + shift_right * self.size)
        top = round(self.top + (self.size - size) / 2 + shift_down * self.size)
        return replace(self, left=left, top=top, size=size)


class FaceFinder:
    """Finds upright frontal faces.

    min_neighbours: how many windows must agree; fewer finds more faces, and more that are none.
    min_size_px: the smallest face looked for, in pixels of the frame. Below the crop's 48 pixels a face is blown up.

    Raises:
        MicroferError: this OpenCV has no cascade detector, or its cascade file is missing.
    """

    def __init__(self, min_neighbours: int = 4, min_size_px: int = 40) -> None:
        self._cascade = load_cascade()
        self._min_neighbours = min_neighbours
        self._min_size_px = min_size_px

    def find(self, frame: GrayFrame) -> list[Face]:
        """Return the faces on a frame, uint8 (height, width), 0..255: the largest first, empty where there is none."""
        if frame.dtype != np.uint8 or frame.ndim != 2 or frame.size == 0:
            raise ValueError(f"expected a gray frame uint8 (height, width), got {frame.dtype} {frame.shape}")
        shrink = min(1.0, DETECTION_SIDE_PX / max(frame.shape))
        searched = frame if shrink == 1 else cv2.resize(frame, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        smallest = max(20, round(self._min_size_px * shrink))  # the cascade itself looks at 20x20 pixels
        boxes, neighbours = self._cascade.detectMultiScale2(
            searched, scaleFactor=1.1, minNeighbors=self._min_neighbours, minSize=(smallest, smallest)
        )
        faces = [_square(box / shrink, int(count)) for box, count in zip(np.asarray(boxes), neighbours, strict=True)]
        return sorted(faces, key=lambda face: (-face.size, face.left, face.top))


def crop(frame: GrayFrame, face: Face) -> npt.NDArray[np.uint8]:
    """Return the face as the network takes it: uint8 (48, 48), 0..255, each pixel the mean of the area it covers.

    Where the box leaves the frame, the frame's edge pixels are repeated.

    Raises:
        MicroferError: the box does not touch the frame at all.
    """
    height, width = frame.shape
    right, bottom = face.left + face.size, face.top + face.size
    if right <= 0 or bottom <= 0 or face.left >= width or face.top >= height:
        raise MicroferError(f"{face} lies outside the frame of {width}x{height} pixels")
    return crop_resize(frame, face.left, face.top, face.size, face.size)


def paste(frame: npt.NDArray[Any], face: GrayFrame, left: int, top: int, size: int) -> None:
    """Put a square face, uint8 (n, n), onto a frame, (height, width), scaled to `size` pixels, all of it inside."""
    frame[top : top + size, left : left + size] = cv2.resize(face, (size, size), interpolation=cv2.INTER_LINEAR)


def _square(box: npt.NDArray[np.float64], neighbours: int) -> Face:
    left, top, width, height = box
    size = max(width, height)
    return Face(round(left + (width - size) / 2), round(top + (height - size) / 2), max(1, round(size)), neighbours)


def load_cascade() -> "cv2.CascadeClassifier":
    """Return OpenCV's detector with the cascade that the firmware's table is made from.

    Raises:
        MicroferError: this OpenCV has no cascade detector, or its cascade file is missing or damaged.
    """
    if not hasattr(cv2, "CascadeClassifier") or not hasattr(cv2, "data"):
        raise MicroferError(
            f"OpenCV {cv2.__version__} has no CascadeClassifier (version 5 dropped it); "
            'install version 4: pip install "opencv-python-headless>=4.14,<5"'
        )
    path = cascade_path()
    if not path.is_file():
        raise MicroferError(
            f"the face detector's file {path} is missing; "
            'install OpenCV again: pip install --force-reinstall "opencv-python-headless>=4.14,<5"'
        )
    try:
        cascade = cv2.CascadeClassifier(str(path))
    except (cv2.error, SystemError):  # the binding raises the one wrapped in the other
        cascade = None
    if cascade is None or cascade.empty():
        raise MicroferError(
            f"{path} is not a cascade that OpenCV can read; "
            'install OpenCV again: pip install --force-reinstall "opencv-python-headless>=4.14,<5"'
        )
    return cascade


def cascade_path() -> Path:
    """Return where the installed OpenCV keeps the cascade."""
    return Path(cv2.data.haarcascades) / CASCADE  # type: ignore[attr-defined]
