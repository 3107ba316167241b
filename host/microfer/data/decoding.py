"""Image files decoded within limits: a file's header says how large its picture is, before memory is taken for it.

A PNG of 113 bytes can claim four gigabytes. Whatever decodes a picture from outside does it here.
"""

import io
import warnings
from pathlib import PurePosixPath

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from microfer.errors import MicroferError

MAX_PIXELS = 64 << 20
"""Of one picture: 8192x8192, more than the largest telephone's camera gives as a picture (50 million)."""

IMAGE_SUFFIXES = frozenset(
    [".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"]
)  # fmt: skip
"""Of what is read, in small letters."""

_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")

_TILE_WIDTH, _TILE_HEIGHT = 322, 323

_OTHERS = {
    b"version https://git-lfs": "is a Git LFS pointer, not the file itself; fetch it with: git lfs pull",
    b"<!doctype html": "is a web page, not the file itself (a login or an error page?); download it by hand",
    b"<html": "is a web page, not the file itself (a login or an error page?); download it by hand",
    b"%PDF": "is a PDF; save its pictures as PNG",
    b"Rar!": "is a RAR archive; extract it and name the folder",
    b"7z\xbc\xaf": "is a 7-Zip archive; extract it and name the folder",
    b"\xfd7zXZ": "is packed with xz; extract it and name what comes out",
    b"BZh": "is packed with bzip2; extract it and name what comes out",
    b"\x28\xb5\x2f\xfd": "is packed with zstd; extract it and name what comes out",
    b"PAR1": "is a Parquet table; write it as CSV (pandas: read_parquet(...).to_csv(...)) or as image files",
    b"\x89HDF": "is an HDF5 file; write its pictures as image files, in a folder for each class",
    b"\x93NUMPY": "is a NumPy array; write its pictures as image files, in a folder for each class",
    b"MATLAB": "is a MATLAB file; write its pictures as image files, in a folder for each class",
    b"SQLite format": "is an SQLite database; write its pictures as image files, in a folder for each class",
    b"\x80\x04": "is a Python pickle, which could run anything; write its pictures as image files",
    b"\x80\x05": "is a Python pickle, which could run anything; write its pictures as image files",
    b"PK\x03\x04": "is a zip; extract it, or name it by itself",
    b"\x1f\x8b": "is packed with gzip; extract it and name what comes out",
}


def told_apart(content: bytes) -> str | None:
    """Return what a file is and what to do about it, as the end of a sentence, where its beginning gives it away."""
    start = content[:512]
    if start[4:8] == b"ftyp":
        return "is in a format of telephones (HEIC, AVIF) or a video; save it as PNG or JPEG"
    lower = start.lstrip(b"\xef\xbb\xbf \t\r\n")[:64].lower()
    return next((said for magic, said in _OTHERS.items() if start.startswith(magic) or lower.startswith(magic)), None)


def picture_size(content: bytes, at: str) -> tuple[int, int] | None:
    """Return width and height that an image file's header claims, or None where it is no picture that is read.

    Raises:
        MicroferError: it claims more than `MAX_PIXELS`, in all or in one tile.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a limit of its own, of odd EXIF data: what counts is said below
            image = Image.open(io.BytesIO(content), formats=_FORMATS)
        with image:
            sizes = [image.size]
            tags = getattr(image, "tag_v2", {})
            if _TILE_WIDTH in tags:
                sizes.append((int(tags[_TILE_WIDTH]), int(tags.get(_TILE_HEIGHT, 1))))
    except Image.DecompressionBombError as error:
        raise MicroferError(f"{at}: {_too_large(str(error))}") from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, TypeError, EOFError, OverflowError, KeyError):
        return None
    for width, height in sizes:
        if width * height > MAX_PIXELS:
            raise MicroferError(f"{at}: {_too_large(f'the picture claims {width}x{height} pixels')}")
    return sizes[0]


def decode(content: bytes, at: str, flags: int) -> npt.NDArray[np.generic] | None:
    """Return the picture in an image file's bytes, as `cv2.imdecode` does by `flags`, or None where there is none.

    Raises:
        MicroferError: its header claims more than `MAX_PIXELS`; nothing has been decoded then.
    """
    if picture_size(content, at) is None:
        return None
    try:
        return cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error:
        return None


def is_image_name(name: str) -> bool:
    """Return whether a file's name ends like one of the image files that are read."""
    return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES


def _too_large(what: str) -> str:
    return f"{what}, and at most {MAX_PIXELS:,} are decoded; make it smaller or delete it"
