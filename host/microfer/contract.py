"""What the host and the board agree on, written once.

This module imports `typing` alone, so that every tool can read it: the trainer, the exporter that turns it into a C++
header, and PlatformIO's bare Python. What belongs to one model (input layout, quantization, temperature, arena)
is not here: it travels inside that model's .tflite, see `microfer.tflite.metadata`.
"""

from typing import Literal, get_args

LABELS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
"""The seven perceived expressions, in the order of FER-2013 and of every score vector in the project."""

NUM_CLASSES = len(LABELS)

CROP_SIZE = 48
"""Width and height of the face crop, in pixels. The crop is gray, uint8, row by row from the top left."""

PIXEL_MAX = 255
"""A pixel p (0..255) enters a network as the real number p / PIXEL_MAX, in [0, 1]."""

INPUT_SCALE = 1 / PIXEL_MAX
INPUT_ZERO_POINT = -128
"""Int8 encoding of that number: q = p + INPUT_ZERO_POINT, exact for all 256 gray values, so no rounding exists."""

OUTPUT_SCALE = 1 / 256
OUTPUT_ZERO_POINT = -128
"""Int8 encoding of a probability, which TensorFlow Lite fixes for every softmax: -128 is 0, 127 is 255/256."""

OFFICIAL_COUNTS = {
    "Training": (3995, 436, 4097, 7215, 4830, 3171, 4965),
    "PublicTest": (467, 56, 496, 895, 653, 415, 607),
    "PrivateTest": (491, 55, 528, 879, 594, 416, 626),
}
"""Images per class in FER-2013's three official splits, in the order of LABELS (28,709 + 3,589 + 3,589)."""

# How a face crop fills a network's input tensor. Vector units multiply sixteen channels at once; a gray crop has one.
# Regrouped, each block of n x n pixels becomes n * n channels of one place ("space to depth"): the same bytes in
# another order, at a resolution n times lower.
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
