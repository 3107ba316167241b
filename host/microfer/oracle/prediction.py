"""The prediction's oracle: calibrate, smooth, decide, in whole numbers that mean the same on every computer.

The firmware's own code (firmware/lib/prediction/) is tested against this module, bit for bit. Probabilities are Q16:
65536 is one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from microfer.contract import (
    HYSTERESIS_Q16,
    NEWEST_PART_Q16,
    NUM_CLASSES,
    ONE_Q16,
    OUTPUT_ZERO_POINT,
    max_score_floor,
)
from microfer.oracle.tables import log2_q24, power_of_half_q31

ONE = ONE_Q16

_LOG2 = log2_q24()
_POWER_OF_HALF = power_of_half_q31()


@dataclass(frozen=True)
class Settings:
    """How scores become an answer, all but the floor in Q16.

    inverse_temperature: 1 / temperature, 1..2**21 - 1.
    uncertain_below: the smoothed confidence under which the answer is "uncertain"; 0 = never.
    newest_part: the newest frame's part in the smoothed confidences, 1..65536; 65536 = no smoothing.
    hysteresis: how clearly another label must lead, or the threshold be missed, before the shown label goes.
    score_floor: levels of 256 that are taken from every score first, 0..max_score_floor.
    classes: how many scores a frame has.
    """

    inverse_temperature: int = ONE
    uncertain_below: int = 0
    newest_part: int = NEWEST_PART_Q16
    hysteresis: int = HYSTERESIS_Q16
    score_floor: int = 0
    classes: int = NUM_CLASSES

    def __post_init__(self) -> None:
        highest = max_score_floor(self.classes)
        if not 0 <= self.score_floor <= highest:
            raise ValueError(f"a score floor is 0 to {highest} of 256 levels, not {self.score_floor}")


@dataclass(frozen=True)
class Prediction:
    """One frame's answer: certain or "uncertain", the label's index, its confidence and all smoothed ones, Q16."""

    certain: bool
    label: int
    confidence: int
    smoothed: tuple[int, ...]


def settings_of(
    temperature: float, uncertain_below: float, score_floor: int = 0, classes: int = NUM_CLASSES
) -> Settings:
    """Return the settings for a model's metadata; temperature and threshold pass through float32 as in contract.h."""
    inverse = int(1.0 / float(np.float32(temperature)) * ONE + 0.5)
    threshold = int(float(np.float32(uncertain_below)) * ONE + 0.5)
    return Settings(inverse, threshold, score_floor=score_floor, classes=classes)


def calibrated(scores: Sequence[int], inverse_temperature: int, score_floor: int = 0) -> tuple[int, ...] | None:
    """Return (p - floor)^(1/T), at least 0, scaled to add up to one, for int8 scores (classes).

    None where no score is above the floor. Powers are taken of p over the largest p, both above the floor, through
    base-2 logarithms: the exponent in Q16, the power in Q24.
    """
    levels = [max(score - OUTPUT_ZERO_POINT - score_floor, 0) for score in scores]
    largest = max(levels)
    if largest == 0:
        return None
    powers = [
        _power_of_half((_LOG2[largest] - _LOG2[level]) * inverse_temperature // 2**24) if level else 0
        for level in levels
    ]
    total = sum(powers)
    return tuple((power * ONE + total // 2) // total for power in powers)


def calibrated_all(
    scores: npt.NDArray[np.int8], inverse_temperature: int, score_floor: int = 0
) -> npt.NDArray[np.int64]:
    """Return what `calibrated` returns for all rows of int8 scores (n, classes): int64 of that shape, Q16, bit for bit.

    A row without a score above the floor, which `calibrated` answers with None, gives zeros.
    """
    levels = np.maximum(scores.astype(np.int64) - OUTPUT_ZERO_POINT - score_floor, 0)
    logarithms = np.array(_LOG2)[levels]
    largest = np.array(_LOG2)[levels.max(axis=1, keepdims=True)]
    powers = np.where(levels > 0, _powers_of_half((largest - logarithms) * inverse_temperature // 2**24), 0)
    total = np.maximum(powers.sum(axis=1, keepdims=True), 1)
    confidences: npt.NDArray[np.int64] = (powers * ONE + total // 2) // total
    return confidences


class Predictor:
    """Follows one face: the first frame's answer is what that frame alone gives, later ones are smoothed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._last: Prediction | None = None

    def reset(self) -> None:
        """Forget the face."""
        self._last = None

    def update(self, scores: Sequence[int]) -> Prediction | None:
        """Return the answer after one more frame, int8 scores (classes); None, and no change, with none above it."""
        if len(scores) != self._settings.classes:
            raise ValueError(f"expected {self._settings.classes} scores, got {len(scores)}")
        newest = calibrated(scores, self._settings.inverse_temperature, self._settings.score_floor)
        if newest is None:
            return None
        last, settings = self._last, self._settings
        smoothed = newest if last is None else _mix(newest, last.smoothed, settings.newest_part)
        best = smoothed.index(max(smoothed))
        label, certain = best, smoothed[best] >= settings.uncertain_below
        if last is not None and last.certain:
            leads_clearly = smoothed[best] - smoothed[last.label] >= settings.hysteresis
            misses_clearly = smoothed[last.label] < settings.uncertain_below - settings.hysteresis
            if not leads_clearly and not misses_clearly:
                label, certain = last.label, True
        self._last = Prediction(certain, label, smoothed[label], smoothed)
        return self._last


def _mix(newest: Sequence[int], last: Sequence[int], newest_part: int) -> tuple[int, ...]:
    pairs = zip(newest, last, strict=True)
    return tuple((newest_part * new + (ONE - newest_part) * old + ONE // 2) // ONE for new, old in pairs)


def _power_of_half(exponent: int) -> int:
    """Return 2**-exponent in Q24 for an exponent in Q16: a straight line between the table's entries, cut off."""
    whole, part = divmod(exponent, ONE)
    index, between = divmod(part, 256)
    step = _POWER_OF_HALF[index] - _POWER_OF_HALF[index + 1]
    return (_POWER_OF_HALF[index] - step * between // 256) >> (7 + whole)


def _powers_of_half(exponents: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return `_power_of_half` of each exponent, of an array of any shape."""
    table = np.array(_POWER_OF_HALF)
    whole, part = np.divmod(exponents, ONE)
    index, between = np.divmod(part, 256)
    step = table[index] - table[index + 1]
    powers: npt.NDArray[np.int64] = (table[index] - step * between // 256) >> np.minimum(7 + whole, 62)
    return powers
