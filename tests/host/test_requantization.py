"""The constants of the firmware's kernels: against TFLM's formula, back again, and for what is refused."""

import random

import pytest

from microfer.export.requantization import (
    MOST_EXPONENT,
    Channel,
    ChannelConstants,
    channel_constants,
    quantized_multiplier,
    requantized,
)


def tflm_rounds_twice(total: int, multiplier: int, exponent: int) -> int:
    """SaturatingRoundingDoublingHighMul and RoundingDivideByPOT of gemmlowp, as they are written there."""
    product = total * multiplier
    nudge = (1 << 30) if product >= 0 else 1 - (1 << 30)
    quotient = abs(product + nudge) >> 31
    doubled = quotient if product + nudge >= 0 else -quotient
    mask = (1 << exponent) - 1
    threshold = (mask >> 1) + (1 if doubled < 0 else 0)
    return (doubled >> exponent) + (1 if (doubled & mask) > threshold else 0)


def kernel_answer(constants: ChannelConstants, products: int, is_relu: bool) -> int:
    """What the kernels compute of a channel's sum of inputs times weights, before the clamp."""
    times_four = 4 * products + constants.bias_times_four
    assert -(1 << 31) <= times_four < 1 << 31
    high = (times_four * constants.multiplier) >> 32
    if not is_relu and high + 1 < 0:
        high -= 2
    assert -(1 << 31) <= high + constants.addend < 1 << 31
    return (high + constants.addend) >> constants.shift


def unpacked(constants: ChannelConstants, channel: Channel, input_zero: int) -> tuple[int, int, int, int]:
    """The inverse of the packing: bias, multiplier, exponent and output zero point."""
    exponent = constants.shift - 1
    zero, rest = divmod(constants.addend - 1 - (1 << exponent), 1 << (exponent + 1))
    assert rest == 0
    bias = constants.bias_times_four // 4 + input_zero * (channel.positive + channel.negative)
    return bias, constants.multiplier, exponent, zero


def random_channel(source: random.Random) -> tuple[Channel, float, int, int]:
    products = source.choice((16, 49, 144, 576, 1152))
    channel = Channel(
        source.randrange(-(1 << source.randrange(4, 29)), 1 << source.randrange(4, 29)),
        source.randrange(0, 64 * products),
        -source.randrange(0, 64 * products),
    )
    return channel, 2 ** source.uniform(-23, -1.01), source.randrange(-128, 128), source.randrange(-128, 128)


def test_the_scale_comes_back_from_multiplier_and_exponent():
    source = random.Random(1)
    for _ in range(10_000):
        scale = 2 ** source.uniform(-31, 3)
        multiplier, exponent = quantized_multiplier(scale)
        assert 1 << 30 <= multiplier < 1 << 31
        assert multiplier / 2 ** (31 + exponent) == pytest.approx(scale, rel=2**-30)
    assert quantized_multiplier(2**-40) == (0, 0)
    assert quantized_multiplier(0.0) == (0, 0)
    assert quantized_multiplier(1 - 2**-40) == (1 << 30, -1)  # rounded up to 1


def test_every_sum_is_requantized_as_tflm_does_it():
    source = random.Random(2)
    compared = 0
    for _ in range(3000):
        channel, scale, input_zero, output_zero = random_channel(source)
        constants = channel_constants(channel, scale, input_zero, output_zero)
        if isinstance(constants, str):
            continue
        multiplier, exponent = quantized_multiplier(scale)
        smallest, largest = channel.sums(input_zero)
        halves = [  # sums that lie next to where an output ends and the next one begins
            min(max(smallest, ((2 * q + 1) << (30 + exponent)) // multiplier + step), largest)
            for q in (-130, -2, -1, 0, 1, 130)
            for step in (-1, 0, 1, 2)
        ]
        for total in (smallest, largest, *halves, *(source.randint(smallest, largest) for _ in range(20))):
            products = total - channel.bias + input_zero * (channel.positive + channel.negative)
            expected = tflm_rounds_twice(total, multiplier, exponent) + output_zero
            assert requantized(total, multiplier, exponent) + output_zero == expected
            clamp = lambda value: max(-128, min(127, value))  # noqa: E731
            assert clamp(kernel_answer(constants, products, is_relu=False)) == clamp(expected)
            after_relu = kernel_answer(constants, products, is_relu=True)
            assert max(output_zero, after_relu) == max(output_zero, expected)
            compared += 1
    assert compared > 50_000


def test_the_constants_give_back_what_they_were_made_of():
    source = random.Random(3)
    seen = 0
    for _ in range(5000):
        channel, scale, input_zero, output_zero = random_channel(source)
        constants = channel_constants(channel, scale, input_zero, output_zero)
        if isinstance(constants, ChannelConstants) and constants.multiplier:
            expected = (channel.bias, *quantized_multiplier(scale), output_zero)
            assert unpacked(constants, channel, input_zero) == expected
            assert all(-(1 << 31) <= number < 1 << 31 for number in vars(constants).values())
            seen += 1
    assert seen > 4000


@pytest.mark.parametrize("value", [-200, -3, 0, 5, 90, 200])
def test_a_pruned_channel_always_says_its_bias(value):
    scale = 2.0**-28
    channel = Channel(value << 28 if abs(value) < 8 else value << 20, 900, -1000)
    constants = channel_constants(channel, scale, -128, -10)
    if abs(value) < 8:
        assert kernel_answer(constants, 12345, is_relu=False) == value - 10
    else:
        assert kernel_answer(constants, -12345, is_relu=False) == round(value / 256) - 10


@pytest.mark.parametrize(
    ("channel", "scale", "reason"),
    [
        (Channel(0, 500, -500), 1.5, "1 or more"),
        (Channel(0, 500, -500), 0.7, "do not fit the formula"),  # exponent 0
        (Channel((1 << 29) - 10, 500, -500), 2**-10, "do not fit the formula"),
        (Channel(2147483000, 500_000, -500_000), 2**-20, "past 32 bits"),
        (Channel(0, 1 << 27, -(1 << 27)), 2**-20, "past 32 bits"),
    ],
)
def test_what_might_overflow_is_refused_with_its_reason(channel, scale, reason):
    answer = channel_constants(channel, scale, -128, 0)
    assert isinstance(answer, str)
    assert reason in answer


def test_the_largest_exponent_still_fits():
    constants = channel_constants(Channel((1 << 28), 100, -100), 0.75 * 2.0**-MOST_EXPONENT, 0, -128)
    assert constants.shift == MOST_EXPONENT + 1
    expected = tflm_rounds_twice(1 << 28, *quantized_multiplier(0.75 * 2.0**-MOST_EXPONENT)) - 128
    assert kernel_answer(constants, 0, is_relu=False) == expected
