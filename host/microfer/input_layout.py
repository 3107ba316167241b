"""How a face crop fills a network's input tensor. Standard library alone: the export needs it.

Vector units multiply sixteen channels at once, and a gray crop has one. Regrouped, each block of n x n pixels becomes
n * n channels of one place ("space to depth"): the same bytes in another order, at a resolution n times lower.
"""

from typing import Literal, get_args

from microfer.contract import CROP_SIZE

InputLayout = Literal["plain", "space_to_depth_2", "space_to_depth_4"]

INPUT_LAYOUTS: tuple[InputLayout, ...] = get_args(InputLayout)
"""plain: row by row into (48, 48, 1). space_to_depth_n: into (48/n, 48/n, n * n), a block's pixels row by row."""


def block_side(layout: InputLayout) -> int:
    """Return the side in pixels of the blocks that a layout makes into channels; 1 of the plain one."""
    return 1 if layout == "plain" else int(layout.rpartition("_")[2])


def input_shape(layout: InputLayout) -> tuple[int, int, int]:
    """Return height, width and channels of the input tensor in a layout."""
    side = block_side(layout)
    return CROP_SIZE // side, CROP_SIZE // side, side * side


LAYOUT_OF_SHAPE = {input_shape(layout): layout for layout in INPUT_LAYOUTS}
"""(height, width, channels) -> the layout with an input tensor of that shape."""
