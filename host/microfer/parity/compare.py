"""Do two ways to run one model agree? Float against int8 (level 2), LiteRT's reference against TFLM (level 3).

Arrays in, frozen results out: running the models is `runners`, the certificate around these results `certificate`.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix

from microfer.contract import LABELS, NUM_CLASSES
from microfer.errors import MicroferError
from microfer.metrics.metrics import mcnemar_p, wilson_interval

BIN_WIDTH = 0.01
"""Width of the histogram's bins of probability differences."""


@dataclass(frozen=True)
class Limits:
    """What a model must keep to. A value equal to its limit still passes.

    drop_points: the most that int8 may lose against float, in points of accuracy (percent of the images).
    agreement: the least share of images, in [0, 1], on which float and int8 put the same class first.
    mismatches: the most images on which TFLM may differ from LiteRT's reference kernels.
    """

    drop_points: float = 0.5
    agreement: float = 0.98
    mismatches: int = 0


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

    def faults(self, limits: Limits) -> tuple[str, ...]:
        """Return a sentence for each limit that is exceeded."""
        found = []
        if self.drop_points > limits.drop_points:
            found.append(f"int8 loses {self.drop_points:.2f} points of accuracy, allowed are {limits.drop_points:g}")
        if self.agreement < limits.agreement:
            found.append(
                f"float and int8 agree on {100 * self.agreement:.2f} % of the images, at least "
                f"{100 * limits.agreement:g} % is asked for"
            )
        return tuple(found)

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
    """Level 3: images with the same seven int8 outputs, and the largest difference in int8 steps (1/256)."""

    count: int
    equal: int
    largest_difference: int
    first: FirstDifference | None

    def faults(self, limits: Limits) -> tuple[str, ...]:
        """Return a sentence for each limit that is exceeded."""
        different = self.count - self.equal
        if different <= limits.mismatches or self.first is None:
            return ()
        return (
            f"TFLM differs from LiteRT's reference kernels on {different} of {self.count} images, allowed are "
            f"{limits.mismatches}; the first is image {self.first.index} ({self.first.name})",
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain values under the fields' own names."""
        return asdict(self)


def compare_scores(
    float_scores: npt.NDArray[np.floating[Any]],
    int8_scores: npt.NDArray[np.floating[Any]],
    labels: npt.NDArray[np.integer[Any]],
    names: npt.NDArray[np.str_],
) -> ScoreComparison:
    """Return level 2 for probabilities, float (n, 7), of the same images with true `labels` (n,) and `names` (n,).

    Raises:
        MicroferError: there is no image.
        ValueError: the shapes do not fit.
    """
    _check_pair(float_scores, int8_scores, names)
    if labels.shape != names.shape:
        raise ValueError(f"{labels.shape} labels for {names.shape} images")
    difference = np.abs(float_scores.astype(np.float64) - int8_scores.astype(np.float64))
    per_image = difference.max(axis=1)
    float_top, int8_top = float_scores.argmax(axis=1), int8_scores.argmax(axis=1)
    float_right, int8_right = float_top == labels, int8_top == labels
    largest = int(per_image.argmax())
    classes = list(range(NUM_CLASSES))
    return ScoreComparison(
        count=len(labels),
        float_accuracy=_accuracy(float_right),
        int8_accuracy=_accuracy(int8_right),
        # From the counts, so that a drop of exactly the limit is not pushed over it by rounding.
        drop_points=100 * (int(float_right.sum()) - int(int8_right.sum())) / len(labels),
        agreement=float((float_top == int8_top).mean()),
        mcnemar_p=mcnemar_p(float_right, int8_right),
        mean_difference=float(difference.mean()),
        largest_difference=float(per_image[largest]),
        largest_index=largest,
        largest_name=str(names[largest]),
        per_class=tuple(_class_agreement(k, labels == k, float_top, int8_top, difference) for k in classes),
        top1=tuple(tuple(int(c) for c in row) for row in confusion_matrix(float_top, int8_top, labels=classes)),
        histogram=tuple(int(c) for c in np.bincount((per_image / BIN_WIDTH).astype(int))),
    )


def compare_raw(
    expected: npt.NDArray[np.int8], found: npt.NDArray[np.int8], names: npt.NDArray[np.str_]
) -> BitComparison:
    """Return level 3 for raw outputs, int8 (n, 7), of the same images with `names` (n,).

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
    if not a.shape == b.shape == (len(names), NUM_CLASSES):
        raise ValueError(f"outputs of shape {a.shape} and {b.shape} for {len(names)} images")
    if len(names) == 0:
        raise MicroferError("parity cannot be proven without an image; choose a split that has some")


def _accuracy(right: npt.NDArray[np.bool_]) -> Accuracy:
    correct = int(right.sum())
    return Accuracy(correct, correct / len(right), *wilson_interval(correct, len(right)))


def _class_agreement(
    k: int,
    members: npt.NDArray[np.bool_],
    float_top: npt.NDArray[np.intp],
    int8_top: npt.NDArray[np.intp],
    difference: npt.NDArray[np.float64],
) -> ClassAgreement:
    if not members.any():
        return ClassAgreement(LABELS[k], 0, None, None, None, None)
    a, b = float_top[members], int8_top[members]
    means = (float(values.mean()) for values in (a == k, b == k, a == b, difference[members]))
    return ClassAgreement(LABELS[k], int(members.sum()), *means)
