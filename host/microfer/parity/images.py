"""Which images a model is proven on: a split of FER-2013, a subset of it, or drawn faces; and saying which."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from microfer.contract import LABELS
from microfer.data.dataset import Dataset
from microfer.data.synthetic import synthetic_faces

SUBSET_SEED = 0
SYNTHETIC_SEED = 0
SYNTHETIC_COUNT = 140


@dataclass(frozen=True)
class ImageSet:
    """Which images something ran on: all that a report needs to say of them, without the images.

    source: the data's file or folder, its name alone. split_images: how many the split has; more than `images` make it
    a subset. per_class: images of each label.
    """

    source: str
    split: str
    images: int
    split_images: int
    is_synthetic: bool
    per_class: dict[str, int]

    @property
    def is_whole_split(self) -> bool:
        """Whether no image of the split was left out."""
        return self.images == self.split_images

    def describe(self) -> str:
        """Return one line for people."""
        if self.is_synthetic:
            return f"{self.images:,} synthetic faces (drawn, not photographed: nothing is proven about accuracy)"
        whole = "the whole split" if self.is_whole_split else f"a SUBSET of the split's {self.split_images:,}"
        return f"{self.images:,} images of {self.split}, {whole}"

    def to_json(self) -> dict[str, Any]:
        """Return the fields under their own names, and whether it is the whole split."""
        return {
            "source": self.source,
            "split": self.split,
            "images": self.images,
            "split_images": self.split_images,
            "is_whole_split": self.is_whole_split,
            "is_synthetic": self.is_synthetic,
            "per_class": self.per_class,
        }


@dataclass(frozen=True)
class Images:
    """What the models run on. `of` is how many images the split has; fewer in `data` make it a subset."""

    data: Dataset
    split: str
    of: int
    synthetic: bool = False

    def about(self) -> ImageSet:
        """Return which images these are, without them."""
        return ImageSet(
            source=Path(self.data.source).name,
            split=self.split,
            images=len(self.data),
            split_images=self.of,
            is_synthetic=self.synthetic,
            per_class=dict(zip(self.data.classes, map(int, self.data.counts()), strict=True)),
        )

    def describe(self) -> str:
        """Return one line for people."""
        return self.about().describe()

    def to_json(self) -> dict[str, Any]:
        """Return counts and origin; of a path the file's name alone."""
        return self.about().to_json()


def choose_images(dataset: Dataset, split: str, limit: int | None = None) -> Images:
    """Return a split of `dataset`, or `limit` of its images: drawn at random by a fixed seed, in the split's order.

    Raises:
        MicroferError: the data set has no image of that split.
    """
    whole = dataset.split(split)
    if limit is None or limit >= len(whole):
        return Images(whole, split, len(whole))
    # Not the first ones: folders are read class by class.
    chosen = np.random.default_rng(SUBSET_SEED).permutation(len(whole))[:limit]
    return Images(whole.take(np.sort(chosen)), split, len(whole))


def synthetic_images(limit: int | None = None, labels: tuple[str, ...] = LABELS) -> Images:
    """Return `limit` (SYNTHETIC_COUNT if None) drawn faces, the classes in turn, always the same ones.

    labels: the classes that they are given; others than the seven expressions are no more than names in turn.
    """
    count = SYNTHETIC_COUNT if limit is None else limit
    faces = synthetic_faces(count, SYNTHETIC_SEED, "PublicTest")
    if labels != LABELS:
        described = replace(faces.description, classes=labels)
        faces = replace(faces, labels=(np.arange(count) % len(labels)).astype(np.uint8), description=described)
    return Images(faces, "synthetic", count, synthetic=True)
