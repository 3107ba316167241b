"""Drawn faces with the seven expressions, for tests and for a first run without FER-2013.

They are cartoons: a network that tells them apart has learned to tell cartoons apart. Whatever is trained or
measured on them is labelled synthetic (`Dataset.source`), and says nothing about faces of people.

What a face does in each expression follows the action units of the Facial Action Coding System (Ekman and Friesen,
1978) as far as a drawing can: brows, lids, nose, cheeks and mouth. `face_drawing` turns it into pixels.
"""

from dataclasses import astuple

import numpy as np
import numpy.typing as npt

from microfer.contract import CROP_SIZE, LABELS
from microfer.data.dataset import SYNTHETIC, USAGES, Dataset
from microfer.data.face_description import Expression, Head
from microfer.data.face_drawing import draw_face
from microfer.errors import MicroferError

EXPRESSIONS = (
    Expression(
        name="anger", brow_inner=-0.10, brow_outer=0.05, brow_pinch=0.07, eye_open=0.80, eye_slant=-0.05,
        mouth_corner=-0.06, mouth_open=0.02, mouth_width=0.95, lip_press=0.5, nose_wrinkle=0.4, frown=1.0,
    ),
    Expression(
        name="disgust", brow_inner=-0.06, brow_outer=-0.05, brow_pinch=0.03, eye_open=0.55, eye_slant=-0.02,
        mouth_corner=-0.09, mouth_open=0.05, mouth_width=0.85, lip_raise=0.09, teeth=0.6, nose_wrinkle=1.0, fold=1.0,
    ),
    Expression(
        name="fear", brow_inner=0.14, brow_outer=0.02, brow_pinch=0.06, eye_open=1.55, eye_slant=0.03,
        mouth_corner=-0.07, mouth_open=0.12, mouth_width=1.15, teeth=0.7, frown=0.5,
    ),
    Expression(
        name="happiness", brow_inner=0.02, brow_outer=0.03, eye_open=0.80, mouth_corner=0.15, mouth_open=0.12,
        mouth_width=1.35, teeth=1.0, fold=0.9, cheek=1.0,
    ),
    Expression(
        name="sadness", brow_inner=0.12, brow_outer=-0.07, brow_pinch=0.03, eye_open=0.62, eye_slant=0.06,
        mouth_corner=-0.13, mouth_width=0.85, lip_press=0.2, gaze_down=0.5,
    ),
    Expression(
        name="surprise", brow_inner=0.17, brow_outer=0.16, eye_open=1.70, mouth_open=0.32, mouth_width=0.66,
        teeth=0.1,
    ),
    Expression(name="neutral"),
)  # fmt: skip
"""The expressions at full strength, in the order of `LABELS`; see `Expression` for the units."""


def render_face(
    label: int, rng: np.random.Generator, size: int = CROP_SIZE, margin: float = 0.0
) -> npt.NDArray[np.uint8]:
    """Return a drawn face, gray uint8 (size, size).

    Head, hair, light, pose, strength of the expression, background and noise are drawn from `rng`: the same state
    gives the same pixels.

    Args:
        label: the expression, an index into `LABELS`.
        rng: the source of chance.
        size: width and height in pixels.
        margin: how much more than FER-2013's tight crop is shown, on each side, in widths of that crop: 0 shows the
            face alone, 0.5 the whole head on its plain background.
    """
    drawn = draw_face(_performed(EXPRESSIONS[label], rng), Head.random(rng), rng, size, margin)
    return _photographed(drawn, rng)


def synthetic_dataset(per_class: int, seed: int, usage: str = "Training") -> Dataset:
    """Return a data set of `7 * per_class` drawn faces, the classes in turn, all of one usage.

    The same arguments give the same pixels; another seed or another usage gives other faces.

    Raises:
        MicroferError: `per_class` is below 1 or `usage` is not one of `USAGES`.
    """
    if per_class < 1:
        raise MicroferError(f"{per_class} synthetic faces per class: ask for at least 1")
    if usage not in USAGES:
        raise MicroferError(f"the usage of synthetic faces is {usage!r}, expected one of {', '.join(USAGES)}")
    rng = np.random.default_rng((seed, USAGES.index(usage)))
    labels = np.tile(np.arange(len(LABELS), dtype=np.uint8), per_class)
    images = np.stack([render_face(int(label), rng) for label in labels])
    names = np.array([f"synthetic {LABELS[label]} {index}" for index, label in enumerate(labels)])
    return Dataset(images, labels, np.full(len(labels), usage), names, SYNTHETIC)


def synthetic_faces(count: int, seed: int, usage: str = "Training") -> Dataset:
    """Return the first `count` faces of a `synthetic_dataset`, and draw little more: one takes some milliseconds.

    Raises:
        MicroferError: as `synthetic_dataset` does.
    """
    return synthetic_dataset(-(-count // len(LABELS)), seed, usage).take(np.arange(count))


def _performed(expression: Expression, rng: np.random.Generator) -> Expression:
    """Return an expression at a random strength, with every part a little off."""
    neutral = Expression("neutral")
    strength = rng.uniform(0.6, 1.15)
    values = {
        field: getattr(neutral, field) + strength * (value - getattr(neutral, field)) + jitter * rng.normal()
        for (field, jitter), value in zip(_JITTER.items(), astuple(expression)[1:], strict=True)
    }
    return Expression(expression.name, **values)


def _photographed(image: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Return the image as a camera might give it: other brightness, contrast and gamma, and noise."""
    bright = (image / np.float32(255)) ** rng.uniform(0.75, 1.35)
    seen = bright * rng.uniform(0.75, 1.05) + rng.uniform(-0.04, 0.12)
    noisy = seen + rng.normal(0, rng.uniform(0.003, 0.022), image.shape)
    return np.clip(noisy * 255 + 0.5, 0, 255).astype(np.uint8)


_JITTER = {
    "brow_inner": 0.015,
    "brow_outer": 0.015,
    "brow_pinch": 0.01,
    "eye_open": 0.07,
    "eye_slant": 0.008,
    "mouth_corner": 0.015,
    "mouth_open": 0.008,
    "mouth_width": 0.05,
    "lip_press": 0.05,
    "lip_raise": 0.01,
    "teeth": 0.1,
    "nose_wrinkle": 0.05,
    "frown": 0.05,
    "fold": 0.05,
    "cheek": 0.05,
    "gaze_down": 0.2,
}
"""The standard deviation of each part's chance, in the part's own unit."""
