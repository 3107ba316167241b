"""The floor and the temperature that make an int8 model's confidence mean what it says, as the board computes it.

C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, On calibration of modern neural networks, ICML 2017, section 4.2. The
board has no logits: it takes powers of the scores, which comes to the same, in whole numbers (`oracle.prediction`).
Before that it takes the floor away, which no temperature does: see `natural_floor`.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from microfer.contract import NUM_CLASSES, OUTPUT_ZERO_POINT, max_score_floor
from microfer.errors import MicroferError
from microfer.metrics.metrics import calibration_bins, expected_calibration_error
from microfer.oracle.prediction import ONE, calibrated_all, settings_of
from microfer.tflite.metadata import TEMPERATURE_RANGE

STEP = 0.01
"""Temperatures are fitted to this step: on 3,589 images, another draw of them moves the fit by several steps."""

COARSE_STEPS = 80
"""Temperatures, each a fixed multiple of the one before, that the fit tries first; it then searches around the best."""

SCORE_LEVELS = 256
PERFECT_DRAWS = 200

Raw = npt.NDArray[np.int8]
Labels = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Scored:
    """Images as a person sees them answered.

    confidence: of the first label, float64 (n,) in (0, 1], a multiple of 1/65536 as on the board.
    predicted: index of that label, (n,). right: whether it is the true one, bool (n,).
    """

    confidence: npt.NDArray[np.float64]
    predicted: npt.NDArray[np.intp]
    right: npt.NDArray[np.bool_]

    @property
    def ece(self) -> float:
        """The expected calibration error, 0..1, over `metrics.CALIBRATION_BINS` bins."""
        return expected_calibration_error(calibration_bins(self.confidence, self.right))

    @property
    def brier(self) -> float:
        """The Brier score of the confidence: mean squared distance from 1 where right, from 0 where wrong."""
        return float(np.mean((self.confidence - self.right) ** 2))

    def take(self, chosen: npt.NDArray[np.intp]) -> "Scored":
        """Return the images of these indices."""
        return Scored(self.confidence[chosen], self.predicted[chosen], self.right[chosen])


def natural_floor(label_smoothing: float, classes: int = NUM_CLASSES) -> int:
    """Return the levels of 256 that a training with `label_smoothing` e (0..1) gave to every score.

    Its targets were (1 - e) t + e / n with n classes, so the probability that it teaches where the truth is p' is
    p = (1 - e) p' + e / n (C. Szegedy and others, Rethinking the inception architecture, CVPR 2016, section 7).
    Inverted, p' is p - e / n but for a factor, which scaling to one removes: 256 e / n levels, rounded to a whole one.
    A temperature cannot do this, for a power of p takes no constant away.

    Raises:
        MicroferError: the smoothing is not in 0..1, or so strong that its floor is above max_score_floor.
    """
    floor = round(SCORE_LEVELS * label_smoothing / classes) if 0 <= label_smoothing <= 1 else -1
    highest = max_score_floor(classes)
    if not 0 <= floor <= highest:
        raise MicroferError(
            f"a label smoothing of {label_smoothing:g} has no score floor from 0 to {highest} levels; name "
            "what the training used, such as 0.1"
        )
    return floor


def scored(raw: Raw, labels: Labels, temperature: float, score_floor: int = 0) -> Scored:
    """Return what the board answers by a temperature and floor for raw outputs, int8 (n, classes), and labels (n,)."""
    confidences = _confidences(raw, temperature, score_floor)
    predicted = confidences.argmax(axis=1)
    return Scored(confidences.max(axis=1), predicted, predicted == labels)


def fit_temperature(raw: Raw, labels: Labels, score_floor: int = 0) -> float:
    """Return the temperature, to two decimals, with the smallest Brier score of the confidence that is shown.

    That is the mean square of its distance from 1 where the answer is right and from 0 where it is wrong: smallest,
    for each confidence, at the share of right answers (G. W. Brier, Verification of forecasts expressed in terms of
    probability, 1950). The likelihood would not do: the floor leaves some true labels a confidence of zero at every
    temperature, and the fit would be made without the images that were answered worst.

    raw: the int8 outputs of the model, (n, classes). labels: (n,).

    Raises:
        MicroferError: the best lies at an end of TEMPERATURE_RANGE: scores and labels have nothing in common, or every
            answer is right.
    """
    first, last = (round(end / STEP) for end in TEMPERATURE_RANGE)

    def error(step: int) -> float:
        return scored(raw, labels, step * STEP, score_floor).brier

    # The curve may have more than one dip: a coarse look over the whole range comes first.
    coarse = sorted({round(step) for step in np.geomspace(first, last, COARSE_STEPS)})
    near = coarse.index(min(coarse, key=error))
    low, high = coarse[max(near - 1, 0)], coarse[min(near + 1, len(coarse) - 1)]
    best = min(range(low, high + 1), key=error)
    if best in (first, last):
        raise MicroferError(
            f"no temperature from {TEMPERATURE_RANGE[0]} to {TEMPERATURE_RANGE[1]} fits these scores (the best lies at "
            f"the end, {best * STEP:g}); are these the labels of these images, and is the model trained?"
        )
    return round(best * STEP, 2)


def log_loss(raw: Raw, labels: Labels, temperature: float, score_floor: int = 0) -> float:
    """Return the mean negative logarithm of the true label's confidence, one of zero counted as half a step."""
    true = _confidences(raw, temperature, score_floor)[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(true, 0.5 / ONE)).mean())


def perfect_ece(confidence: npt.NDArray[np.float64], seed: int = 0) -> tuple[float, float]:
    """Return what a perfectly calibrated model with this confidence, (n,), would be measured at: mean, 97.5 % quantile.

    With few images in a bin chance alone parts accuracy from confidence, so no measured error is zero. An error under
    the quantile cannot be told from none.
    """
    rng = np.random.default_rng(seed)
    errors = [
        expected_calibration_error(calibration_bins(confidence, rng.random(len(confidence)) < confidence))
        for _ in range(PERFECT_DRAWS)
    ]
    return float(np.mean(errors)), float(np.quantile(errors, 0.975))


def lost_truths(raw: Raw, labels: Labels, score_floor: int) -> float:
    """Return the share of images, 0..1, whose true label is not above the floor and so has a confidence of zero."""
    return float(np.mean(raw[np.arange(len(labels)), labels].astype(int) - OUTPUT_ZERO_POINT <= score_floor))


def _confidences(raw: Raw, temperature: float, score_floor: int) -> npt.NDArray[np.float64]:
    settings = settings_of(temperature, 0, score_floor, raw.shape[1])
    q16 = calibrated_all(raw, settings.inverse_temperature, settings.score_floor)
    result: npt.NDArray[np.float64] = q16 / ONE
    return result
