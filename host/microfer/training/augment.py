"""Random changes to training crops that do not change the expression."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from microfer.contract import CROP_SIZE
from microfer.tensor import encode_float


@dataclass(frozen=True)
class Augmentation:
    """How far training crops are changed; every amount is drawn uniformly, image by image.

    rotation_deg, shear_deg: up to this angle, either way.
    shift: up to this fraction of the crop's size, either way, in x and y apart.
    zoom: scale factor from 1 - zoom to 1 + zoom.
    flip: mirror left and right half of the time.
    brightness: added to the pixel value (0..1), either way. contrast: factor about the mean from 1 - contrast
        to 1 + contrast.
    erase_probability: how often a random rectangle (2 % to 20 % of the area) is replaced by one gray value
        (random erasing, Zhong et al. 2017, arXiv:1708.04896).
    """

    rotation_deg: float = 0.0
    shear_deg: float = 0.0
    shift: float = 0.0
    zoom: float = 0.0
    flip: bool = False
    brightness: float = 0.0
    contrast: float = 0.0
    erase_probability: float = 0.0


def augment(images: npt.NDArray[np.uint8], settings: Augmentation, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return randomly changed crops as network input: uint8 (n, 48, 48) to float32 (n, 48, 48, 1) in [0, 1].

    Pixels that come from outside the crop repeat its edge.
    """
    n = len(images)
    warped = np.empty_like(images)
    for index, matrix in enumerate(_affine_matrices(n, settings, rng)):
        cv2.warpAffine(
            images[index],
            matrix,
            (CROP_SIZE, CROP_SIZE),
            dst=warped[index],
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
    result = encode_float(warped)
    if settings.brightness or settings.contrast:
        mean = result.mean(axis=(1, 2, 3), keepdims=True)
        gain = rng.uniform(1 - settings.contrast, 1 + settings.contrast, (n, 1, 1, 1)).astype(np.float32)
        offset = rng.uniform(-settings.brightness, settings.brightness, (n, 1, 1, 1)).astype(np.float32)
        result = np.clip((result - mean) * gain + mean + offset, 0, 1)
    _erase(result, settings.erase_probability, rng)
    return result


def _affine_matrices(n: int, settings: Augmentation, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return n random maps from output to input pixel coordinates, shape (n, 2, 3), about the crop's centre."""
    angle = np.deg2rad(rng.uniform(-settings.rotation_deg, settings.rotation_deg, n))
    shear = np.tan(np.deg2rad(rng.uniform(-settings.shear_deg, settings.shear_deg, n)))
    scale = 1 / rng.uniform(1 - settings.zoom, 1 + settings.zoom, n)
    mirror = np.where(rng.random(n) < 0.5, -1.0, 1.0) if settings.flip else np.ones(n)
    shift = rng.uniform(-settings.shift, settings.shift, (n, 2)) * CROP_SIZE
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    linear = np.empty((n, 2, 2))
    linear[:, 0, 0] = cos * mirror
    linear[:, 0, 1] = cos * shear - sin
    linear[:, 1, 0] = sin * mirror
    linear[:, 1, 1] = sin * shear + cos
    centre = np.full(2, (CROP_SIZE - 1) / 2)
    offset = centre - linear @ centre + shift
    return np.concatenate([linear, offset[:, :, None]], axis=2)


def _erase(batch: npt.NDArray[np.float32], probability: float, rng: np.random.Generator) -> None:
    for index in np.flatnonzero(rng.random(len(batch)) < probability):
        area = rng.uniform(0.02, 0.20) * CROP_SIZE**2
        aspect = np.exp(rng.uniform(np.log(0.4), np.log(2.5)))
        height = min(CROP_SIZE, max(1, round(np.sqrt(area * aspect))))
        width = min(CROP_SIZE, max(1, round(np.sqrt(area / aspect))))
        top, left = rng.integers(CROP_SIZE - height + 1), rng.integers(CROP_SIZE - width + 1)
        batch[index, top : top + height, left : left + width] = rng.random()
