"""The board's own way to a crop: a camera frame with a face somewhere on it, the face found, cut out and resized.

A crop of the data set is pasted into a drawn frame. The data was cropped by a frontal detector, so a crop is about
what the detector's box around that face would hold.
"""

from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from microfer.contract import CAMERA_HEIGHT_PX, CAMERA_WIDTH_PX, CROP_SIZE
from microfer.errors import MicroferError
from microfer.pictures.faces import FaceFinder, crop, paste
from microfer.pictures.opencv import cv2
from microfer.studies.robustness.corruptions import Crops

FRAME_WIDTH_PX, FRAME_HEIGHT_PX = CAMERA_WIDTH_PX, CAMERA_HEIGHT_PX
FACE_SIDES_PX = (200, 144, 112, 88)
"""How large the face is on the frame, from near to far; the board searches half the frame for faces of 43 and more."""

SENSOR_NOISE = 3.0
"""Standard deviation, gray levels."""

Detector = Literal["firmware", "opencv"]
Frame = npt.NDArray[np.uint8]


class CropFinder(Protocol):
    """Finds the largest face of a frame and cuts it out. name: what does it, for reports."""

    name: str

    def find(self, frame: Frame) -> Crops | None:
        """Return the crop, uint8 (48, 48), of a frame, uint8 (240, 320); None where no face is found."""
        ...


class OpenCvCropFinder:
    """OpenCV's cascade, and the crop's oracle, which equals the board's crop bit for bit."""

    name = "OpenCV's detector, the board's crop"

    def __init__(self) -> None:
        self._finder = FaceFinder(min_neighbours=3)

    def find(self, frame: Frame) -> Crops | None:
        """See `CropFinder.find`."""
        faces = self._finder.find(frame)
        return crop(frame, faces[0]) if faces else None


class FirmwareCropFinder:
    """The firmware's own tracker, detector and crop, compiled for this computer."""

    name = "the firmware's detector, tracker and crop"

    def __init__(self) -> None:
        from microfer.virtual_board.firmware_core import open_core

        self._core = open_core()
        self._tracker = self._core.tracker()

    def find(self, frame: Frame) -> Crops | None:
        """See `CropFinder.find`."""
        from microfer.virtual_board.firmware_core import TrackSource

        self._tracker.reset()  # every frame is another scene
        track = self._tracker.follow(frame)
        return None if track.source == TrackSource.NONE else self._core.crop(frame, track.crop)


def crop_finder(detector: Detector) -> CropFinder:
    """Return the finder for a detector. Raises MicroferError where it is not to be had on this computer."""
    return FirmwareCropFinder() if detector == "firmware" else OpenCvCropFinder()


def scene(face: Crops, side_px: int, rng: np.random.Generator) -> Frame:
    """Return a frame, uint8 (240, 320), with the crop, uint8 (48, 48), on it, `side_px` large, somewhere."""
    if not CROP_SIZE // 2 <= side_px <= FRAME_HEIGHT_PX:
        raise MicroferError(f"a face of {side_px} pixels: choose {CROP_SIZE // 2} to {FRAME_HEIGHT_PX}")
    coarse = rng.uniform(40, 215, (4, 5)).astype(np.float32)
    frame = cv2.resize(coarse, (FRAME_WIDTH_PX, FRAME_HEIGHT_PX)).astype(np.float64)
    top = int(rng.integers(0, FRAME_HEIGHT_PX - side_px + 1))
    left = int(rng.integers(0, FRAME_WIDTH_PX - side_px + 1))
    paste(frame, face, left, top, side_px)
    return np.clip(frame + rng.normal(0, SENSOR_NOISE, frame.shape) + 0.5, 0, 255).astype(np.uint8)


def through_the_camera(
    crops: Crops, side_px: int, finder: CropFinder, seed: int
) -> tuple[Crops, npt.NDArray[np.bool_]]:
    """Return what the network gets of faces of `side_px` pixels: crops, uint8 (n, 48, 48), and which were found, (n,).

    A crop whose face was not found is black.
    """
    rng = np.random.default_rng((seed, side_px))
    seen = [finder.find(scene(one, side_px, rng)) for one in crops]
    found = np.array([one is not None for one in seen])
    nothing = np.zeros((CROP_SIZE, CROP_SIZE), np.uint8)
    return np.stack([nothing if one is None else one for one in seen]), found
