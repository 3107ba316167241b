"""From a convolution's quantization to the constants that the firmware's kernels read. Standard library alone.

TFLM's reference turns a channel's sum s of products (int32, bias included) into an int8 output in two roundings:

    d = round(s * multiplier / 2^31)        to the nearest, halves up
    q = round(d / 2^e)                      to the nearest, halves away from zero

A floor of a floor is one floor, so for d >= 0, with x = 4 * s:

    q = floor((s * multiplier + 2^30 + 2^(30 + e)) / 2^(31 + e)) = (high32(x * multiplier) + 1 + 2^e) >> (e + 1)

because 4 * 2^30 is a whole number of 2^32: the low half of the product cannot change the answer. For d < 0 the kernels
take 2 from the high half, which turns a half up into a half away from zero; after a ReLU they need not. The output's
zero point is one more addend. firmware/lib/kernels/channel.h holds the same formula.
"""

import math
from dataclasses import dataclass

MOST_EXPONENT = 22
"""With more, 2^e times a zero point of -128 and the high half together no longer fit 32 bits."""

MOST_SUM = 1 << 29
"""4 * s must fit 32 bits."""

CONSTANT_SHIFT = 2


@dataclass(frozen=True)
class Channel:
    """One output channel: bias (int32), and the sums of its positive and of its negative weights."""

    bias: int
    positive: int
    negative: int

    def sums(self, zero_point: int) -> tuple[int, int]:
        """Return the smallest and the largest sum s that inputs of -128 to 127 with this zero point can give."""
        low, high = -128 - zero_point, 127 - zero_point
        return (
            self.bias + self.positive * low + self.negative * high,
            self.bias + self.positive * high + self.negative * low,
        )


@dataclass(frozen=True)
class ChannelConstants:
    """The four int32 that the kernels read of a channel; firmware/lib/kernels/channel.h says how."""

    bias_times_four: int
    multiplier: int
    addend: int
    shift: int


def quantized_multiplier(scale: float) -> tuple[int, int]:
    """Return multiplier and exponent e with scale = multiplier / 2^(31 + e), as TFLM rounds it; e < 0 above 1.

    Source: QuantizeMultiplier in tensorflow/lite/kernels/internal/quantization_util.cc.
    """
    fraction, power = math.frexp(scale)
    multiplier = math.floor(fraction * 2**31 + 0.5)
    if multiplier == 1 << 31:
        multiplier, power = 1 << 30, power + 1
    return (0, 0) if power < -31 or multiplier == 0 else (multiplier, -power)


def requantized(total: int, multiplier: int, exponent: int) -> int:
    """Return q of the sum `total`: TFLM's MultiplyByQuantizedMultiplier, for e >= 0."""
    doubled = (total * multiplier + (1 << 30)) >> 31
    if exponent == 0:
        return doubled
    return (doubled + (1 << (exponent - 1)) - (doubled < 0)) >> exponent


def channel_constants(channel: Channel, scale: float, input_zero: int, output_zero: int) -> ChannelConstants | str:
    """Return the constants of one channel, or why its outputs cannot be computed with them.

    scale: input scale * weight scale / output scale, computed in double precision in that order.

    A channel that always gives the same output, as a pruned one with a scale of nearly nothing does, gets constants
    for just that value: its bias may be too large for the formula.
    """
    multiplier, exponent = quantized_multiplier(scale)
    if exponent < 0:
        return f"its scale {scale:g} is 1 or more"
    smallest, largest = channel.sums(input_zero)
    if max(abs(smallest), abs(largest)) > 1 << 31:
        return f"its sums reach {max(abs(smallest), abs(largest))}, past 32 bits"
    fits = 1 <= exponent <= MOST_EXPONENT and smallest > -MOST_SUM and largest < MOST_SUM
    if not fits or multiplier == 0:
        # Monotonic: where both ends give the same, all between them do.
        value = requantized(smallest, multiplier, exponent)
        if value != requantized(largest, multiplier, exponent):
            return f"its sums from {smallest} to {largest} with the scale {scale:g} do not fit the formula"
        rim = max(-128, min(127, value + output_zero))
        return ChannelConstants(0, 0, rim << CONSTANT_SHIFT, CONSTANT_SHIFT)
    return ChannelConstants(
        bias_times_four=4 * (channel.bias - input_zero * (channel.positive + channel.negative)),
        multiplier=multiplier,
        addend=1 + (1 << exponent) + output_zero * (1 << (exponent + 1)),
        shift=exponent + 1,
    )
