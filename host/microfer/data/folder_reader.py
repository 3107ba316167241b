"""Reader for FER-2013 as image files: `train/angry/Training_3908.jpg`, in a folder or a zip."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

import cv2
import numpy as np
import numpy.typing as npt

from microfer.contract import CROP_SIZE
from microfer.data import decoding
from microfer.data.dataset import Dataset
from microfer.data.description import Description, own_classes
from microfer.data.folders_and_archives import Entry
from microfer.data.progress import progress_bar
from microfer.data.spelling import CLASS_HELP, SPLIT_HELP, digits_help, usage_of_file_name, usages_of
from microfer.errors import MicroferError

_CONVERT = "make all pictures 48x48 and gray: microfer convert (or --convert)"
_AGAIN = "replace it from a fresh download, or delete it"


def read_images(entries: Sequence[Entry], where: str, description: Description) -> Dataset:
    """Read image files, sorted by name; the folder of each is its class, the folder above that its split.

    A test set's name does not tell FER-2013's public from its private one, so a file name that starts with
    `PublicTest` or `PrivateTest` decides; where it does not, the usage is "unknown".

    Args:
        entries: the images, in any order.
        where: how messages call the folder or zip.
        description: what the folders' names mean, where the data set has a file that says so.

    Raises:
        MicroferError: a folder's name means no class or no split, a file's name contradicts its folder, the data
            set is there twice, or an image is corrupt, not 48x48 or not gray; with the entry's name.
    """
    everything = sorted(entries, key=lambda entry: entry.name)
    _check_one_root([entry.name for entry in everything], where)
    top = _top_folder([entry.name for entry in everything])
    description = _with_own_classes([entry.name for entry in everything], description)
    _check_digits([entry.name for entry in everything], where, description)
    placed = [
        (entry, place) for entry in everything if (place := _place(entry.name, where, description, top)) is not None
    ]
    if not placed:
        raise MicroferError(f"{where}: {description.source} leaves every image out; give at least one folder a class")
    ordered, places = [entry for entry, _ in placed], [place for _, place in placed]
    images = np.empty((len(ordered), CROP_SIZE, CROP_SIZE), np.uint8)
    with progress_bar("reading images", sum(entry.size for entry in ordered)) as advance:
        done = 0
        for index, entry in enumerate(ordered):
            images[index] = decode(entry.content(where), f"{where}: {entry.name}")
            done += entry.size
            if index % 500 == 0:
                advance(done)
    labels = np.array([label for label, _ in places], np.uint8)
    usage = np.array([usage for _, usage in places])
    return Dataset(images, labels, usage, np.array([entry.name for entry in ordered]), where, description)


def decode(content: bytes, at: str) -> npt.NDArray[np.uint8]:
    """Return the gray image, uint8 (48, 48), in an image file's bytes.

    A colour image is refused unless its channels are equal: FER-2013 has none, and turning colour to gray is a
    choice that changes pixels.

    Raises:
        MicroferError: it cannot be decoded, is not 48x48, not 8 bits deep, or not gray.
    """
    size = decoding.picture_size(content, at)
    if size is not None and size != (CROP_SIZE, CROP_SIZE):
        raise MicroferError(
            f"{at}: the image is {size[0]}x{size[1]}, expected {CROP_SIZE}x{CROP_SIZE}; {_CONVERT}, or delete it"
        )
    image = decoding.decode(content, at, cv2.IMREAD_UNCHANGED)
    if image is None or image.shape[:2] != (CROP_SIZE, CROP_SIZE):
        said = decoding.told_apart(content)
        raise MicroferError(
            f"{at}: the file {said}"
            if said
            else f"{at}: the image is corrupt or cut off ({len(content)} bytes); {_AGAIN}"
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
        raise MicroferError(f"{at}: the image is coloured, FER-2013 is gray; {_CONVERT}, or delete it")
    if image.shape[2] == 4 and (image[:, :, 3] != 255).any():
        raise MicroferError(f"{at}: the image is partly transparent; flatten it to plain gray first, or delete it")
    return gray


def _place(name: str, where: str, description: Description, top: str | None) -> tuple[int, str] | None:
    """Return the class and the usage that an image's path tells, or None where the class is left out.

    top: the folder that the whole data set stands in, such as `CK+48`, where it is no split's.
    """
    path = PurePosixPath(name)
    folders = path.parts[:-1]
    label = None
    if folders:
        if description.leaves_out(folders[-1]):
            return None
        label = description.label_of(folders[-1])
    if label is None:
        found = f"the folder {folders[-1]!r} means no class" if folders else "the image is in no class folder"
        expected = " or ".join(description.classes) if description.is_own else CLASS_HELP
        raise MicroferError(
            f"{where}: {name}: {found}, expected {expected}; rename the folder, say what it means in "
            f'{description.source}, or name all classes there where they are your own: classes = ["happy", "bored"]'
        )
    told = usage_of_file_name(path.name)
    if len(folders) == 1:
        return label, told or "unknown"
    allowed = usages_of(folders[-2])
    if not allowed and told is None and folders[-2] != top:
        raise MicroferError(
            f"{where}: {name}: the folder {folders[-2]!r} means no split, expected {SPLIT_HELP}; rename the folder"
        )
    if allowed and told is not None and told not in allowed:
        raise MicroferError(
            f"{where}: {name}: the file's name says {told}, but its folder is {folders[-2]!r}; "
            "move the file to its split, or rename it if its name is wrong"
        )
    return label, told or (allowed[0] if allowed else "unknown")


def _top_folder(names: list[str]) -> str | None:
    """Return the folder above all class folders where they have one in common, as in `CK+48/anger/1.png`."""
    above = {PurePosixPath(name).parts[-3] for name in names if len(PurePosixPath(name).parts) > 2}
    return above.pop() if len(above) == 1 and all(len(PurePosixPath(name).parts) > 2 for name in names) else None


def _with_own_classes(names: list[str], description: Description) -> Description:
    """Return the description, with the folders' names as classes where they are others than FER-2013's."""
    if description.is_own or description.meanings:
        return description
    folders = [PurePosixPath(name).parent.name for name in names]
    own = own_classes(folders, description.source) if all(folders) else None
    if own is None:
        return description
    return replace(description, classes=own.classes, by_folders=own.by_folders and not description.says_something)


def _check_digits(names: list[str], where: str, description: Description) -> None:
    """Refuse digits as folders' names, unless a file says what they mean: data sets count their classes differently."""
    folders = {PurePosixPath(name).parent.name for name in names}
    unsaid = sorted(int(folder) for folder in folders if _is_digits(folder) and not description.knows(folder))
    if unsaid and all(_is_digits(folder) for folder in folders):
        raise MicroferError(f"{where}: {digits_help(unsaid, description.source)}")


def _is_digits(folder: str) -> bool:
    return folder.isascii() and folder.isdigit() and len(folder) <= 2


def _check_one_root(names: list[str], where: str) -> None:
    """Refuse a copy inside a copy (`images/train/...` beside `train/...`), as one popular archive has it."""
    roots = sorted({"/".join(PurePosixPath(name).parts[:-3]) for name in names})
    if len(roots) > 1:
        shown = " and ".join(repr(root or ".") for root in roots[:2])
        raise MicroferError(f"{where}: images are below {shown}; keep one of them, or name that folder")
