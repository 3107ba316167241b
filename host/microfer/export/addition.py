"""From an ADD's quantization to the constants with which the firmware's kernel computes it. Standard library alone.

TFLM's reference brings both inputs to a common scale, adds, and rescales the sum, with a rounding in each of the three
steps. The kernel computes

    output = clamp8((a * weight_a + b * weight_b + offset) >> shift)

The weights are the ratios of the scales. Of the offset each of the 65,536 pairs allows an interval; a number that lies
in all of them gives TFLM's answer for every pair, so the search for it is its proof.
"""

import functools
from dataclasses import dataclass

from microfer.export.requantization import quantized_multiplier, requantized

LEFT_SHIFT = 20
"""TFLM's: inputs of int8 are widened by so much before they are rescaled."""

MOST_SHIFT, LEAST_SHIFT = 24, 12
MOST_WEIGHT = 1 << 22
MOST_OFFSET = 1 << 28
LOWEST, HIGHEST = -128, 127


@dataclass(frozen=True)
class Quantization:
    """Scale (a float32) and zero point of one int8 tensor."""

    scale: float
    zero_point: int


@dataclass(frozen=True)
class AdditionConstants:
    """The numbers of the kernel's formula, above."""

    weight_a: int
    weight_b: int
    offset: int
    shift: int

    def answer(self, a: int, b: int) -> int:
        """Return what the kernel answers."""
        return max(LOWEST, min(HIGHEST, (a * self.weight_a + b * self.weight_b + self.offset) >> self.shift))

    @property
    def lanes(self) -> tuple[int, int, int, int, int, int]:
        """The same in 16-bit parts, as firmware/lib/kernels/addition.h declares them."""
        return (
            *_parts(self.weight_a, 256),
            *_parts(self.weight_b, 256),
            *_parts(self.offset, 16384),
        )


def tflm_sums(a: Quantization, b: Quantization, output: Quantization) -> list[list[int]]:
    """Return what TFLM's reference gives for every pair, before the clamp: `[a + 128][b + 128]`.

    Source: CalculateOpDataAdd and reference_integer_ops::AddElementwise in TFLM.
    """
    twice = 2.0 * max(a.scale, b.scale)
    rescaled = []
    for given in (a, b):
        multiplier, exponent = quantized_multiplier(given.scale / twice)
        inputs = (stored - given.zero_point for stored in range(LOWEST, HIGHEST + 1))
        rescaled.append([requantized(value << LEFT_SHIFT, multiplier, exponent) for value in inputs])
    multiplier, exponent = quantized_multiplier(twice / ((1 << LEFT_SHIFT) * output.scale))
    return [
        [requantized(first + second, multiplier, exponent) + output.zero_point for second in rescaled[1]]
        for first in rescaled[0]
    ]


@functools.lru_cache(maxsize=256)
def addition_constants(a: Quantization, b: Quantization, output: Quantization) -> AdditionConstants | str:
    """Return constants that equal TFLM for all inputs, for an ADD whose output has int8's whole range; or why none.

    An answer is kept: the proof takes a tenth of a second, and one model is often exported more than once.
    """
    if 2 * max(a.scale, b.scale) >= (1 << LEFT_SHIFT) * output.scale:
        return "its output's scale is too small"
    ratios = a.scale / output.scale, b.scale / output.scale
    shift = MOST_SHIFT
    while shift > LEAST_SHIFT and max(ratios) * 2**shift >= MOST_WEIGHT:
        shift -= 1
    sums = tflm_sums(a, b, output)
    for _ in range(3):
        weights = round(ratios[0] * 2**shift), round(ratios[1] * 2**shift)
        least, most = _offsets(sums, *weights, shift)
        offset = (least + most) // 2
        if least <= most and abs(offset) < MOST_OFFSET and max(weights) < MOST_WEIGHT:
            return AdditionConstants(*weights, offset, shift)
        shift -= 1
    return "no offset gives TFLM's answer for all pairs"


def _offsets(sums: list[list[int]], weight_a: int, weight_b: int, shift: int) -> tuple[int, int]:
    """Return the least and the greatest offset that is right for every pair; least > most where there is none."""
    least, most = -(1 << 62), 1 << 62
    for a, row in enumerate(sums, LOWEST):
        part = a * weight_a
        for b, expected in enumerate(row, LOWEST):
            value = part + b * weight_b
            if expected > LOWEST:
                least = max(least, (min(expected, HIGHEST) << shift) - value)
            if expected < HIGHEST:
                most = min(most, ((max(expected, LOWEST) + 1) << shift) - 1 - value)
    return least, most


def _parts(number: int, unit: int) -> tuple[int, int]:
    return number // unit, number % unit
