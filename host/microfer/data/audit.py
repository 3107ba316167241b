"""What is in a data set, and what is wrong with it: counts, duplicates, contradictions, blank images.

A contact sheet shows how its classes look.
"""

from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from microfer.contract import CROP_SIZE, OFFICIAL_COUNTS
from microfer.data.dataset import USAGES, Dataset
from microfer.data.duplicates import (
    Groups,
    blank,
    exact_any,
    exact_groups,
    mirrored_any,
    mirrored_groups,
    near_any,
    near_groups,
)

NOT_FOUND = (
    "Not found by this: copies that are rotated, cut out of or into a larger picture, shifted by more than a pixel or "
    "enlarged; and other pictures of the same person. No figure here says how many of those there are."
)
"""What a person who reads the counts must know of them."""

_CELL = CROP_SIZE * 3 // 2
_LABEL_WIDTH = 110
_TITLE_HEIGHT = 24
_INK = 30
_PAPER = 245


def contact_sheet(dataset: Dataset, title: str, per_class: int = 16, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Return a gray picture, uint8 (height, width), with a row of random examples for each class.

    It shows pixels of the data set: FER-2013's may not be passed on, so such a sheet stays where it was made.

    Args:
        dataset: where the examples come from; a class without images gets an empty row.
        title: one line above them.
        per_class: examples in a row.
        seed: chooses the examples; the same seed chooses the same ones.
    """
    rng = np.random.default_rng(seed)
    height, width = _TITLE_HEIGHT + _CELL * len(dataset.classes), _LABEL_WIDTH + _CELL * per_class
    sheet = np.full((height, width), _PAPER, np.uint8)
    _write(sheet, title, 6, 17)
    for label, name in enumerate(dataset.classes):
        top = _TITLE_HEIGHT + label * _CELL
        _write(sheet, name, 6, top + _CELL // 2 + 4)
        members = np.flatnonzero(dataset.labels == label)
        for column, index in enumerate(rng.permutation(members)[:per_class]):
            left = _LABEL_WIDTH + column * _CELL
            enlarged = cv2.resize(dataset.images[index], (_CELL, _CELL), interpolation=cv2.INTER_CUBIC)
            sheet[top : top + _CELL, left : left + _CELL] = enlarged
    return sheet


def _write(sheet: npt.NDArray[np.uint8], text: str, left: int, baseline: int) -> None:
    cv2.putText(sheet, text, (left, baseline), cv2.FONT_HERSHEY_SIMPLEX, 0.5, _INK, 1, cv2.LINE_AA)


@dataclass(frozen=True)
class SplitCount:
    """One split's images per class, in the order of `Dataset.classes`, beside FER-2013's official ones."""

    usage: str
    classes: tuple[int, ...]
    official: tuple[int, ...] | None

    @property
    def differs(self) -> bool:
        """Whether the split is there and its counts are not the official ones."""
        return self.official is not None and any(self.classes) and self.classes != self.official


@dataclass(frozen=True)
class DuplicateCount:
    """The groups of images of one picture that stand in the same splits.

    splits: the splits that each of the groups has images in; more than one: what was trained on is also tested.
    groups, images: how many pictures, and how many images show them.
    conflicting_groups, conflicting_images: those of them whose images do not all carry the same label.
    """

    splits: tuple[str, ...]
    groups: int
    images: int
    conflicting_groups: int
    conflicting_images: int


@dataclass(frozen=True)
class Leak:
    """The test images of one split that also stand in Training.

    near: exactly or nearly; mirrored: in the mirror alone.
    """

    usage: str
    images: int
    exact: int
    near: int
    mirrored: int


@dataclass(frozen=True)
class Audit:
    """What `audit` found.

    `exact`, `near` and `mirrored` have one row for each set of splits that some group spans; `exact_groups` and so on
    name the images of every group.
    """

    source: str
    classes: tuple[str, ...]
    images: int
    splits: tuple[SplitCount, ...]
    exact: tuple[DuplicateCount, ...]
    near: tuple[DuplicateCount, ...]
    mirrored: tuple[DuplicateCount, ...]
    leaks: tuple[Leak, ...]
    blank: tuple[str, ...]
    exact_groups: tuple[tuple[str, ...], ...]
    near_groups: tuple[tuple[str, ...], ...]
    mirrored_groups: tuple[tuple[str, ...], ...]

    def absent(self) -> tuple[str, ...]:
        """Return the official splits that the data set has no image of."""
        return tuple(split.usage for split in self.splits if split.official and not any(split.classes))

    def as_json(self) -> dict[str, Any]:
        """Return the same as plain dictionaries and lists, with the class names and what differs spelled out."""
        content = asdict(self)
        content["not_found_by_this"] = NOT_FOUND
        content["absent"] = list(self.absent())
        content["different_from_official"] = [split.usage for split in self.splits if split.differs]
        return content


def audit(dataset: Dataset) -> Audit:
    """Look a data set through; some ten seconds for all of FER-2013. See `duplicates` for what near means."""
    exact, near = exact_groups(dataset.images), near_groups(dataset.images)
    mirrored = mirrored_groups(dataset.images)
    return Audit(
        source=dataset.source,
        classes=dataset.classes,
        images=len(dataset),
        splits=_split_counts(dataset),
        exact=_count(exact, dataset),
        near=_count(near, dataset),
        mirrored=_count(mirrored, dataset),
        leaks=_leaks(dataset),
        blank=_names(dataset, blank(dataset.images)),
        exact_groups=tuple(_names(dataset, group) for group in exact),
        near_groups=tuple(_names(dataset, group) for group in near),
        mirrored_groups=tuple(_names(dataset, group) for group in mirrored),
    )


def also_in(test: Dataset, training: Dataset, near: bool = False) -> npt.NDArray[np.bool_]:
    """Return which test images also stand in the training set, shape (len(test),).

    Args:
        test: the images in question.
        training: the images that a model has seen.
        near: also count images that are nearly one in training (see `duplicates`), not only exact copies.
    """
    exact = exact_any(test.images, training.images)
    return exact | near_any(test.images, training.images) if near else exact


def _names(dataset: Dataset, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> tuple[str, ...]:
    return tuple(str(name) for name in dataset.names[chosen])


def _split_counts(dataset: Dataset) -> tuple[SplitCount, ...]:
    counts = []
    for usage in USAGES:
        classes = tuple(int(count) for count in dataset.take(dataset.usage == usage).counts())
        official = None if dataset.description.is_own else OFFICIAL_COUNTS.get(usage)
        if official or any(classes):
            counts.append(SplitCount(usage, classes, official))
    return tuple(counts)


def _count(groups: Groups, dataset: Dataset) -> tuple[DuplicateCount, ...]:
    by_splits: dict[tuple[str, ...], Groups] = {}
    for group in groups:
        present = set(dataset.usage[group])
        by_splits.setdefault(tuple(usage for usage in USAGES if usage in present), []).append(group)
    counts = []
    for splits, members in sorted(by_splits.items(), key=lambda item: (len(item[0]), USAGES.index(item[0][0]))):
        conflicting = [group for group in members if np.ptp(dataset.labels[group]) > 0]
        sizes = [sum(len(group) for group in chosen) for chosen in (members, conflicting)]
        counts.append(DuplicateCount(splits, len(members), sizes[0], len(conflicting), sizes[1]))
    return tuple(counts)


def _leaks(dataset: Dataset) -> tuple[Leak, ...]:
    training = dataset.take(dataset.usage == "Training")
    leaks = []
    for usage in USAGES[1:]:
        test = dataset.take(dataset.usage == usage)
        if len(test) and len(training):
            exact, near = also_in(test, training), also_in(test, training, near=True)
            mirrored = mirrored_any(test.images, training.images) & ~near
            leaks.append(Leak(usage, len(test), int(exact.sum()), int(near.sum()), int(mirrored.sum())))
    return tuple(leaks)
