"""What the virtual board's camera sees: pictures, a video, a webcam, or a drawn scene, as gray frames of 320x240."""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from microfer.contract import CAMERA_HEIGHT_PX, CAMERA_WIDTH_PX
from microfer.data.decoding import MAX_PIXELS
from microfer.data.synthetic import render_face
from microfer.errors import MicroferError
from microfer.pictures import pictures
from microfer.pictures.faces import FaceFinder
from microfer.pictures.opencv import cv2
from microfer.pictures.pictures import Picture

WIDTH_PX, HEIGHT_PX = CAMERA_WIDTH_PX, CAMERA_HEIGHT_PX
VIDEO_SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm")
FRAMINGS = ("face", "fill", "whole")
"""How a picture is put onto the frame. face: the largest face fills a good part of it, as a person would hold the
camera, and where none is found, fill; fill: the middle of it; whole: all of it, with black bars."""

FACE_PART = 0.55
"""Of the frame's height that a face fills in the framing "face"."""

HOLD_S = 3.0
"""How long one of several pictures stands still."""

MAX_QUEUED, QUEUED_WITHIN_S = 5, 0.005
"""A driver queues frames that were not asked for in time. One that comes at once is such an old one, and is passed
over, at most so many times."""

GrayFrame = npt.NDArray[np.uint8]


class FrameSource(Protocol):
    """What a camera sees. `name` says it to people."""

    name: str

    def frame(self, time_s: float) -> GrayFrame:
        """Return what is seen at a time since the start, which never goes back: gray, uint8 (240, 320).

        Raises:
            MicroferError: nothing can be seen any more, such as of an unplugged webcam.
        """
        ...

    def close(self) -> None:
        """Give back what was opened."""
        ...


class PictureSource:
    """Pictures, one after the other, for ever."""

    def __init__(self, sources: Sequence[Path], framing: str = "face", hold_s: float = HOLD_S) -> None:
        """Read the pictures; of a folder, all that are in it.

        Raises:
            MicroferError: a picture is missing or cannot be read, or `framing` is none of FRAMINGS.
        """
        paths = pictures.expand(list(sources))
        self._frames = [framed(pictures.read(path).gray(), framing) for path in paths]
        self.hold_s = hold_s
        self.name = paths[0].name if len(paths) == 1 else f"{len(paths)} pictures"

    def frame(self, time_s: float) -> GrayFrame:
        """Return the picture whose turn it is."""
        return self._frames[int(time_s / self.hold_s) % len(self._frames)]

    def close(self) -> None:
        """Do nothing."""


class VideoSource:
    """A video, from its beginning and over again, at its own speed."""

    def __init__(self, path: Path, framing: str = "fill") -> None:
        """Open the video. Raises MicroferError where it cannot be read."""
        if not path.is_file():
            raise MicroferError(f"{path} does not exist; name a video, a picture or a folder of pictures")
        self.name = path.name
        self._path = path
        self._framing = framing
        self._capture = cv2.VideoCapture(str(path))
        claimed = [int(self._capture.get(what)) for what in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)]
        if claimed[0] * claimed[1] > MAX_PIXELS:
            raise MicroferError(
                f"{path}: the video claims {claimed[0]}x{claimed[1]} pixels, and at most {MAX_PIXELS:,} are decoded; "
                "make it smaller"
            )
        self._fps = self._capture.get(cv2.CAP_PROP_FPS) or 25.0
        self._index = -1
        self._seen: GrayFrame | None = None
        self._begin_s = 0.0
        self.frame(0)

    def frame(self, time_s: float) -> GrayFrame:
        """Return the video's frame at that time."""
        target = int((time_s - self._begin_s) * self._fps + 1e-6)  # 0.3 times 10 is below 3
        while self._index < target or self._seen is None:
            delivered, pixels = self._capture.read()
            if not delivered:
                return self._over_again(time_s)
            self._index += 1
            if self._index >= target:
                self._seen = framed(_gray(np.asarray(pixels, np.uint8)), self._framing)
        return self._seen

    def close(self) -> None:
        """Close the file."""
        self._capture.release()

    def _over_again(self, time_s: float) -> GrayFrame:
        if self._index < 0:
            raise MicroferError(
                f"{self._path} is not a video that OpenCV can read; "
                f"convert it: ffmpeg -i {self._path.name} converted.mp4"
            )
        self._capture.release()
        self._capture = cv2.VideoCapture(str(self._path))
        self._index, self._begin_s = -1, time_s
        return self.frame(time_s)


class WebcamSource:
    """A webcam of this computer, live."""

    def __init__(self, number: int = 0, framing: str = "fill") -> None:
        """Open the webcam. Raises MicroferError where there is none, or it is in use."""
        self.name = f"webcam {number}"
        self._number = number
        self._framing = framing
        self._webcam: AbstractContextManager[Iterator[Picture]] | None = None
        self._frames: Iterator[Picture] = iter(())
        self._open()

    def frame(self, time_s: float) -> GrayFrame:
        """Return the newest frame, whatever the time; a webcam that was lost is opened again, if it is back."""
        del time_s
        if self._webcam is None:
            self._open()
        try:
            return framed(self._newest().gray(), self._framing)
        except MicroferError:
            self.close()
            raise

    def close(self) -> None:
        """Give the webcam back."""
        webcam, self._webcam = self._webcam, None
        if webcam is not None:
            webcam.__exit__(None, None, None)

    def _open(self) -> None:
        webcam = pictures.webcam(self._number)
        self._frames = webcam.__enter__()
        self._webcam = webcam

    def _newest(self) -> Picture:
        for _ in range(MAX_QUEUED):
            begin_s = time.monotonic()
            picture = next(self._frames)
            if time.monotonic() - begin_s > QUEUED_WITHIN_S:
                break
        return picture


class SceneSource:
    """Drawn people who come into the picture one after the other, move, and leave it again; with a sensor's noise.

    The same seed and the same times give the same pixels.
    """

    PERSON_S = 8.0
    """How long one person's turn takes, the empty scene at its end included."""

    EMPTY_PART = 0.15
    FACES = 7
    SIZE_PX = 200

    def __init__(self, seed: int = 0, *, is_empty: bool = False, noise: float = 2.0) -> None:
        """Draw the people.

        is_empty: nobody comes. noise: standard deviation, in gray values.
        """
        self.name = "an empty scene" if is_empty else "a drawn scene"
        self._seed = seed
        self._noise = noise
        rng = np.random.default_rng((seed, 0))
        across = np.linspace(70, 130, WIDTH_PX)[np.newaxis, :] + np.linspace(25, -25, HEIGHT_PX)[:, np.newaxis]
        self._wall = across.astype(np.float32)
        self._people = [] if is_empty else [_person(label, rng) for label in range(self.FACES)]

    def frame(self, time_s: float) -> GrayFrame:
        """Return the scene at that time."""
        scene = self._wall.copy()
        turn, part = divmod(time_s / self.PERSON_S, 1)
        if self._people and part < 1 - self.EMPTY_PART:
            self._put(scene, int(turn), time_s)
        rng = np.random.default_rng((self._seed, 1, round(time_s * 1e6)))
        scene += rng.normal(0, self._noise, scene.shape).astype(np.float32) if self._noise else 0
        seen: GrayFrame = np.clip(scene + 0.5, 0, 255).astype(np.uint8)
        return seen

    def close(self) -> None:
        """Do nothing."""

    def _put(self, scene: npt.NDArray[np.float32], turn: int, time_s: float) -> None:
        head, cover = self._people[turn % len(self._people)]
        size = int(self.SIZE_PX * (1 + 0.08 * np.sin(0.5 * time_s)))
        shown, covered = (
            np.asarray(cv2.resize(one, (size, size), interpolation=cv2.INTER_AREA), np.float32) for one in (head, cover)
        )
        left = int((WIDTH_PX - size) / 2 + 0.6 * (WIDTH_PX - size) / 2 * np.sin(0.9 * time_s))
        top = int((HEIGHT_PX - size) / 2 + 8 * np.sin(1.4 * time_s))
        at_left, at_top = max(0, left), max(0, top)
        right, bottom = min(WIDTH_PX, left + size), min(HEIGHT_PX, top + size)
        part = (slice(at_top - top, bottom - top), slice(at_left - left, right - left))
        place = scene[at_top:bottom, at_left:right]
        place += covered[part] * (shown[part] - place)


def open_source(sources: Sequence[Path], framing: str | None = None) -> FrameSource:
    """Return what shows these files: pictures and folders, or one video.

    Raises:
        MicroferError: see the sources; or several files of which one is a video.
    """
    videos = [path for path in sources if path.suffix.lower() in VIDEO_SUFFIXES]
    if not videos:
        return PictureSource(sources, framing or "face")
    if len(sources) > 1:
        raise MicroferError(f"{videos[0]} is a video; it can only be shown alone, but {len(sources)} files are named")
    return VideoSource(videos[0], framing or "fill")


def framed(gray: GrayFrame, framing: str) -> GrayFrame:
    """Return a picture, gray uint8 of any size, as the camera would see it: uint8 (240, 320). See FRAMINGS.

    Raises:
        MicroferError: `framing` is none of FRAMINGS.
    """
    if framing not in FRAMINGS:
        raise MicroferError(f"there is no framing {framing!r}; choose one of {', '.join(FRAMINGS)}")
    if gray.shape == (HEIGHT_PX, WIDTH_PX):
        return np.ascontiguousarray(gray)
    height, width = gray.shape
    face = next(iter(FaceFinder().find(gray)), None) if framing == "face" else None
    if face is not None:
        tall = face.size / FACE_PART
        return cut(gray, face.left + face.size / 2, face.top + face.size / 2, tall)
    scale = max if framing == "whole" else min
    return cut(gray, width / 2, height / 2, scale(height, width * HEIGHT_PX / WIDTH_PX))


def cut(gray: GrayFrame, center_x: float, center_y: float, tall: float) -> GrayFrame:
    """Return the part of a picture that is `tall` pixels high, about a center; black where it leaves the picture."""
    wide = tall * WIDTH_PX / HEIGHT_PX
    source = np.array([[0, 0], [1, 0], [0, 1]], np.float32) * (wide, tall) + (center_x - wide / 2, center_y - tall / 2)
    left, top = np.floor(source[0]).astype(int)
    right, bottom = np.ceil((source[1, 0], source[2, 1])).astype(int)
    height, width = gray.shape
    above, below, before, behind = (int(max(0, over)) for over in (-top, bottom - height, -left, right - width))
    inside = gray[max(0, top) : min(height, bottom), max(0, left) : min(width, right)]
    piece = cv2.copyMakeBorder(inside, above, below, before, behind, cv2.BORDER_CONSTANT, value=0)
    way = cv2.INTER_AREA if tall > HEIGHT_PX else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(piece, (WIDTH_PX, HEIGHT_PX), interpolation=way), np.uint8)


def _person(label: int, rng: np.random.Generator) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return a drawn head with its surroundings and how much of the wall it covers, both float32, square."""
    size = SceneSource.SIZE_PX
    head = render_face(label, rng, size, margin=0.5).astype(np.float32)
    at = np.linspace(-1, 1, size)
    distance = np.hypot(at[np.newaxis, :] / 0.95, at[:, np.newaxis] / 0.98)
    cover = np.clip((1 - distance) / 0.15, 0, 1).astype(np.float32)  # fades out towards the picture's edge
    return head, cover


def _gray(pixels: npt.NDArray[np.uint8]) -> GrayFrame:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8) if pixels.ndim == 3 else pixels
