"""What augmentation changes, and what it must leave alone."""

import numpy as np
import pytest

from microfer.training.augment import Augmentation, augment


def crops(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 48, 48), dtype=np.uint8)


def test_without_any_amount_the_pixels_stay_and_are_divided_by_255() -> None:
    images = crops(5)
    result = augment(images, Augmentation(), np.random.default_rng(0))
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result[..., 0], images / np.float32(255))


def test_a_flip_mirrors_about_half_of_the_images_exactly() -> None:
    images = crops(400)
    result = augment(images, Augmentation(flip=True), np.random.default_rng(0))[..., 0] * 255
    mirrored = [np.allclose(a, b[:, ::-1], atol=0.01) for a, b in zip(result, images, strict=True)]
    kept = [np.allclose(a, b, atol=0.01) for a, b in zip(result, images, strict=True)]
    assert all(a != b for a, b in zip(mirrored, kept, strict=True))
    assert 150 < sum(mirrored) < 250


def test_a_shift_moves_a_bright_spot_by_at_most_its_fraction() -> None:
    images = np.zeros((200, 48, 48), np.uint8)
    images[:, 22:26, 22:26] = 255
    result = augment(images, Augmentation(shift=0.1), np.random.default_rng(0))[..., 0]
    rows = (result * np.arange(48)[:, None]).sum((1, 2)) / result.sum((1, 2))
    assert np.abs(rows - 23.5).max() == pytest.approx(4.8, abs=0.3)


def test_a_rotation_keeps_the_centre_in_place() -> None:
    images = np.zeros((100, 48, 48), np.uint8)
    images[:, 20:28, 20:28] = 200
    result = augment(images, Augmentation(rotation_deg=20), np.random.default_rng(0))[..., 0]
    columns = (result * np.arange(48)).sum((1, 2)) / result.sum((1, 2))
    assert np.abs(columns - 23.5).max() < 0.2


@pytest.mark.parametrize(
    "settings",
    [
        Augmentation(brightness=0.5, contrast=0.9),
        Augmentation(rotation_deg=45, shear_deg=20, shift=0.5, zoom=0.5, flip=True, erase_probability=1.0),
    ],
)
def test_pixels_stay_between_zero_and_one(settings: Augmentation) -> None:
    result = augment(crops(64), settings, np.random.default_rng(0))
    assert result.min() >= 0
    assert result.max() <= 1


def test_erasing_fills_one_rectangle_with_one_value() -> None:
    images = crops(50)
    result = augment(images, Augmentation(erase_probability=1.0), np.random.default_rng(0))[..., 0]
    for after, before in zip(result, images / np.float32(255), strict=True):
        changed = after != before
        rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
        block = after[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert len(np.unique(block)) == 1


def test_the_same_seed_gives_the_same_batch_and_another_seed_another() -> None:
    settings = Augmentation(rotation_deg=10, zoom=0.1, flip=True, contrast=0.2)
    first, again, other = (augment(crops(8), settings, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
