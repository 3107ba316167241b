"""The crop's oracle: area-average resize in exact integers, the plainest way to say it.

The firmware's own crop (firmware/lib/image/) is tested against this module, bit for bit.
"""

import numpy as np
import numpy.typing as npt

from microfer.contract import CROP_SIZE


def crop_resize(frame: npt.NDArray[np.uint8], left: int, top: int, width: int, height: int) -> npt.NDArray[np.uint8]:
    """Return the box of the frame as a crop, uint8 (48, 48), 0..255.

    The box is divided into 48x48 equal cells. A pixel of the crop is the mean of the area that its cell covers, each
    source pixel counted by the part of it that lies in the cell, rounded to the nearest gray value, halves up. Where
    the box leaves the frame, the frame's edge pixels are repeated.

    frame: uint8 (height, width), not empty. width, height of the box: at least 1, smaller than a crop or larger.
    """
    if frame.dtype != np.uint8 or frame.ndim != 2 or frame.size == 0 or width < 1 or height < 1:
        raise ValueError(
            f"expected a gray frame and a box with an area, got {frame.dtype} {frame.shape}, {width}x{height}"
        )
    rows = np.clip(np.arange(top, top + height), 0, frame.shape[0] - 1)
    columns = np.clip(np.arange(left, left + width), 0, frame.shape[1] - 1)
    box = frame[np.ix_(rows, columns)].astype(np.int64)
    sums = _coverage(height) @ box @ _coverage(width).T
    area = width * height  # of one cell, and of the box's pixels, in the units of _coverage
    return ((2 * sums + area) // (2 * area)).astype(np.uint8)


def _coverage(side: int) -> npt.NDArray[np.int64]:
    """Return by how much each cell covers each pixel of a side, int64 (48, side), in 1/48 of a pixel.

    In that unit a pixel is 48 long and a cell `side` long, so that both begin at whole numbers.
    """
    cells = side * np.arange(CROP_SIZE)[:, np.newaxis]
    pixels = CROP_SIZE * np.arange(side)
    overlap: npt.NDArray[np.int64] = np.minimum(cells + side, pixels + CROP_SIZE) - np.maximum(cells, pixels)
    return overlap.clip(0)
