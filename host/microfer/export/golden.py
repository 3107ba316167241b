"""The golden pictures: what a board looks at in its self-test, so that it can be told from a broken one.

A folder holds them as binary PGM files ("P5", 8 bits a pixel), a format that needs no library, with `golden.json`
beside them, which says where the face is on each and where the picture comes from. What a model must answer on
them travels in its .tflite, see `metadata.Golden`. Standard library alone.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microfer.contract import MAX_FRAME_SIDE_PX
from microfer.errors import MicroferError
from microfer.files import read_bytes
from microfer.json_reader import JsonError, parse
from microfer.release import REPOSITORY
from microfer.tflite.metadata import ModelMetadata

MAX_SIDE_PX = MAX_FRAME_SIDE_PX
"""The largest side that the firmware's crop takes."""

_GAP = rb"(?:[ \t\r\n]|#[^\n]*\n)+"
_HEADER = re.compile(rb"P5" + _GAP + rb"(\d{1,6})" + _GAP + rb"(\d{1,6})" + _GAP + rb"(\d{1,6})[ \t\r\n]")


@dataclass(frozen=True)
class Pgm:
    """A gray picture. pixels: width_px * height_px bytes, 0..255, row by row from the top left."""

    width_px: int
    height_px: int
    pixels: bytes


def read_pgm(path: Path | str) -> Pgm:
    """Return the picture at `path`.

    Raises:
        MicroferError: the file is missing, is not a binary PGM of 8 bits, has a side outside 1..MAX_SIDE_PX, or holds
            fewer or more pixels than its first lines say.
    """
    content = read_bytes(path)
    header = _HEADER.match(content)
    if header is None:
        raise MicroferError(f"{path} is not a binary PGM: expected 'P5', width, height and 255; save it again as such")
    width, height, brightest = map(int, header.groups())
    if not (1 <= width <= MAX_SIDE_PX and 1 <= height <= MAX_SIDE_PX and brightest == 255):
        raise MicroferError(
            f"{path} has {width}x{height} pixels up to {brightest}, expected sides of 1 to {MAX_SIDE_PX} and pixels "
            "up to 255; save it again as 8 bit gray"
        )
    pixels = content[header.end() :]
    if len(pixels) != width * height:
        raise MicroferError(
            f"{path} holds {len(pixels)} pixels, expected {width * height} for {width}x{height}; "
            "the file is damaged: restore it"
        )
    return Pgm(width, height, pixels)


def pgm_bytes(picture: Pgm) -> bytes:
    """Return the file's content. Same picture, same bytes."""
    return f"P5\n{picture.width_px} {picture.height_px}\n255\n".encode() + picture.pixels


FOLDER = REPOSITORY / "firmware" / "golden"
"""The pictures of this version; `scripts/generate.py` writes them."""

INDEX_FILE = "golden.json"
MAX_PICTURES = 16

_FILE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}\.pgm")
_SIDES = ("left", "top", "width", "height")


@dataclass(frozen=True)
class FaceBox:
    """A square around a face, in pixels of its picture, wholly inside it."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True)
class GoldenPicture:
    """A picture, where the face is that the network shall see, and a line about where the picture comes from."""

    name: str
    picture: Pgm
    box: FaceBox
    source: str


def read_pictures(folder: Path = FOLDER) -> tuple[GoldenPicture, ...]:
    """Return the golden pictures of a folder, in the order of its golden.json.

    Raises:
        MicroferError: golden.json or a picture is missing or damaged, or a box is no square inside its picture.
    """
    index = folder / INDEX_FILE
    try:
        content = parse(read_bytes(index))
    except JsonError as error:
        raise MicroferError(f"{index} cannot be used ({error}); restore it") from error
    entries = content.get("pictures") if isinstance(content, Mapping) else None
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_PICTURES:
        raise MicroferError(f"{index}: expected a list 'pictures' of 1 to {MAX_PICTURES} entries")
    pictures = tuple(_picture(folder, entry, f"{index}: picture {i}") for i, entry in enumerate(entries, 1))
    if len({picture.name for picture in pictures}) != len(pictures):
        raise MicroferError(f"{index} names a file twice; name each picture once")
    return pictures


def pictures_sha256(pictures: Sequence[GoldenPicture]) -> str:
    """Return the SHA-256, 64 hexadecimal digits, of all that decides what a model answers: sizes, boxes and pixels."""
    digest = hashlib.sha256()
    for golden in pictures:
        box, picture = golden.box, golden.picture
        numbers = (picture.width_px, picture.height_px, box.left, box.top, box.width, box.height)
        digest.update((" ".join(map(str, numbers)) + "\n").encode() + picture.pixels)
    return digest.hexdigest()


def check_scores(metadata: ModelMetadata, pictures: Sequence[GoldenPicture]) -> None:
    """Raise MicroferError where the model carries golden scores, but for other pictures than these."""
    golden = metadata.golden
    if golden is None:
        return
    found = pictures_sha256(pictures)
    if golden.pictures_sha256 != found or len(golden.scores) != len(pictures):
        raise MicroferError(
            f"the golden scores in the model {metadata.model_id} are for other pictures (SHA-256 "
            f"{golden.pictures_sha256[:12]}...) than those of this version (firmware/golden, {found[:12]}...); renew "
            "them: python scripts/generate.py scores MODEL.tflite"
        )


def _picture(folder: Path, entry: Any, where: str) -> GoldenPicture:
    if not isinstance(entry, Mapping) or set(entry) != {"file", "box", "source"}:
        raise MicroferError(f"{where}: expected the keys file, box and source, found {entry!r}")
    name, source = entry["file"], entry["source"]
    if not isinstance(name, str) or not _FILE_NAME.fullmatch(name):
        raise MicroferError(f"{where}: key 'file' is {name!r}, expected a name of a-z, 0-9 and '-' ending in .pgm")
    if not isinstance(source, str) or not source.strip():
        raise MicroferError(f"{where}, {name}: key 'source' must say where the picture comes from")
    picture = read_pgm(folder / name)
    return GoldenPicture(name.removesuffix(".pgm"), picture, _box(entry["box"], picture, f"{where}, {name}"), source)


def _box(content: Any, picture: Pgm, where: str) -> FaceBox:
    if not isinstance(content, Mapping) or set(content) != set(_SIDES):
        raise MicroferError(f"{where}: key 'box' is {content!r}, expected {', '.join(_SIDES)}")
    sides = [content[side] for side in _SIDES]
    if not all(isinstance(side, int) and not isinstance(side, bool) for side in sides):
        raise MicroferError(f"{where}: key 'box' is {content!r}, expected whole numbers of pixels")
    box = FaceBox(*sides)
    is_inside = box.left >= 0 and box.top >= 0 and box.width >= 1
    is_inside = is_inside and box.left + box.width <= picture.width_px and box.top + box.height <= picture.height_px
    if not is_inside or box.width != box.height:
        raise MicroferError(
            f"{where}: key 'box' is {content!r}, expected a square inside the picture's "
            f"{picture.width_px}x{picture.height_px} pixels"
        )
    return box
