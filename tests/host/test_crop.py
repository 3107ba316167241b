"""The crop's oracle is itself tested: against fractions, and against OpenCV's area resize."""

import math
from fractions import Fraction

import cv2
import numpy as np
import pytest

from microfer.oracle.crop import crop_resize

RANDOM_SEED = 6


def noise(height, width):
    return np.random.default_rng(RANDOM_SEED).integers(0, 256, (height, width), dtype=np.uint8)


def mean_of_cell(frame, left, top, width, height, row, column):
    """The mean over one cell by the definition, in fractions."""
    first_y, first_x = Fraction(row * height, 48), Fraction(column * width, 48)
    total = Fraction(0)
    for y in range(math.floor(first_y), math.ceil(first_y + Fraction(height, 48))):
        for x in range(math.floor(first_x), math.ceil(first_x + Fraction(width, 48))):
            tall = min(y + 1, first_y + Fraction(height, 48)) - max(y, first_y)
            wide = min(x + 1, first_x + Fraction(width, 48)) - max(x, first_x)
            inside_y = min(max(top + y, 0), frame.shape[0] - 1)
            inside_x = min(max(left + x, 0), frame.shape[1] - 1)
            total += tall * wide * int(frame[inside_y, inside_x])
    return total / (Fraction(height, 48) * Fraction(width, 48))


@pytest.mark.parametrize("box", [(3, 5, 70, 70), (-20, -9, 101, 64), (60, 50, 31, 13), (10, 10, 1, 100)])
def test_each_pixel_is_the_mean_of_its_cell_halves_up(box):
    frame = noise(60, 80)
    crop = crop_resize(frame, *box)
    for row, column in np.ndindex(48, 48):
        assert crop[row, column] == math.floor(mean_of_cell(frame, *box, row, column) + Fraction(1, 2))


@pytest.mark.parametrize("side", [1, 7, 31, 47, 48, 49, 77, 96, 100, 131, 240, 333])
def test_opencvs_area_resize_is_at_most_one_gray_level_away(side):
    frame = noise(340, 350)
    cut = frame[3 : 3 + side, 9 : 9 + side]
    theirs = cv2.resize(cut, (48, 48), interpolation=cv2.INTER_AREA)
    assert np.abs(crop_resize(frame, 9, 3, side, side).astype(int) - theirs).max() <= 1


@pytest.mark.parametrize(
    "frame", [np.zeros((4, 4), np.float32), np.zeros((4, 4, 3), np.uint8), np.zeros((0, 4), np.uint8)]
)
def test_what_is_no_gray_frame_is_refused(frame):
    with pytest.raises(ValueError, match="expected a gray frame"):
        crop_resize(frame, 0, 0, 4, 4)


def test_a_box_without_an_area_is_refused():
    with pytest.raises(ValueError, match="a box with an area"):
        crop_resize(noise(9, 9), 0, 0, 4, 0)
