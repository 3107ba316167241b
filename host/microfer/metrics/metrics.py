"""How good a classifier's probabilities are: accuracy with its interval, per-class scores, calibration.

Knows nothing about models, data sets or files: arrays in, frozen results out.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from microfer.contract import LABELS
from microfer.errors import MicroferError

CALIBRATION_BINS = 15
"""Equal-width bins of top-1 confidence; the number that Guo et al. 2017 report with."""


@dataclass(frozen=True)
class ClassMetrics:
    """One class's scores, each in [0, 1]; a score with nothing to divide by is 0. `support` counts true images."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class CalibrationBin:
    """The images whose top-1 confidence lies in (low, high]; the two means are None where there are none."""

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Metrics:
    """What `classification_metrics` measures. Rates lie in [0, 1].

    accuracy_low, accuracy_high: the 95 % Wilson interval of the accuracy.
    confusion: images by [true class][predicted class], a row and a column for each class.
    ece:       expected calibration error over `calibration`, CALIBRATION_BINS bins.
    """

    count: int
    correct: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    macro_f1: float
    per_class: tuple[ClassMetrics, ...]
    confusion: tuple[tuple[int, ...], ...]
    ece: float
    calibration: tuple[CalibrationBin, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain dicts, lists and numbers, ready for `json.dumps`, under the fields' own names."""
        return asdict(self)


def classification_metrics(
    probabilities: npt.NDArray[np.floating], labels: npt.NDArray[np.integer], classes: Sequence[str] = LABELS
) -> Metrics:
    """Return the metrics of `probabilities`, float (n, classes) in [0, 1], against `labels`, integers (n,) below that.

    classes: their names.

    The prediction is the most probable class, the first of equals. Macro-F1 is the mean over all classes,
    a class without any image counting 0, as scikit-learn has it.

    Raises:
        MicroferError: there is no image, or a probability is not a finite number.
        ValueError: the shapes do not fit each other.
    """
    probabilities = np.asarray(probabilities)
    labels = np.asarray(labels)
    _check(probabilities, labels, len(classes))
    predicted = probabilities.argmax(axis=1)
    right = predicted == labels
    indices = list(range(len(classes)))
    precision, recall, f1, support = precision_recall_fscore_support(labels, predicted, labels=indices, zero_division=0)
    matrix = confusion_matrix(labels, predicted, labels=indices)
    calibration = calibration_bins(probabilities.max(axis=1), right)
    low, high = wilson_interval(int(right.sum()), len(labels))
    return Metrics(
        count=len(labels),
        correct=int(right.sum()),
        accuracy=float(right.mean()),
        accuracy_low=low,
        accuracy_high=high,
        macro_f1=float(f1.mean()),
        per_class=tuple(
            ClassMetrics(label, float(one_precision), float(one_recall), float(one_f1), int(images))
            for label, one_precision, one_recall, one_f1, images in zip(
                classes, precision, recall, f1, support, strict=True
            )
        ),
        confusion=tuple(tuple(int(cell) for cell in row) for row in matrix),
        ece=expected_calibration_error(calibration),
        calibration=calibration,
    )


def wilson_interval(
    successes: int, trials: int, level: float = 0.95, population: int | None = None
) -> tuple[float, float]:
    """Return the interval, within [0, 1], that holds the true rate behind `successes` of `trials` (> 0) at `level`.

    population: how many the trials were drawn from, each at most once; the rate is then that of all of these, and
    known once all were drawn. None: endlessly many.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, 1927.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    rate = successes / trials
    if population == trials:
        return rate, rate
    count = trials / _unseen(trials, population)
    centre = (rate + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(rate * (1 - rate) / count + z * z / (4 * count * count))
    # At 0 and at all successes one end is exactly 0 or 1; rounding must not push it outside.
    return max(0.0, centre - half), min(1.0, centre + half)


def paired_interval(
    only_a: int, only_b: int, trials: int, level: float = 0.95, population: int | None = None
) -> tuple[float, float]:
    """Return the interval, within [-1, 1], that holds the true rate of A minus that of B at `level`.

    Both were tried on the same `trials` (> 0); only A succeeded in `only_a` of them, only B in `only_b`.
    population: see `wilson_interval`.

    A. Agresti, Y. Min, Simple improved confidence intervals for comparing matched proportions, 2005: Wald's interval
    with half a trial added to each of the four cases.
    """
    if population == trials:
        return (only_a - only_b) / trials, (only_a - only_b) / trials
    count, a, b = trials + 2, only_a + 0.5, only_b + 0.5
    difference = (a - b) / count
    variance = (a + b - count * difference * difference) / count**2 * _unseen(trials, population)
    half = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(variance)
    return max(-1.0, difference - half), min(1.0, difference + half)


def _unseen(trials: int, population: int | None) -> float:
    """Return what a variance is multiplied by where `trials` of a finite population were drawn without repetition."""
    return 1.0 if population is None else (population - trials) / (population - 1)


def calibration_bins(
    confidence: npt.NDArray[np.floating], right: npt.NDArray[np.bool_], bins: int = CALIBRATION_BINS
) -> tuple[CalibrationBin, ...]:
    """Return `bins` equal-width bins over (0, 1] of `confidence`, shape (n,), with how often each was `right`."""
    confidence = np.asarray(confidence, dtype=np.float64)
    # A bin owns its upper end, as in Guo et al.; a confidence of 0 joins the first bin.
    index = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    result = []
    for i in range(bins):
        inside = index == i
        some = bool(inside.any())
        result.append(
            CalibrationBin(
                low=i / bins,
                high=(i + 1) / bins,
                count=int(inside.sum()),
                confidence=float(confidence[inside].mean()) if some else None,
                accuracy=float(right[inside].mean()) if some else None,
            )
        )
    return tuple(result)


def expected_calibration_error(bins: tuple[CalibrationBin, ...]) -> float:
    """Return the mean gap between confidence and accuracy, weighted by images, in [0, 1].

    C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, On calibration of modern neural networks, ICML 2017, equation 3.
    """
    total = sum(one.count for one in bins)
    gaps = (
        one.count * abs(one.accuracy - one.confidence)
        for one in bins
        if one.accuracy is not None and one.confidence is not None
    )
    return sum(gaps) / total


def mcnemar_p(a_correct: npt.NDArray[np.bool_], b_correct: npt.NDArray[np.bool_]) -> float:
    """Return the two-sided p-value, in [0, 1], that classifiers A and B err equally often on the same images.

    Both masks have shape (n,). Only the images on which exactly one of the two is right count: under the
    hypothesis each of those is a fair coin, so the test is exact (Q. McNemar 1947; the binomial form). Without such
    an image the p-value is 1.

    Raises:
        ValueError: the masks differ in length.
    """
    a = np.asarray(a_correct, dtype=bool)
    b = np.asarray(b_correct, dtype=bool)
    if a.shape != b.shape:
        raise ValueError(f"A was scored on {a.shape} images, B on {b.shape}")
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    coins = only_a + only_b
    tail = sum(math.comb(coins, k) for k in range(min(only_a, only_b) + 1))
    return float(min(1.0, 2 * tail / 2**coins))  # in whole numbers until the division, so no tail underflows


def _check(probabilities: npt.NDArray[Any], labels: npt.NDArray[Any], classes: int) -> None:
    if probabilities.shape != (len(labels), classes) or labels.ndim != 1:
        raise ValueError(f"{probabilities.shape} probabilities do not fit {labels.shape} labels of {classes} classes")
    if len(labels) == 0:
        raise MicroferError("there is no image to score; choose a split that has some")
    bad = ~np.isfinite(probabilities).all(axis=1)
    if bad.any():
        raise MicroferError(
            f"the model gives a probability that is not a number on {int(bad.sum())} of {len(labels)} images "
            f"(first: image {int(bad.argmax())}); its training diverged or its file is damaged"
        )
