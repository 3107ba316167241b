"""Which images a model is proven on: a split of FER-2013, a subset of it, or drawn faces; and saying which."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microfer.contract import LABELS, NUM_CLASSES
from microfer.data.dataset import Dataset
from microfer.data.synthetic import synthetic_dataset

SUBSET_SEED = 0
SYNTHETIC_SEED = 0
SYNTHETIC_COUNT = 140


@dataclass(frozen=True)
class Images:
    """What the models ran on. `of` is how many images the split has; fewer in `data` make it a subset."""

    data: Dataset
    split: str
    of: int
    synthetic: bool = False

    def describe(self) -> str:
        """Return one line for people."""
        count = len(self.data)
        if self.synthetic:
            return f"{count:,} synthetic faces (drawn, not photographed: nothing is proven about accuracy)"
        whole = "the whole split" if count == self.of else f"a SUBSET of the split's {self.of:,}"
        return f"{count:,} images of {self.split}, {whole}"

    def to_json(self) -> dict[str, Any]:
        """Return counts and origin; of a path the file's name alone."""
        return {
            "source": Path(self.data.source).name,
            "split": self.split,
            "images": len(self.data),
            "split_images": self.of,
            "is_whole_split": len(self.data) == self.of,
            "is_synthetic": self.synthetic,
            "per_class": dict(zip(LABELS, map(int, self.data.counts()), strict=True)),
        }


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


def synthetic_images(limit: int | None = None) -> Images:
    """Return `limit` (SYNTHETIC_COUNT if None) drawn faces, the classes in turn, always the same ones."""
    count = SYNTHETIC_COUNT if limit is None else limit
    data = synthetic_dataset(-(-count // NUM_CLASSES), SYNTHETIC_SEED, "PublicTest").take(np.arange(count))
    return Images(data, "synthetic", count, synthetic=True)
