"""Reader for FER-2013 as image files: `train/angry/Training_3908.jpg`, in a folder or a zip."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO

import cv2
import numpy as np
import numpy.typing as npt

from microfer.contract import CROP_SIZE
from microfer.data.dataset import Dataset
from microfer.data.progress import progress_bar
from microfer.data.spelling import CLASS_HELP, SPLIT_HELP, label_of, usage_of_file_name, usages_of
from microfer.errors import MicroferError

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".tif", ".tiff"})

_AGAIN = "replace it from a fresh download, or delete it"


@dataclass(frozen=True)
class Entry:
    """One file of a folder or zip: its path inside, with `/`, its size in bytes, and how to open it for reading."""

    name: str
    size: int
    open: Callable[[], AbstractContextManager[IO[bytes]]]

    def is_litter(self) -> bool:
        """Return whether the file is hidden, or one of those that macOS leaves in zips."""
        return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(self.name).parts)

    def suffix(self) -> str:
        """Return the end of the name in lower case, like `.jpg`."""
        return PurePosixPath(self.name).suffix.lower()


def read_images(entries: Sequence[Entry], where: str) -> Dataset:
    """Read image files, sorted by name; the folder of each is its class, the folder above that its split.

    A test set's name does not tell FER-2013's public from its private one, so a file name that starts with
    `PublicTest` or `PrivateTest` decides; where it does not, the usage is "unknown".

    Args:
        entries: the images, in any order.
        where: how messages call the folder or zip.

    Raises:
        MicroferError: a folder's name means no class or no split, a file's name contradicts its folder, the data
            set is there twice, or an image is corrupt, not 48x48 or not gray; with the entry's name.
    """
    ordered = sorted(entries, key=lambda entry: entry.name)
    places = [_place(entry.name, where) for entry in ordered]
    _check_one_root([entry.name for entry in ordered], where)
    images = np.empty((len(ordered), CROP_SIZE, CROP_SIZE), np.uint8)
    with progress_bar("reading images", sum(entry.size for entry in ordered)) as advance:
        done = 0
        for index, entry in enumerate(ordered):
            with entry.open() as file:
                content = file.read()
            images[index] = decode(content, f"{where}: {entry.name}")
            done += entry.size
            if index % 500 == 0:
                advance(done)
    labels = np.array([label for label, _ in places], np.uint8)
    usage = np.array([usage for _, usage in places])
    return Dataset(images, labels, usage, np.array([entry.name for entry in ordered]), where)


def decode(content: bytes, at: str) -> npt.NDArray[np.uint8]:
    """Return the gray image, uint8 (48, 48), in an image file's bytes.

    A colour image is refused unless its channels are equal: FER-2013 has none, and turning colour to gray is a
    choice that changes pixels.

    Raises:
        MicroferError: it cannot be decoded, is not 48x48, not 8 bits deep, or not gray.
    """
    image = _decode_any(content)
    if image is None:
        raise MicroferError(f"{at}: the image is corrupt or cut off ({len(content)} bytes); {_AGAIN}")
    height, width = image.shape[:2]
    if (width, height) != (CROP_SIZE, CROP_SIZE):
        raise MicroferError(
            f"{at}: the image is {width}x{height}, expected {CROP_SIZE}x{CROP_SIZE}; resize or delete it"
        )
    if image.dtype != np.uint8:
        raise MicroferError(
            f"{at}: the image has {8 * image.itemsize} bits a channel, expected 8; convert or delete it"
        )
    if image.ndim == 2:
        return image.astype(np.uint8, copy=False)
    gray: npt.NDArray[np.uint8] = image[:, :, 0].astype(np.uint8, copy=False)
    colour = image[:, :, :3]
    if (colour != gray[:, :, np.newaxis]).any():
        raise MicroferError(f"{at}: the image is coloured, FER-2013 is gray; convert it to gray first, or delete it")
    if image.shape[2] == 4 and (image[:, :, 3] != 255).any():
        raise MicroferError(f"{at}: the image is partly transparent; flatten it to plain gray first, or delete it")
    return gray


def _decode_any(content: bytes) -> npt.NDArray[np.generic] | None:
    try:
        return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:  # an empty buffer, or a header with absurd dimensions
        return None


def _place(name: str, where: str) -> tuple[int, str]:
    """Return the class and the usage that an image's path tells."""
    path = PurePosixPath(name)
    folders = path.parts[:-1]
    label = label_of(folders[-1]) if folders else None
    if label is None:
        found = f"the folder {folders[-1]!r} means no class" if folders else "the image is in no class folder"
        raise MicroferError(f"{where}: {name}: {found}, expected {CLASS_HELP}; rename the folder")
    told = usage_of_file_name(path.name)
    if len(folders) == 1:
        return label, told or "unknown"
    allowed = usages_of(folders[-2])
    if not allowed and told is None:
        raise MicroferError(
            f"{where}: {name}: the folder {folders[-2]!r} means no split, expected {SPLIT_HELP}; rename the folder"
        )
    if allowed and told is not None and told not in allowed:
        raise MicroferError(
            f"{where}: {name}: the file's name says {told}, but its folder is {folders[-2]!r}; "
            "move the file to its split, or rename it if its name is wrong"
        )
    return label, told or allowed[0]


def _check_one_root(names: list[str], where: str) -> None:
    """Refuse a copy inside a copy (`images/train/...` beside `train/...`), as one popular archive has it."""
    roots = sorted({"/".join(PurePosixPath(name).parts[:-3]) for name in names})
    if len(roots) > 1:
        shown = " and ".join(repr(root or ".") for root in roots[:2])
        raise MicroferError(f"{where}: images stand below {shown}; keep one of them, or name that folder itself")
