"""What a network is trained on and judged by: two splits of FER-2013, or drawn faces."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from microfer.data import fer2013
from microfer.data.dataset import Dataset
from microfer.data.splits import training_splits
from microfer.data.synthetic import synthetic_faces

SYNTHETIC_COUNTS = {"Training": 1400, "PublicTest": 280}


def load_splits(
    data: Path | None, limit: int | None = None, *, tell: Callable[[str], None] = lambda _: None
) -> tuple[Dataset, Dataset]:
    """Return the Training and PublicTest splits of `data`, or drawn faces where it is None.

    limit: keep only this many images of each split, at least 1, chosen alike every time; of drawn faces, whose classes
    come in turn, the first. tell: is given what a person should know of the data, a sentence each.
    """
    if data is None:
        tell("drawn faces instead of FER-2013: the figures say nothing about real ones")
        counts = {usage: min(limit or count, count) for usage, count in SYNTHETIC_COUNTS.items()}
        training, validation = (synthetic_faces(n, seed, usage) for seed, (usage, n) in enumerate(counts.items()))
        return training, validation
    dataset = fer2013.load(data)
    if unknown := int((dataset.usage == "unknown").sum()):
        tell(f"{unknown:,} test images do not tell PublicTest from PrivateTest: left out")
    splits = list(training_splits(dataset))
    if limit is not None:
        order = [np.random.default_rng(0).permutation(len(split))[:limit] for split in splits]
        splits = [split.take(np.sort(chosen)) for split, chosen in zip(splits, order, strict=True)]
    return splits[0], splits[1]
