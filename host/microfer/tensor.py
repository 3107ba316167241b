"""The tensor encoding, written once for the host: face crops to network inputs, int8 outputs to probabilities.

The firmware's own encoder is tested against this module, bit for bit.
"""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from microfer.contract import (
    CROP_SIZE,
    INPUT_ZERO_POINT,
    MAX_CLASSES,
    MIN_CLASSES,
    OUTPUT_SCALE,
    OUTPUT_ZERO_POINT,
    PIXEL_MAX,
    InputLayout,
    block_side,
    input_shape,
)

_Number = TypeVar("_Number", bound=np.generic)

INPUT_SHAPE = (CROP_SIZE, CROP_SIZE, 1)
"""Height, width, channels of one input of a float network, whatever its layout on the board."""


def encode_float(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return crops, uint8 (n, 48, 48), as a float network's input: float32 (n, 48, 48, 1) in [0, 1], pixel / 255."""
    check_crops(images)
    return images[..., np.newaxis].astype(np.float32) / np.float32(PIXEL_MAX)


def encode_int8(images: npt.NDArray[np.uint8], layout: InputLayout = "plain") -> npt.NDArray[np.int8]:
    """Return crops, uint8 (n, 48, 48), as an int8 network's input: pixel - 128, int8 (n, *input_shape(layout))."""
    check_crops(images)
    return regroup((images[..., np.newaxis].astype(np.int16) + INPUT_ZERO_POINT).astype(np.int8), layout)


def regroup(inputs: npt.NDArray[_Number], layout: InputLayout) -> npt.NDArray[_Number]:
    """Return inputs, (n, 48, 48, 1) of any type, as the layout has them: (n, *input_shape(layout))."""
    side = block_side(layout)
    blocks = inputs.reshape(-1, CROP_SIZE // side, side, CROP_SIZE // side, side).transpose(0, 1, 3, 2, 4)
    return np.ascontiguousarray(blocks).reshape(-1, *input_shape(layout))


def decode_scores(raw: npt.NDArray[np.int8]) -> npt.NDArray[np.float32]:
    """Return an int8 network's raw outputs, int8 (n, classes), as probabilities: float32 of that shape in [0, 255/256].

    They are multiples of 1/256, so a row need not add up to exactly one, and two classes can tie.
    """
    if raw.dtype != np.int8 or raw.ndim != 2 or not MIN_CLASSES <= raw.shape[1] <= MAX_CLASSES:
        raise ValueError(f"expected int8 (n, {MIN_CLASSES} to {MAX_CLASSES}), got {raw.dtype} {raw.shape}")
    return (raw.astype(np.float32) - np.float32(OUTPUT_ZERO_POINT)) * np.float32(OUTPUT_SCALE)


def check_crops(images: npt.NDArray[np.uint8]) -> None:
    """Raise ValueError where `images` is not uint8 (n, 48, 48): a float crop would be encoded into nonsense."""
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (CROP_SIZE, CROP_SIZE):
        raise ValueError(f"expected crops uint8 (n, {CROP_SIZE}, {CROP_SIZE}), got {images.dtype} {images.shape}")
