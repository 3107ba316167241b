"""Where pictures come from: the astronaut picture, picture files, folders, a webcam."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from microfer.data.decoding import IMAGE_SUFFIXES, decode, is_image_name, told_apart
from microfer.data.folders_and_archives import open_file, read_within
from microfer.errors import MicroferError
from microfer.pictures.opencv import cv2

MAX_FILE_BYTES = 256 << 20
"""Of one picture's file: more than `decoding.MAX_PIXELS` in colour take without compression."""

WARM_UP_FRAMES = 10
"""A webcam's first frames are dark or tinted, until its exposure and white balance have settled."""

ColorFrame = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Picture:
    """One frame. name: what to call it; pixels: uint8 (height, width, 3), blue-green-red as OpenCV has it."""

    name: str
    pixels: ColorFrame

    def gray(self) -> npt.NDArray[np.uint8]:
        """Return the frame as gray, uint8 (height, width), by the weights of ITU-R BT.601."""
        return np.asarray(cv2.cvtColor(self.pixels, cv2.COLOR_BGR2GRAY), np.uint8)


def astronaut_path() -> Path:
    """Return the path of the portrait of Eileen Collins (NASA, public domain) inside scikit-image's own files.

    Raises:
        MicroferError: scikit-image is missing, or comes without the picture.
    """
    found = importlib.util.find_spec("skimage")  # not imported: that takes a second, and a path is all that is needed
    path = Path(found.origin).parent / "data" / "astronaut.png" if found and found.origin else None
    if path is None or not path.is_file():
        raise MicroferError(
            "scikit-image's astronaut picture is missing; name a picture, or pip install --force-reinstall scikit-image"
        )
    return path


def expand(sources: list[Path]) -> list[Path]:
    """Return the picture files that are meant: files as named, of each folder all that end like pictures, by name.

    Raises:
        MicroferError: a source is missing, or a folder holds no picture.
    """
    paths: list[Path] = []
    for source in sources:
        if source.is_dir():
            inside = sorted(path for path in _listed(source) if is_image_name(path.name) and not path.is_dir())
            if not inside:
                endings = ", ".join(sorted(IMAGE_SUFFIXES))
                raise MicroferError(f"{source} holds no picture; expected files ending in {endings}")
            paths += inside
        elif source.exists():
            paths.append(source)
        else:
            raise MicroferError(f"{source} does not exist; name a picture or a folder of pictures")
    return paths


def read(path: Path) -> Picture:
    """Return the picture at `path`, turned upright as its EXIF entry says.

    Raises:
        MicroferError: the file cannot be read, is longer than `MAX_FILE_BYTES`, or holds no picture of a known format
            or one of more than `decoding.MAX_PIXELS`.
    """
    with open_file(path) as file:  # imread cannot open every path on Windows, so the bytes are read here
        content = read_within(file, MAX_FILE_BYTES, str(path))
    pixels = decode(content, str(path), cv2.IMREAD_COLOR)
    if pixels is None and (said := told_apart(content)):
        raise MicroferError(f"{path} {said}")
    if pixels is None:
        raise MicroferError(
            f"{path} is not a picture that can be read (it is damaged, or of another kind); save it as PNG or JPEG"
        )
    return Picture(path.name, np.asarray(pixels, np.uint8))


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise MicroferError(f"cannot read the folder {folder}: {error.strerror or error}") from error


@contextmanager
def webcam(number: int) -> Iterator[Iterator[Picture]]:
    """Open webcam `number` and yield an endless iterator over its frames, after those that are still settling.

    Raises:
        MicroferError: there is no such webcam, it is in use, or it stops delivering.
    """
    capture = cv2.VideoCapture(number)
    try:
        if not capture.isOpened():
            raise MicroferError(
                f"webcam {number} cannot be opened; is it plugged in, free, and may this user read it? "
                "Other numbers: --webcam 1, --webcam 2"
            )
        yield _frames(capture, number)
    finally:
        capture.release()


def _frames(capture: "cv2.VideoCapture", number: int) -> Iterator[Picture]:
    settling = WARM_UP_FRAMES
    while True:
        delivered, pixels = capture.read()
        if not delivered:
            raise MicroferError(f"webcam {number} delivers no frame; close other programs that use it and try again")
        if settling:
            settling -= 1
            continue
        yield Picture(f"webcam-{number}", np.asarray(pixels, np.uint8))
