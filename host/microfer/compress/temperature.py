"""The temperature that makes an int8 model's confidence mean what it says, fitted on what the board computes.

C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, On calibration of modern neural networks, ICML 2017, section 4.2. The
board has no logits: it takes powers of the scores, which comes to the same, in whole numbers (`simulate.prediction`).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from microfer.deploy.metadata import TEMPERATURE_RANGE
from microfer.errors import MicroferError
from microfer.simulate.prediction import ONE, calibrated_all, settings_of
from microfer.training.metrics import calibration_bins, expected_calibration_error

STEP = 0.01
"""Temperatures are fitted to this step: on 3,589 images, another draw of them moves the fit by several steps."""

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

    def take(self, chosen: npt.NDArray[np.intp]) -> "Scored":
        """Return the images of these indices."""
        return Scored(self.confidence[chosen], self.predicted[chosen], self.right[chosen])


def scored(raw: Raw, labels: Labels, temperature: float) -> Scored:
    """Return what the board answers at `temperature` for raw outputs, int8 (n, 7), of images with `labels` (n,)."""
    confidences = _confidences(raw, temperature)
    predicted = confidences.argmax(axis=1)
    return Scored(confidences.max(axis=1), predicted, predicted == labels)


def fit_temperature(raw: Raw, labels: Labels) -> float:
    """Return the temperature, to two decimals, with the smallest negative log-likelihood of `labels` (n,).

    raw: the int8 outputs of the model, (n, 7).

    Raises:
        MicroferError: the likelihood grows to the end of TEMPERATURE_RANGE: scores and labels have nothing in common,
            or every answer is right.
    """
    first, last = (round(end / STEP) for end in TEMPERATURE_RANGE)
    low, high = first, last
    # The likelihood has one minimum in the temperature, so thirds that cannot hold it are cut away.
    while high - low > 2:
        left, right = low + (high - low) // 3, high - (high - low) // 3
        if log_loss(raw, labels, left * STEP) <= log_loss(raw, labels, right * STEP):
            high = right
        else:
            low = left
    best = min(range(low, high + 1), key=lambda step: log_loss(raw, labels, step * STEP))
    if best in (first, last):
        raise MicroferError(
            f"no temperature from {TEMPERATURE_RANGE[0]} to {TEMPERATURE_RANGE[1]} fits these scores (the best lies at "
            f"the end, {best * STEP:g}); are these the labels of these images, and is the model trained?"
        )
    return round(best * STEP, 2)


def log_loss(raw: Raw, labels: Labels, temperature: float) -> float:
    """Return the mean negative logarithm of the true label's confidence, one of zero counted as half a step."""
    true = _confidences(raw, temperature)[np.arange(len(labels)), labels]
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


def _confidences(raw: Raw, temperature: float) -> npt.NDArray[np.float64]:
    q16 = calibrated_all(raw, settings_of(temperature, 0).inverse_temperature)
    result: npt.NDArray[np.float64] = q16 / ONE
    return result
