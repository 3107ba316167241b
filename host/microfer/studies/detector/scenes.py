"""Frames to measure a face detector on: faces pasted into pictures, and frames without a face.

The pictures come with scikit-image and scikit-learn and show no person. The same arguments give the same pixels.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import skimage.data
import sklearn.datasets
from PIL import Image

from microfer.contract import SEARCH_HEIGHT_PX, SEARCH_WIDTH_PX
from microfer.errors import MicroferError
from microfer.pictures.faces import paste
from microfer.pictures.opencv import cv2

WIDTH_PX, HEIGHT_PX = SEARCH_WIDTH_PX, SEARCH_HEIGHT_PX
SMALLEST_FACE_PX, LARGEST_FACE_PX = 48, 100

PICTURES = (
    "brick.png", "chelsea.png", "coffee.png", "coins.png", "grass.png", "gravel.png", "hubble_deep_field.jpg",
    "ihc.png", "moon.png", "motorcycle_left.png", "page.png", "rocket.jpg", "text.png", "china.jpg", "flower.jpg",
)  # fmt: skip

Gray = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Scene:
    """A frame, uint8 (120, 160), with one face in it: the square of `size` pixels at (`left`, `top`)."""

    frame: Gray
    left: int
    top: int
    size: int


def scenes(faces: npt.NDArray[np.uint8], count: int, seed: int) -> Iterator[Scene]:
    """Yield `count` scenes: the faces in turn, 48 to 100 pixels large, each somewhere on a piece of a picture.

    faces: uint8 (n, height, width), square, one face each.
    """
    rng = np.random.default_rng((seed, 1))
    for index in range(count):
        frame = background(rng)
        size = int(rng.integers(SMALLEST_FACE_PX, LARGEST_FACE_PX + 1))
        left, top = place(size, rng)
        paste(frame, faces[index % len(faces)], left, top, size)
        yield Scene(frame, left, top, size)


def place(size: int, rng: np.random.Generator) -> tuple[int, int]:
    """Return left and top of a square of `size` pixels somewhere on the frame."""
    return int(rng.integers(0, WIDTH_PX - size + 1)), int(rng.integers(0, HEIGHT_PX - size + 1))


def faceless(count: int, seed: int) -> Iterator[Gray]:
    """Yield `count` frames, uint8 (120, 160), without a face: pieces of pictures, turned, scaled, lit, with noise.

    Every fourth one is a collage of lfw_subset's patches without a face.
    """
    rng = np.random.default_rng((seed, 2))
    patches = _lfw()[100:]
    for index in range(count):
        if index % 4 < 3:
            yield background(rng)
            continue
        side = int(rng.integers(40, 81))
        frame = np.empty((HEIGHT_PX, WIDTH_PX), np.uint8)
        for top in range(0, HEIGHT_PX, side):
            for left in range(0, WIDTH_PX, side):
                patch = cv2.resize(patches[rng.integers(len(patches))], (side, side))
                frame[top : top + side, left : left + side] = patch[: HEIGHT_PX - top, : WIDTH_PX - left]
        yield frame


def lfw_faces() -> npt.NDArray[np.uint8]:
    """Return the 100 faces of scikit-image's lfw_subset, uint8 (100, 25, 25)."""
    return _lfw()[:100]


def background(rng: np.random.Generator) -> Gray:
    """Return a piece of a picture without a person, uint8 (120, 160), writable."""
    picture = _picture(PICTURES[rng.integers(len(PICTURES))])
    height, width = picture.shape
    largest = min(width / WIDTH_PX, height / HEIGHT_PX)
    zoom = np.exp(rng.uniform(np.log(min(0.6, largest)), np.log(largest)))  # source pixels to one of the frame
    piece_width, piece_height = int(WIDTH_PX * zoom), int(HEIGHT_PX * zoom)
    left, top = int(rng.integers(0, width - piece_width + 1)), int(rng.integers(0, height - piece_height + 1))
    piece = picture[top : top + piece_height, left : left + piece_width]
    way = cv2.INTER_AREA if zoom > 1 else cv2.INTER_LINEAR
    frame = cv2.resize(piece, (WIDTH_PX, HEIGHT_PX), interpolation=way)
    if rng.random() < 0.5:
        frame = frame[:, ::-1]
    lit = frame.astype(np.float64) * rng.uniform(0.6, 1.2) + rng.uniform(-20, 20)
    noisy = lit + rng.normal(0, rng.uniform(0, 6), frame.shape)
    return np.clip(noisy + 0.5, 0, 255).astype(np.uint8)


@cache
def _lfw() -> npt.NDArray[np.uint8]:
    patches = np.asarray(skimage.data.lfw_subset())  # float, 0..1
    return np.clip(patches * 255 + 0.5, 0, 255).astype(np.uint8)


@cache
def _picture(name: str) -> Gray:
    folders = (
        Path(skimage.data.__file__).parent,
        Path(sklearn.datasets.__file__).parent / "images",
    )
    for folder in folders:
        if (folder / name).is_file():
            with Image.open(folder / name) as picture:  # OpenCV prints a warning about one's colour profile
                return np.asarray(picture.convert("L"))
    raise MicroferError(
        f"the picture {name} of scikit-image or scikit-learn is missing; install them again: "
        "pip install --force-reinstall scikit-image scikit-learn"
    )
