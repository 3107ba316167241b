"""Calibration of a released int8 model: temperature, the "uncertain" threshold, and how far both can be trusted.

Both are chosen on a labelled split and judged on halves of it that had no part in the choice. The floor under the
scores is not chosen: it follows from how the network was trained, and is judged by the same halves with and without.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from microfer.calibrate.coverage import (
    TABLE_COVERAGES,
    ClassPoint,
    OperatingPoint,
    at_threshold,
    class_points,
    class_points_for_precision,
    for_coverage,
)
from microfer.calibrate.temperature import (
    Labels,
    Raw,
    Scored,
    fit_temperature,
    log_loss,
    lost_truths,
    perfect_ece,
    scored,
)
from microfer.contract import LABELS, OUTPUT_ZERO_POINT
from microfer.errors import MicroferError
from microfer.metrics.metrics import CALIBRATION_BINS, calibration_bins

SCHEMA = "microfer.calibration/1"
SEEDS = 10
"""Ways of halving the split; what each shows differs by chance, so the mean and the range are given."""

MAX_ECE = 0.03
JUDGED_COVERAGE = 0.8
MIN_ACCURACY = 0.75
"""What a release is to keep, cross-fitted: calibration error, and accuracy with 80 % of the images answered."""

ChooseThreshold = Callable[[Scored], float]


@dataclass(frozen=True)
class Confidence:
    """How confidence and accuracy fit at one temperature and floor.

    ece: measured. perfect_ece, perfect_ece_high: what a perfectly calibrated model with the same confidence would be
    measured at, mean and 97.5 % quantile. mean_confidence is to equal the accuracy. lost_truths: the share of images
    whose true label the floor leaves no confidence; log_loss counts each of them as 11.8.
    """

    temperature: float
    ece: float
    perfect_ece: float
    perfect_ece_high: float
    mean_confidence: float
    log_loss: float
    brier: float
    score_floor: int
    lost_truths: float


@dataclass(frozen=True)
class CrossFit:
    """One halving: temperature and threshold of each half are judged on the other; the two verdicts are one split.

    coverage, accuracy: of what the thresholds for JUDGED_COVERAGE answer. ece_without_floor: of the temperatures that
    are fitted where every score counts as it is.
    """

    seed: int
    temperatures: tuple[float, float]
    thresholds: tuple[float, float]
    ece_before: float
    ece_without_floor: float
    ece: float
    coverage: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """What was fitted and what it does, on the images that it was fitted on and, in `cross_fits`, on others.

    before: uncalibrated. without_floor: with a temperature alone, fitted by itself. after: with both.
    """

    temperature: float
    score_floor: int
    uncertain_below: float
    images: int
    accuracy: float
    before: Confidence
    without_floor: Confidence
    after: Confidence
    cross_fits: tuple[CrossFit, ...]
    chosen: OperatingPoint
    table: tuple[OperatingPoint, ...]
    classes: tuple[ClassPoint, ...]
    wanted_precision: float
    classes_at_precision: tuple[ClassPoint | None, ...]
    scored_before: Scored
    scored_after: Scored

    def spread(self, key: str) -> tuple[float, float, float]:
        """Return mean, smallest and largest of a field of `cross_fits`."""
        values = [getattr(one, key) for one in self.cross_fits]
        return float(np.mean(values)), min(values), max(values)

    def misses(self) -> list[str]:
        """Return a sentence for each figure, cross-fitted, that a release is to keep and this one does not."""
        found = []
        ece, accuracy = self.spread("ece")[0], self.spread("accuracy")[0]
        if ece > MAX_ECE:
            found.append(
                f"the cross-fitted calibration error is {ece:.4f}, above {MAX_ECE:g}, where a perfectly calibrated "
                f"model would be measured at {self.after.perfect_ece:.4f} (97.5 % of the time under "
                f"{self.after.perfect_ece_high:.4f}); no single temperature corrects the rest: see the reliability plot"
            )
        without = self.spread("ece_without_floor")[0]
        if ece > without:
            found.append(
                f"a score floor of {self.score_floor} makes the cross-fitted calibration error larger, {ece:.4f} "
                f"against {without:.4f} without: was the network trained with that label smoothing?"
            )
        if accuracy < MIN_ACCURACY:
            found.append(
                f"with {JUDGED_COVERAGE:.0%} of the images answered {accuracy:.4f} of the answers are right, below "
                f"{MIN_ACCURACY:g}"
            )
        return found

    def to_json(self) -> dict[str, Any]:
        """Return plain values, `schema` first; the bins are those of the reliability plots."""
        document = {key: value for key, value in vars(self).items() if not key.startswith("scored_")}
        document["before"], document["after"] = (
            asdict(one) | {"bins": [asdict(b) for b in calibration_bins(images.confidence, images.right)]}
            for one, images in ((self.before, self.scored_before), (self.after, self.scored_after))
        )
        for key in ("cross_fits", "table", "classes", "classes_at_precision"):
            document[key] = [asdict(one) if one else None for one in document[key]]
        document["without_floor"] = asdict(self.without_floor)
        document["chosen"] = asdict(self.chosen)
        document["cross_fitted"] = {
            key: dict(zip(("mean", "low", "high"), self.spread(key), strict=True))
            for key in ("ece_before", "ece_without_floor", "ece", "coverage", "accuracy")
        }
        return {"schema": SCHEMA, "bins": CALIBRATION_BINS, "misses": self.misses()} | document


def calibrate(
    raw: Raw,
    labels: Labels,
    choose: ChooseThreshold | None = None,
    *,
    score_floor: int = 0,
    precision: float = 0.8,
    seeds: int = SEEDS,
    classes: Sequence[str] = LABELS,
) -> Calibration:
    """Fit temperature and threshold on raw outputs, int8 (n, classes), of images with `labels` (n,).

    choose: gives the threshold for calibrated images; by default JUDGED_COVERAGE of them are answered.
    score_floor: what is taken from every score, as `temperature.natural_floor` gives it.
    precision: what the report of per-class thresholds aims at. classes: their names.

    Raises:
        MicroferError: a class has fewer than two images, no score of an image is above the floor, or as
            `fit_temperature` and `choose` do.
    """
    _check(raw, labels, score_floor, classes)
    temperature = fit_temperature(raw, labels, score_floor)
    before, after = scored(raw, labels, 1.0), scored(raw, labels, temperature, score_floor)
    threshold = choose(after) if choose else for_coverage(after, JUDGED_COVERAGE)
    return Calibration(
        temperature=temperature,
        score_floor=score_floor,
        uncertain_below=threshold,
        images=len(labels),
        accuracy=float(after.right.mean()),
        before=_confidence(raw, labels, 1.0, 0),
        without_floor=_confidence(raw, labels, fit_temperature(raw, labels), 0),
        after=_confidence(raw, labels, temperature, score_floor),
        cross_fits=tuple(cross_fit(raw, labels, seed, score_floor) for seed in range(seeds)),
        chosen=at_threshold(after, threshold),
        table=tuple(at_threshold(after, for_coverage(after, coverage)) for coverage in TABLE_COVERAGES),
        classes=class_points(after, labels, threshold, classes),
        wanted_precision=precision,
        classes_at_precision=class_points_for_precision(after, labels, precision, classes),
        scored_before=before,
        scored_after=after,
    )


def cross_fit(raw: Raw, labels: Labels, seed: int, score_floor: int = 0) -> CrossFit:
    """Halve the images by `seed`, each class alike, fit on each half and judge on the other."""
    halves = _halves(labels, seed)
    temperatures, thresholds, judged, answered, without = [], [], [], [], []
    for fitting, judging in (halves, halves[::-1]):
        temperature = fit_temperature(raw[fitting], labels[fitting], score_floor)
        threshold = for_coverage(scored(raw[fitting], labels[fitting], temperature, score_floor), JUDGED_COVERAGE)
        images = scored(raw[judging], labels[judging], temperature, score_floor)
        temperatures.append(temperature)
        thresholds.append(threshold)
        judged.append(images)
        answered.append(images.confidence >= threshold)
        alone = fit_temperature(raw[fitting], labels[fitting]) if score_floor else temperature
        without.append(scored(raw[judging], labels[judging], alone))
    whole = _joined(judged)
    shown = np.concatenate(answered)
    return CrossFit(
        seed=seed,
        temperatures=(temperatures[0], temperatures[1]),
        thresholds=(thresholds[0], thresholds[1]),
        ece_before=scored(raw, labels, 1.0).ece,
        ece_without_floor=_joined(without).ece,
        ece=whole.ece,
        coverage=float(shown.mean()),
        accuracy=float(whole.right[shown].mean()),
    )


def _joined(parts: list[Scored]) -> Scored:
    return Scored(*(np.concatenate([getattr(part, key) for part in parts]) for key in vars(parts[0])))


def _halves(labels: Labels, seed: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    rng = np.random.default_rng(seed)
    first, second = [], []
    for label in range(int(labels.max()) + 1):
        members = rng.permutation(np.flatnonzero(labels == label))
        # The odd one of a class goes to either half in turn, so that these stay of one size.
        middle = (len(members) + label % 2) // 2
        first.append(members[:middle])
        second.append(members[middle:])
    return np.sort(np.concatenate(first)), np.sort(np.concatenate(second))


def _confidence(raw: Raw, labels: Labels, temperature: float, score_floor: int) -> Confidence:
    images = scored(raw, labels, temperature, score_floor)
    mean, high = perfect_ece(images.confidence)
    return Confidence(
        temperature=temperature,
        ece=images.ece,
        perfect_ece=mean,
        perfect_ece_high=high,
        mean_confidence=float(images.confidence.mean()),
        log_loss=log_loss(raw, labels, temperature, score_floor),
        brier=images.brier,
        score_floor=score_floor,
        lost_truths=lost_truths(raw, labels, score_floor),
    )


def _check(raw: Raw, labels: Labels, score_floor: int, classes: Sequence[str]) -> None:
    counts = np.bincount(labels, minlength=len(classes))
    if counts.min() < 2:
        raise MicroferError(
            f"calibration halves every class, and {classes[int(counts.argmin())]} has {int(counts.min())} images; "
            "use the whole of PublicTest"
        )
    empty = (raw.astype(int) - OUTPUT_ZERO_POINT <= score_floor).all(axis=1)
    if empty.any():
        raise MicroferError(
            f"the model scores no expression above {score_floor} of 256 on {int(empty.sum())} images (first: image "
            f"{int(empty.argmax())}); no softmax gives that: the file is damaged, quantize the network again"
        )
