"""From which confidence on an answer is shown: how many faces are answered, and how many of the answers are right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from microfer.calibrate.temperature import Scored
from microfer.contract import LABELS
from microfer.errors import MicroferError
from microfer.metrics.metrics import wilson_interval

FEWEST_ANSWERS = 50
"""A threshold is judged by at least so many answers: the surest handful is right by luck as often as by merit."""

TABLE_COVERAGES = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5)

Labels = npt.NDArray[np.integer]


@dataclass(frozen=True)
class OperatingPoint:
    """What a threshold does: below it the answer is "uncertain".

    threshold: on the confidence, 0..1. coverage: share of images answered, of which `accuracy` are right, with its
    95 % Wilson interval `low` to `high`; all 0..1. answers: how many images that is.
    """

    threshold: float
    coverage: float
    accuracy: float
    low: float
    high: float
    answers: int


@dataclass(frozen=True)
class ClassPoint:
    """One label at a threshold. precision: of the answers with it; recall: of its images; None with none of them."""

    label: str
    threshold: float
    precision: float | None
    recall: float | None
    answers: int
    images: int


def curve(images: Scored) -> list[OperatingPoint]:
    """Return the operating point at each confidence that occurs, from all images answered to the surest alone."""
    order = np.argsort(-images.confidence, kind="stable")
    confidence, hits = images.confidence[order], np.cumsum(images.right[order])
    last_of_equals = np.flatnonzero(np.append(np.diff(confidence) != 0, True))[::-1]
    return [_point(float(confidence[i]), int(hits[i]), int(i) + 1, len(order)) for i in last_of_equals]


def at_threshold(images: Scored, threshold: float) -> OperatingPoint:
    """Return the operating point of a threshold. Raises MicroferError where no image is answered."""
    answered = images.confidence >= threshold
    if not answered.any():
        raise MicroferError(f"with the threshold {threshold:g} no image is answered; choose a lower one")
    return _point(threshold, int(images.right[answered].sum()), int(answered.sum()), len(answered))


def for_coverage(images: Scored, coverage: float) -> float:
    """Return the threshold, rounded down to a thousandth, under which at least `coverage` (0..1] is answered."""
    if not 0 < coverage <= 1:
        raise MicroferError(f"a coverage is above 0 and at most 1, not {coverage:g}; 0.8 answers 80 %")
    surest = np.sort(images.confidence)[::-1]
    return _rounded_down(float(surest[int(np.ceil(coverage * len(surest))) - 1]))


def for_accuracy(images: Scored, accuracy: float) -> float:
    """Return the lowest threshold, rounded to a thousandth, whose answers are right in at least `accuracy` (0..1).

    Raises:
        MicroferError: none is, with the highest accuracy that a threshold with FEWEST_ANSWERS answers reaches.
    """
    points = [point for point in curve(images) if point.answers >= FEWEST_ANSWERS]
    for point in points:
        below = _rounded_down(point.threshold)
        for threshold in (below, round(below + 0.001, 3)):
            # Rounding answers a few images more or fewer, so the rounded threshold is judged itself.
            if point.accuracy >= accuracy and at_threshold(images, threshold).accuracy >= accuracy:
                return threshold
    best = max((point.accuracy for point in points), default=0.0)
    raise MicroferError(
        f"no threshold with at least {FEWEST_ANSWERS} answers reaches the accuracy {accuracy:g} (the best "
        f"{best:.3f}); ask for less, or choose by --coverage"
    )


def class_points(
    images: Scored, labels: Labels, threshold: float, classes: Sequence[str] = LABELS
) -> tuple[ClassPoint, ...]:
    """Return precision and recall of every one of the `classes` at one threshold, in their order."""
    return tuple(_class_point(images, labels, name, index, threshold) for index, name in enumerate(classes))


def class_points_for_precision(
    images: Scored, labels: Labels, precision: float, classes: Sequence[str] = LABELS
) -> tuple[ClassPoint | None, ...]:
    """Return, for each of the `classes`, its lowest threshold whose answers are right in at least `precision` (0..1).

    None where no threshold with FEWEST_ANSWERS answers, or half of the label's images where these are fewer, reaches
    it. A report: the board knows one threshold for all labels.
    """
    result: list[ClassPoint | None] = []
    for index, name in enumerate(classes):
        own = images.take(np.flatnonzero(images.predicted == index))
        fewest = min(FEWEST_ANSWERS, max(int((labels == index).sum()) // 2, 1))
        points = curve(own) if len(own.right) else []
        found = [point.threshold for point in points if point.accuracy >= precision and point.answers >= fewest]
        result.append(_class_point(images, labels, name, index, found[0]) if found else None)
    return tuple(result)


def _rounded_down(confidence: float) -> float:
    return float(np.floor(confidence * 1000) / 1000)


def _point(threshold: float, hits: int, answers: int, images: int) -> OperatingPoint:
    low, high = wilson_interval(hits, answers)
    return OperatingPoint(threshold, answers / images, hits / answers, low, high, answers)


def _class_point(images: Scored, labels: Labels, name: str, index: int, threshold: float) -> ClassPoint:
    answered = (images.predicted == index) & (images.confidence >= threshold)
    hits, own = int((answered & images.right).sum()), int((labels == index).sum())
    answers = int(answered.sum())
    return ClassPoint(name, threshold, hits / answers if answers else None, hits / own if own else None, answers, own)
