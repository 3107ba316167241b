"""Gray pictures as binary PGM ("P5"), 8 bits a pixel: a format that needs no library. Standard library alone."""

import re
from dataclasses import dataclass
from pathlib import Path

from microfer.errors import MicroferError
from microfer.files import read_bytes

MAX_SIDE_PX = 2048
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
        MicroferError: the file is missing, is no binary PGM of 8 bits, has a side outside 1..MAX_SIDE_PX, or holds
            fewer or more pixels than its first lines say.
    """
    content = read_bytes(path)
    header = _HEADER.match(content)
    if header is None:
        raise MicroferError(f"{path} is no binary PGM: expected 'P5', width, height and 255; save it again as such")
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
