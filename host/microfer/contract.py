"""What the host and the board agree on, written once.

This module imports `typing` alone, so that every tool can read it: the trainer, the exporter that turns it into a C++
header, and PlatformIO's bare Python. `export.constants_header` turns the board's numbers below into constants.h.
What belongs to one model (input layout, quantization, temperature, arena)
is not here: it travels inside that model's .tflite, see `microfer.tflite.metadata`.
"""

from typing import Literal, get_args

LABELS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
"""The seven perceived expressions, in the order of FER-2013 and of the scores of every network that has no others."""

NUM_CLASSES = len(LABELS)

MIN_CLASSES, MAX_CLASSES = 2, 16
"""How many classes a network may have that knows others than these seven; its labels travel with it."""

LONGEST_LABEL = 15
LABEL_PATTERN = rf"[a-z0-9][a-z0-9 _-]{{0,{LONGEST_LABEL - 1}}}"
"""What a label looks like, as a regular expression for the whole of it."""

LABEL_SEPARATOR = ","
LONGEST_LABEL_LIST = MAX_CLASSES * (LONGEST_LABEL + len(LABEL_SEPARATOR))
"""How a board's hello tells all labels, in order, and how many characters that takes at most."""

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

ONE_Q16 = 1 << 16
"""Probabilities and confidences are whole numbers on the board: this one is 1."""

MAX_SCORE_FLOOR = 30
"""Of seven probabilities one is 256 / 7 = 36.6 of 256 levels or more, so some score always remains above this floor."""


def max_score_floor(classes: int) -> int:
    """Return the highest floor that leaves some score of so many classes above it, however they were rounded."""
    return min(MAX_SCORE_FLOOR, 256 // classes - 2)


NEWEST_PART_Q16 = round(0.3 * ONE_Q16)
"""The newest frame's part in the smoothed confidences. Three tenths forget a frame to a third within three more: long
enough to ride over a blink, short enough for a smile. Chosen, not measured."""

HYSTERESIS_Q16 = round(0.05 * ONE_Q16)
"""By how much another label must lead, and by how much the shown one must fall below the threshold, before what is
shown changes."""

CAMERA_WIDTH_PX, CAMERA_HEIGHT_PX = 320, 240
"""The frames of a board's camera, gray, and the largest that the tracker takes."""

SEARCH_WIDTH_PX, SEARCH_HEIGHT_PX = CAMERA_WIDTH_PX // 2, CAMERA_HEIGHT_PX // 2
"""The largest frame that the face detector takes; a camera's is halved first."""

MAX_FRAME_SIDE_PX, MAX_BOX_SIDE_PX = 2048, 4096
"""Sides of a frame and of a box in it, at most: so that every sum of the crop fits 32 bits."""

MOST_FACES = 8
"""Faces that the detector tells of one frame: the largest."""

SCHEMA_VERSION = 3
"""The version of the .tflite schema that TFLM reads."""

VECTOR_BYTES = 16
"""What the ESP32-S3's vector unit loads and multiplies at once. Weights and tensors begin at multiples of it."""

READ_AHEAD_BYTES = 2 * VECTOR_BYTES
"""The convolution kernel reads so far behind its last row, without using what it finds."""

MOST_GATHERED_BYTES = 20736
"""Of rows that the convolution gathers at a time, at most. It holds the 36 rows of a 3x3 convolution of 64 channels
on a 6x6 image in one piece, so that its weights, which come from flash, are read once."""

ARENA_RESERVE_BYTES = 64 * 1024
"""Internal RAM that a tensor arena leaves to the camera's driver, which may start later (32 KiB to receive into and the
stack of its task), and to everything else."""

SEND_BUFFER_BYTES = 8192
"""Of a board's serial port, to the host: two previews and what comes with them, so that a host that is late by a frame
or two loses nothing."""

RECEIVE_BUFFER_BYTES = 4096
"""From the host: a whole crop, which arrives while the network works on a frame, and the commands behind it."""

MOST_OPERATORS = 128
"""Of a network, that a board can time."""

MOST_PROFILE_RUNS = 100
"""How often a host may have the network run for one profile."""

START_PERIOD_MS, LEAST_PERIOD_MS, MOST_PERIOD_MS = 1000, 100, 60_000
"""Between two statistics: after a board's start, and what a host may ask for."""

LOAD_OUTCOMES = ("ok", "refused", "arena_too_small", "out_of_memory")
"""How loading a network on a board ended, by number: it runs; it is not what the firmware was built for; the tensor
arena does not hold it; there is no memory for an arena."""

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
