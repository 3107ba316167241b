"""Do two ways to run one model agree? Float against int8 (level 2), LiteRT's reference against TFLM (level 3).

Arrays in, frozen results out: running the models is `runners`, the certificate around these results `certificate`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix

from microfer.contract import LABELS
from microfer.errors import MicroferError
from microfer.metrics.metrics import mcnemar_p, paired_interval, wilson_interval
from microfer.parity.limits import Judgement, Limits, faults_of, judge_value

BIN_WIDTH = 0.01
"""Width of the histogram's bins of probability differences."""


@dataclass(frozen=True)
class Accuracy:
    """Right answers, as a count and a rate in [0, 1] with its 95 % Wilson interval."""

    correct: int
    rate: float
    low: float
    high: float


@dataclass(frozen=True)
class ClassAgreement:
    """One true class: its images, each model's recall, how often they agree. Rates are None without an image."""

    label: str
    support: int
    float_recall: float | None
    int8_recall: float | None
    agreement: float | None
    mean_difference: float | None


@dataclass(frozen=True)
class ScoreComparison:
    """Level 2. Differences are absolute, between probabilities, in [0, 1].

    drop_points: float's accuracy minus int8's, in points; negative where int8 is the better one.
    agreement: share of images with the same top-1 class.
    mcnemar_p: how likely such a difference in errors is by chance (exact test).
    *_interval: where the images are a part of a split, what holds the whole split's value at 95 %; else None.
    mean_difference: over all images and classes. largest_*: the greatest one, and where it is.
    top1: images by [float's class][int8's class]. histogram: images by their largest difference, BIN_WIDTH a bin.
    """

    count: int
    float_accuracy: Accuracy
    int8_accuracy: Accuracy
    drop_points: float
    agreement: float
    mcnemar_p: float
    mean_difference: float
    largest_difference: float
    largest_index: int
    largest_name: str
    per_class: tuple[ClassAgreement, ...]
    top1: tuple[tuple[int, ...], ...]
    histogram: tuple[int, ...]
    drop_points_interval: tuple[float, float] | None = None
    agreement_interval: tuple[float, float] | None = None

    def judge(self, limits: Limits) -> tuple[Judgement, ...]:
        """Return what comes of the limits on the drop and on the agreement."""
        lost = self.float_accuracy.correct - self.int8_accuracy.correct
        least, most = self.drop_points_interval or (self.drop_points, self.drop_points)
        drop = judge_value(
            "--max-drop",
            f"int8 loses {self.drop_points:.2f} points of accuracy ({lost:,} of {self.count:,} images)",
            f"at most {limits.drop_points:g}",
            self.drop_points_interval and f"{least:.2f} to {most:.2f} points",
            is_kept=most <= limits.drop_points,
            is_exceeded=least > limits.drop_points,
        )
        low, high = self.agreement_interval or (self.agreement, self.agreement)
        agreement = judge_value(
            "--min-agreement",
            f"float and int8 agree on {100 * self.agreement:.2f} % of {self.count:,} images",
            f"at least {100 * limits.agreement:g} %",
            self.agreement_interval and f"{100 * low:.2f} to {100 * high:.2f} %",
            is_kept=low >= limits.agreement,
            is_exceeded=high < limits.agreement,
        )
        return drop, agreement

    def faults(self, limits: Limits) -> tuple[str, ...]:
        """Return a sentence for each limit that is exceeded."""
        return faults_of(self.judge(limits))

    def to_json(self) -> dict[str, Any]:
        """Return plain values under the fields' own names, and the width of the histogram's bins."""
        return asdict(self) | {"histogram_bin_width": BIN_WIDTH}


@dataclass(frozen=True)
class FirstDifference:
    """The first image on which two runners' raw int8 outputs differ."""

    index: int
    name: str
    expected: tuple[int, ...]
    found: tuple[int, ...]


@dataclass(frozen=True)
class BitComparison:
    """Level 3: images with the same int8 outputs, and the largest difference in int8 steps (1/256)."""

    count: int
    equal: int
    largest_difference: int
    first: FirstDifference | None

    def judge(self, limits: Limits) -> tuple[Judgement, ...]:
        """Return what comes of the limit on images that differ."""
        different, option = self.count - self.equal, "--max-mismatches"
        if different <= limits.mismatches or self.first is None:
            return (Judgement(option, "passed"),)
        reason = (
            f"TFLM differs from LiteRT's reference kernels on {different} of {self.count} images, where at most "
            f"{limits.mismatches} may ({option}); the first is image {self.first.index} ({self.first.name})"
        )
        return (Judgement(option, "failed", reason),)

    def faults(self, limits: Limits) -> tuple[str, ...]:
        """Return a sentence for each limit that is exceeded."""
        return faults_of(self.judge(limits))

    def to_json(self) -> dict[str, Any]:
        """Return plain values under the fields' own names."""
        return asdict(self)


def compare_scores(
    float_scores: npt.NDArray[np.floating[Any]],
    int8_scores: npt.NDArray[np.floating[Any]],
    labels: npt.NDArray[np.integer[Any]],
    names: npt.NDArray[np.str_],
    split_images: int | None = None,
    classes: Sequence[str] = LABELS,
) -> ScoreComparison:
    """Return level 2 for probabilities, float (n, classes), of the same images with true `labels` and `names`, (n,).

    split_images: how many images the split has that these were drawn from; None: they are the whole of it.
    classes: their names.

    Raises:
        MicroferError: there is no image.
        ValueError: the shapes do not fit.
    """
    _check_pair(float_scores, int8_scores, names)
    if float_scores.shape[1] != len(classes):
        raise ValueError(f"scores of {float_scores.shape[1]} classes for {len(classes)} names")
    if labels.shape != names.shape:
        raise ValueError(f"{labels.shape} labels for {names.shape} images")
    difference = np.abs(float_scores.astype(np.float64) - int8_scores.astype(np.float64))
    per_image = difference.max(axis=1)
    float_top, int8_top = float_scores.argmax(axis=1), int8_scores.argmax(axis=1)
    float_right, int8_right = float_top == labels, int8_top == labels
    only_float, only_int8 = int((float_right & ~int8_right).sum()), int((int8_right & ~float_right).sum())
    largest = int(per_image.argmax())
    count, agreed = len(labels), int((float_top == int8_top).sum())
    is_part = split_images is not None and split_images > count
    drop = paired_interval(only_float, only_int8, count, population=split_images) if is_part else None
    return ScoreComparison(
        count=count,
        float_accuracy=_accuracy(float_right),
        int8_accuracy=_accuracy(int8_right),
        # From the counts, so that a drop of exactly the limit is not pushed over it by rounding.
        drop_points=100 * (only_float - only_int8) / count,
        agreement=agreed / count,
        mcnemar_p=mcnemar_p(float_right, int8_right),
        mean_difference=float(difference.mean()),
        largest_difference=float(per_image[largest]),
        largest_index=largest,
        largest_name=str(names[largest]),
        per_class=tuple(
            _class_agreement(name, k, labels == k, float_top, int8_top, difference) for k, name in enumerate(classes)
        ),
        top1=tuple(
            tuple(int(c) for c in row)
            for row in confusion_matrix(float_top, int8_top, labels=list(range(len(classes))))
        ),
        histogram=tuple(int(c) for c in np.bincount((per_image / BIN_WIDTH).astype(int))),
        drop_points_interval=drop and (100 * drop[0], 100 * drop[1]),
        agreement_interval=wilson_interval(agreed, count, population=split_images) if is_part else None,
    )


def compare_raw(
    expected: npt.NDArray[np.int8], found: npt.NDArray[np.int8], names: npt.NDArray[np.str_]
) -> BitComparison:
    """Return level 3 for raw outputs, int8 (n, classes), of the same images with `names` (n,).

    Raises:
        MicroferError: there is no image.
        ValueError: the shapes do not fit, or the outputs are not int8.
    """
    _check_pair(expected, found, names)
    if expected.dtype != np.int8 or found.dtype != np.int8:
        raise ValueError(f"raw outputs are int8, got {expected.dtype} and {found.dtype}")
    difference = np.abs(expected.astype(np.int16) - found.astype(np.int16)).max(axis=1)
    different = difference > 0
    first = None
    if different.any():
        i = int(different.argmax())
        first = FirstDifference(i, str(names[i]), tuple(map(int, expected[i])), tuple(map(int, found[i])))
    return BitComparison(
        count=len(names),
        equal=int((~different).sum()),
        largest_difference=int(difference.max()),
        first=first,
    )


def _check_pair(a: npt.NDArray[Any], b: npt.NDArray[Any], names: npt.NDArray[np.str_]) -> None:
    if a.ndim != 2 or not a.shape == b.shape == (len(names), a.shape[1]):
        raise ValueError(f"outputs of shape {a.shape} and {b.shape} for {len(names)} images")
    if len(names) == 0:
        raise MicroferError("parity cannot be proven without an image; choose a split that has some")


def _accuracy(right: npt.NDArray[np.bool_]) -> Accuracy:
    correct = int(right.sum())
    return Accuracy(correct, correct / len(right), *wilson_interval(correct, len(right)))


def _class_agreement(
    name: str,
    k: int,
    members: npt.NDArray[np.bool_],
    float_top: npt.NDArray[np.intp],
    int8_top: npt.NDArray[np.intp],
    difference: npt.NDArray[np.float64],
) -> ClassAgreement:
    if not members.any():
        return ClassAgreement(name, 0, None, None, None, None)
    a, b = float_top[members], int8_top[members]
    means = (float(values.mean()) for values in (a == k, b == k, a == b, difference[members]))
    return ClassAgreement(name, int(members.sum()), *means)
