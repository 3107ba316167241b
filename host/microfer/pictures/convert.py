"""A data set of colour pictures of any size, made into one of 48x48 gray crops: of faces, or of whole pictures.

The crop is the board's own, and the face its detector's kind of box, so that what is trained on is what a board sees.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
import numpy.typing as npt

from microfer.data import description
from microfer.data.decoding import decode, is_image_name, told_apart
from microfer.data.folders_and_archives import Entry, folder_entries, open_tar, open_zip, zip_entries
from microfer.errors import MicroferError
from microfer.files import read_bytes, write_json
from microfer.json_reader import read_json
from microfer.oracle.crop import crop_resize
from microfer.pictures.faces import FaceFinder, crop
from microfer.pictures.opencv import cv2

Way = Literal["face", "whole"]
WAYS: tuple[Way, ...] = ("face", "whole")
"""face: the largest face that is found, as the board crops it. whole: the largest square in the picture's middle."""

RECORD = "converted.json"
SMALLEST_FACE_PX = 20


@dataclass(frozen=True)
class Converted:
    """What came of a data set.

    listing: SHA-256 of the pictures' names and sizes, by which the same ones are known again. without_face: the
    pictures that were left out because no face was found in them.
    """

    source: str
    listing: str
    way: Way
    images: int
    without_face: tuple[str, ...]


def convert(source: Path, out: Path, way: Way, on_image: Callable[[int, int], None] = lambda *_: None) -> Converted:
    """Write each picture of a folder or zip to `out`, under its own folders, as a 48x48 gray PNG.

    `out` appears once all is done: a conversion that is broken off leaves nothing. Beside the pictures it holds
    `converted.json`, and the data set's own `dataset.toml`.

    on_image: called with how many are done, and of how many.

    Raises:
        MicroferError: `out` is there already, the source holds no picture, one of them cannot be read, or none shows a
            face.
    """
    if out.exists():
        raise MicroferError(f"{out} is there already: delete it, or choose another folder with --out")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    except OSError as error:
        raise MicroferError(f"cannot write {out}: {error.strerror or error}; choose another folder") from error
    try:
        with _entries(source) as entries:
            result = _convert_all(entries, source, temporary, way, on_image)
        write_json(temporary / RECORD, asdict(result))
        temporary.rename(out)
    except OSError as error:
        raise MicroferError(f"cannot write {out}: {error.strerror or error}; nothing was written") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return result


def earlier(source: Path, out: Path, way: Way) -> Converted | None:
    """Return what came of the same pictures where `out` holds it already, None where there is no such folder.

    Raises:
        MicroferError: `out` holds something else, or the source cannot be listed.
    """
    if not out.exists():
        return None
    try:
        found = read_json(out / RECORD, Converted)
    except MicroferError:
        found = None
    with _entries(source) as entries:
        is_same = found is not None and (found.listing, found.way) == (_listing(_pictures(entries)), way)
    if not is_same:
        raise MicroferError(f"{out} holds something else than what {source} has now: delete it, and it is made anew")
    return found


def gray_crop(content: bytes, at: str, way: Way, finder: FaceFinder | None = None) -> npt.NDArray[np.uint8] | None:
    """Return the 48x48 crop of an image file's bytes, uint8, turned upright; None where no face is found.

    finder: for the way "face".

    Raises:
        MicroferError: it is no picture that can be read, or a larger one than is decoded.
    """
    pixels = decode(content, at, cv2.IMREAD_COLOR)
    if pixels is None:
        said = told_apart(content) or f"is not a picture that can be read ({len(content)} bytes); replace or delete it"
        raise MicroferError(f"{at} {said}")
    gray = np.asarray(cv2.cvtColor(np.asarray(pixels, np.uint8), cv2.COLOR_BGR2GRAY), np.uint8)
    if finder is None or way == "whole":
        height, width = gray.shape
        side = min(height, width)
        return crop_resize(gray, (width - side) // 2, (height - side) // 2, side, side)
    faces = finder.find(gray)
    return crop(gray, faces[0]) if faces else None


@contextmanager
def _entries(source: Path) -> Iterator[Sequence[Entry]]:
    if source.is_dir():
        yield folder_entries(source)
    elif not source.exists():
        raise MicroferError(f"there is no {source}; name a folder of pictures, or a zip or .tar.gz of one")
    elif source.name.lower().endswith((".tar.gz", ".tgz")):
        with open_tar(source) as packed:
            yield packed
    elif source.suffix.lower() == ".zip":
        with open_zip(source) as archive:
            yield zip_entries(archive, str(source))
    else:
        raise MicroferError(
            f"{source} is neither a folder nor a .zip or .tar.gz of one; write the pictures of a CSV or an array as "
            "image files first, in a folder for each class"
        )


def _convert_all(
    entries: Sequence[Entry], source: Path, out: Path, way: Way, on_image: Callable[[int, int], None]
) -> Converted:
    pictures = _pictures(entries)
    if not pictures:
        raise MicroferError(f"{source} holds no picture to convert; a CSV has to be written as image files first")
    finder = FaceFinder(min_size_px=SMALLEST_FACE_PX) if way == "face" else None
    without: list[str] = []
    for number, entry in enumerate(pictures, 1):
        pixels = gray_crop(entry.content(str(source)), f"{source}: {entry.name}", way, finder)
        if pixels is None:
            without.append(entry.name)
        else:
            _write(pixels, out / _inside(entry.name, source))
        on_image(number, len(pictures))
    if len(without) == len(pictures):
        raise MicroferError(
            f"{source}: no face was found in any of {len(pictures):,} pictures; where they show faces and nothing "
            "else, convert them whole"
        )
    _copy_description(entries, source, out)
    return Converted(source.name, _listing(pictures), way, len(pictures) - len(without), tuple(without))


def _pictures(entries: Sequence[Entry]) -> list[Entry]:
    images = (entry for entry in entries if is_image_name(entry.name) and not entry.is_litter())
    return sorted(images, key=lambda entry: entry.name)


def _listing(pictures: Sequence[Entry]) -> str:
    return hashlib.sha256(repr([(entry.name, entry.size) for entry in pictures]).encode()).hexdigest()


def _inside(name: str, source: Path) -> Path:
    """Return where a picture is written, below the new folder, whatever its name in a zip says."""
    parts = PurePosixPath(name).parts
    if any(part in {"..", "/"} or ":" in part for part in parts):
        raise MicroferError(f"{source}: {name!r} leads out of the data set; rename it")
    return Path(*parts[:-1], parts[-1] if parts[-1].lower().endswith(".png") else f"{parts[-1]}.png")


def _write(pixels: npt.NDArray[np.uint8], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())


def _copy_description(entries: Sequence[Entry], source: Path, out: Path) -> None:
    """Copy what the data set says of itself, from inside it or from beside its zip."""
    said = description.among(entries, str(source))
    inside = next((entry for entry in entries if f"{source}: {entry.name}" == said.source), None)
    beside = source.with_name(f"{source.name.split('.')[0]}.{description.FILE}")
    if beside.is_file() and not source.is_dir():
        (out / description.FILE).write_bytes(read_bytes(beside))
    elif inside is not None:
        (out / description.FILE).write_bytes(inside.content(str(source)))
