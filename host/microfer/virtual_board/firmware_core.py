"""The firmware's own C++ core, compiled for this computer and called from here.

The face detector, the crop, the face tracker, and a whole board out of the caller's parts. The plain C functions
behind it are declared in firmware/host/core.h.
"""

import ctypes
import warnings
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from microfer.contract import (
    CAMERA_HEIGHT_PX,
    CAMERA_WIDTH_PX,
    CROP_SIZE,
    MOST_FACES,
    SEARCH_HEIGHT_PX,
    SEARCH_WIDTH_PX,
)
from microfer.errors import MicroferError
from microfer.release import default_model
from microfer.virtual_board.core_build import Progress, built_core
from microfer.virtual_board.core_interface import CBox, CFace, CFacts, CFrame, CParts, CSearch, CTrack, open_library

MAX_SEARCH_PX: Final = (SEARCH_WIDTH_PX, SEARCH_HEIGHT_PX)
"""Width and height of the largest frame that the detector takes."""

MAX_FRAME_PX: Final = (CAMERA_WIDTH_PX, CAMERA_HEIGHT_PX)
"""Width and height of the largest frame that the tracker and the board take."""

_DETECT_REFUSALS = ("it is not a gray frame, or the settings are out of range", f"it is larger than {MAX_SEARCH_PX}")

GrayFrame = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Box:
    """A rectangle in a frame's pixels; it may reach over the frame's edge."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class FoundFace:
    """A face that the detector found. `neighbours`: how many of its windows agree, more is surer."""

    box: Box
    neighbours: int


class TrackSource(IntEnum):
    """Where a face's box comes from; the numbers are those of the link's FaceSource."""

    NONE = 0
    DETECTED = 1
    TRACKED = 2


@dataclass(frozen=True)
class Track:
    """What the tracker says of a frame: the face's steady box and the box to crop; both all zero without a face."""

    source: TrackSource
    face: Box
    crop: Box
    is_new_face: bool


class FirmwareCore:
    """The compiled core of one model's firmware."""

    def __init__(self, library: Path) -> None:
        """Load the library that `core_build.built_core` made.

        Raises:
            MicroferError: it cannot be loaded, or its structs are not laid out as the ones here.
        """
        self.path = library
        self._library = open_library(library)

    def detect(
        self,
        frame: GrayFrame,
        smallest_face_px: int | None = None,
        min_neighbours: int | None = None,
        look_closer_from_stage: int | None = None,
        most_trees: int | None = None,
    ) -> list[FoundFace]:
        """Return the faces that the board's detector finds, the largest first, at most 8; empty where there is none.

        frame: gray, uint8 (height, width), at most 120 x 160.
        smallest_face_px, min_neighbours, look_closer_from_stage, most_trees: the firmware's DetectorSettings, at least
            1, 1, 0 and 0; the board's own where not given. With 0 for the last two every window is looked at, and what
            is found is what OpenCV finds. A smallest_face_px below the board's own (43) becomes that, with a warning:
            the search begins at twice the cascade's window.

        Raises:
            MicroferError: the frame is larger, or a setting is out of range.
        """
        faces = (CFace * MOST_FACES)()
        view = view_of(frame)
        asked = (smallest_face_px, min_neighbours, look_closer_from_stage, most_trees)
        search: CSearch = self._library.microfer_search_of_the_board()
        if smallest_face_px is not None and smallest_face_px < search.smallest_face_px:
            warnings.warn(
                f"smallest_face_px {smallest_face_px} becomes {search.smallest_face_px}: "
                "the detector looks for no smaller face",
                stacklevel=2,
            )
        for (name, _), value in zip(CSearch._fields_, asked, strict=True):
            if value is not None:
                setattr(search, name, value)
        settings = tuple(getattr(search, name) for name, _ in CSearch._fields_)
        count = self._library.microfer_detect(ctypes.byref(view), ctypes.byref(search), faces, len(faces))
        if count < 0:
            raise MicroferError(
                f"the detector refused a frame of {frame.shape[1]}x{frame.shape[0]} pixels with "
                f"(smallest_face_px, min_neighbours, look_closer_from_stage, most_trees) = {settings}: "
                f"{_DETECT_REFUSALS[-count - 2]}"
            )
        return [FoundFace(_box(face.box), face.neighbours) for face in faces[:count]]

    def crop(self, frame: GrayFrame, box: Box) -> npt.NDArray[np.uint8]:
        """Return the box as the network takes it, uint8 (48, 48).

        Raises:
            MicroferError: the box lies outside the frame, or one of them is too large.
        """
        pixels = np.empty((CROP_SIZE, CROP_SIZE), np.uint8)
        view, wanted = view_of(frame), CBox(box.left, box.top, box.width, box.height)
        outcome = self._library.microfer_crop(ctypes.byref(view), ctypes.byref(wanted), pixels.ctypes.data)
        if outcome != 0:
            raise MicroferError(f"the firmware does not crop {box} out of {frame.shape[1]}x{frame.shape[0]} pixels")
        return pixels

    def encode(self, crop: npt.NDArray[np.uint8]) -> npt.NDArray[np.int8]:
        """Return the input tensor that the board fills from a crop, uint8 (48, 48): int8, flat."""
        pixels = np.ascontiguousarray(crop, np.uint8)
        tensor = np.empty(pixels.size, np.int8)
        if self._library.microfer_encode(pixels.ctypes.data, tensor.ctypes.data, tensor.size) != 0:
            raise MicroferError(f"the firmware does not fill a tensor of {tensor.size} values from a crop")
        return tensor

    def tracker(self) -> "Tracker":
        """Return a tracker that follows one face from frame to frame, with the board's settings."""
        return Tracker(self._library)

    def board(self, parts: CParts, facts: CFacts) -> "CoreBoard":
        """Return a board that is off. The parts are kept alive by it."""
        return CoreBoard(self._library, parts, facts)


class Tracker:
    """The board's face tracker; see firmware/lib/face/face_tracker.h."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        self._handle = _made(library.microfer_tracker_create())

    def follow(self, frame: GrayFrame) -> Track:
        """Take the next frame, gray uint8 (height, width), at most 240 x 320.

        Raises:
            MicroferError: the frame is larger.
        """
        view, track = view_of(frame), CTrack()
        outcome = self._library.microfer_tracker_follow(self._handle, ctypes.byref(view), ctypes.byref(track))
        if outcome != 0:
            raise MicroferError(f"the tracker takes no frame of {frame.shape[1]}x{frame.shape[0]} pixels")
        return Track(TrackSource(track.source), _box(track.face), _box(track.crop), bool(track.is_new_face))

    def reset(self) -> None:
        """Forget the face."""
        self._library.microfer_tracker_reset(self._handle)

    def __del__(self) -> None:
        if handle := getattr(self, "_handle", None):
            self._library.microfer_tracker_destroy(handle)


class CoreBoard:
    """The firmware's Device and CameraKeeper. `capture` may be called by one thread, all else by another."""

    def __init__(self, library: ctypes.CDLL, parts: CParts, facts: CFacts) -> None:
        self._library = library
        self._parts = parts
        self._handle = _made(library.microfer_board_create(ctypes.byref(parts), ctypes.byref(facts)))

    def start(self) -> None:
        """Load the network, run the self-test, say hello."""
        self._library.microfer_board_start(self._handle)

    def step(self) -> bool:
        """Handle what has arrived, one frame, and what there is to report; return whether there was anything."""
        return bool(self._library.microfer_board_step(self._handle))

    def capture(self) -> int:
        """Start the camera or capture one frame; return how many milliseconds to wait before the next time."""
        return int(self._library.microfer_board_capture(self._handle))

    def light(self) -> int:
        """Return what an LED should tell: a number of DeviceLight in firmware/lib/device/device.h."""
        return int(self._library.microfer_board_light(self._handle))

    def close(self) -> None:
        """Destroy the board; nothing else of it may be running or called again."""
        handle, self._handle = self._handle, None
        if handle:
            self._library.microfer_board_destroy(handle)


def open_core(tflite: Path | None = None, progress: Progress | None = None) -> FirmwareCore:
    """Return the core exported for a model, the default release when none is named; compiled on first use.

    Raises:
        MicroferError: see `core_build.built_core`.
    """
    return FirmwareCore(built_core(tflite or default_model(), progress=progress))


def view_of(frame: GrayFrame) -> CFrame:
    """Return a frame, gray uint8 (height, width), as C sees it: good as long as the array is."""
    if frame.dtype != np.uint8 or frame.ndim != 2 or frame.size == 0 or frame.strides[1] != 1 or frame.strides[0] < 0:
        raise ValueError(
            f"expected a gray frame uint8 (height, width) whose rows lie whole, got {frame.dtype} {frame.shape}"
        )
    return CFrame(frame.ctypes.data, frame.shape[1], frame.shape[0], frame.strides[0])


def _made(handle: int | None) -> int | None:
    if not handle:
        raise MicroferError("there is not enough memory for the firmware's core, or its frames would be too large")
    return handle


def _box(box: CBox) -> Box:
    return Box(box.left_px, box.top_px, box.width_px, box.height_px)
