"""The few shapes that the annotated picture is made of, with smooth edges, which Pillow's own shapes lack."""

import importlib.util
from functools import cache, lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are the first ones outside."""

_SMOOTHING = 4


def rounded(canvas: Image.Image, box: Box, radius: int, color: str) -> None:
    """Fill a rectangle with round corners."""
    size = box[2] - box[0], box[3] - box[1]
    if min(size) > 0:
        canvas.paste(color, box, _mask(size, radius, 0))


def ring(canvas: Image.Image, box: Box, radius: int, color: str, width: int) -> None:
    """Draw the outline of a rectangle with round corners, `width` pixels wide, inside its box."""
    size = box[2] - box[0], box[3] - box[1]
    if min(size) > 0:
        canvas.paste(color, box, _mask(size, radius, width))


def picture(canvas: Image.Image, image: Image.Image, corner: tuple[int, int], radius: int) -> None:
    """Put an image on the canvas with its corners rounded off; no pixel of it is changed otherwise."""
    canvas.paste(image.convert("RGB"), corner, _mask(image.size, radius, 0))


@lru_cache(maxsize=64)
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Return DejaVu Sans, which matplotlib brings along, `size` pixels high."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(_data_folder() / "fonts" / "ttf" / name, size)


@cache
def _data_folder() -> Path:
    """Return matplotlib's data folder, without importing it where its wheel has put it: that takes most of a second."""
    found = importlib.util.find_spec("matplotlib")
    folder = Path(found.origin).parent / "mpl-data" if found and found.origin else None
    if folder is not None and folder.is_dir():
        return folder
    import matplotlib as mpl

    return Path(mpl.get_data_path())


@lru_cache(maxsize=256)
def _mask(size: tuple[int, int], radius: int, ring_width: int) -> Image.Image:
    """Return the shape as coverage 0..255: drawn several times as large, then averaged. Not to be written to."""
    large = size[0] * _SMOOTHING - 1, size[1] * _SMOOTHING - 1
    mask = Image.new("L", (large[0] + 1, large[1] + 1), 0)
    draw = ImageDraw.Draw(mask)
    draw.rounded_rectangle((0, 0, *large), radius * _SMOOTHING, 255)
    if ring_width:
        inset = ring_width * _SMOOTHING
        hole = (inset, inset, max(inset, large[0] - inset), max(inset, large[1] - inset))
        draw.rounded_rectangle(hole, max(0, radius - ring_width) * _SMOOTHING, 0)
    return mask.reduce(_SMOOTHING)
