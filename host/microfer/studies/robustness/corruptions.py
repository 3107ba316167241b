"""Ways in which a crop gets worse: lens, light, sensor, pose, framing, hands, compression; each at several strengths.

The kinds follow D. Hendrycks, T. Dietterich, Benchmarking neural network robustness to common corruptions and
perturbations, ICLR 2019; the strengths are this project's, chosen for 48x48 pixels, each with its unit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from microfer.contract import CROP_SIZE, PIXEL_MAX
from microfer.errors import named
from microfer.pictures.opencv import cv2

Crops = npt.NDArray[np.uint8]
Change = Callable[[Crops, float, np.random.Generator], Crops]


@dataclass(frozen=True)
class Corruption:
    """One way of making a crop worse.

    unit: what `strengths`, from mild to strong, are counted in; "px" are pixels of the 48x48 crop.
    change: crops, strength, chance to changed crops.
    """

    name: str
    unit: str
    strengths: tuple[float, ...]
    change: Change

    def apply(self, crops: Crops, strength: float, seed: int) -> Crops:
        """Return changed copies, uint8 (n, 48, 48), of crops of that shape. The same seed gives the same pixels."""
        index = self.strengths.index(strength)
        rng = np.random.default_rng((seed, *self.name.encode(), index))
        return self.change(crops, strength, rng)


def _each(change: Callable[[Crops], Any], crops: Crops) -> Crops:
    return np.array([change(crop) for crop in crops], np.uint8)


def _rounded(values: npt.NDArray[np.floating]) -> Crops:
    levels: Crops = np.clip(values + 0.5, 0, PIXEL_MAX).astype(np.uint8)
    return levels


def _blur(crops: Crops, sigma: float, rng: np.random.Generator) -> Crops:
    del rng
    return _each(lambda crop: cv2.GaussianBlur(crop, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), crops)


def _noise(crops: Crops, deviation: float, rng: np.random.Generator) -> Crops:
    return _rounded(crops + rng.normal(0, deviation, crops.shape))


def _darkness(crops: Crops, light: float, rng: np.random.Generator) -> Crops:
    del rng
    return _rounded(crops * light)


def _contrast(crops: Crops, share: float, rng: np.random.Generator) -> Crops:
    del rng
    mean = crops.mean(axis=(1, 2), keepdims=True)
    return _rounded((crops - mean) * share + mean)


def _rotation(crops: Crops, degrees: float, rng: np.random.Generator) -> Crops:
    signs = iter(rng.choice((-1.0, 1.0), len(crops)))
    centre = ((CROP_SIZE - 1) / 2, (CROP_SIZE - 1) / 2)
    return _each(lambda crop: _warped(crop, cv2.getRotationMatrix2D(centre, degrees * next(signs), 1)), crops)


def _shift(crops: Crops, pixels: float, rng: np.random.Generator) -> Crops:
    angles = iter(rng.uniform(0, 2 * np.pi, len(crops)))

    def moved(crop: Crops) -> Crops:
        angle = next(angles)
        return _warped(crop, np.array([[1, 0, pixels * np.cos(angle)], [0, 1, pixels * np.sin(angle)]]))

    return _each(moved, crops)


def _warped(crop: Crops, matrix: Any) -> Crops:
    size = (CROP_SIZE, CROP_SIZE)
    warped = cv2.warpAffine(crop, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.uint8)


def _occlusion(crops: Crops, share: float, rng: np.random.Generator) -> Crops:
    side = round(np.sqrt(share) * CROP_SIZE)
    places = rng.integers(0, CROP_SIZE - side + 1, (len(crops), 2))
    changed = crops.copy()
    for crop, (top, left), gray in zip(changed, places, rng.integers(0, PIXEL_MAX + 1, len(crops)), strict=True):
        crop[top : top + side, left : left + side] = gray
    return changed


def _jpeg(crops: Crops, quality: float, rng: np.random.Generator) -> Crops:
    del rng

    def packed(crop: Crops) -> Crops:
        content = cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1]
        return np.asarray(cv2.imdecode(content, cv2.IMREAD_GRAYSCALE), np.uint8)

    return _each(packed, crops)


CORRUPTIONS = (
    Corruption("blur", "px, standard deviation", (0.5, 1.0, 1.5, 2.0), _blur),
    Corruption("noise", "gray levels, std. dev.", (5, 10, 20, 40), _noise),
    Corruption("darkness", "of the light left", (0.5, 0.25, 0.125, 0.0625), _darkness),
    Corruption("contrast", "of the contrast left", (0.5, 0.25, 0.125, 0.0625), _contrast),
    Corruption("rotation", "degrees either way", (5, 10, 20, 30), _rotation),
    Corruption("shift", "px in any direction", (2, 4, 6, 8), _shift),
    Corruption("occlusion", "of the area covered", (0.05, 0.1, 0.2, 0.3), _occlusion),
    Corruption("jpeg", "quality of 100", (50, 20, 10, 5), _jpeg),
)


def corruption(name: str) -> Corruption:
    """Return the corruption called `name`. Raises MicroferError with the names that there are."""
    return named({one.name: one for one in CORRUPTIONS}, name, "corruption")
