"""The constants of the firmware's addition, against TFLM's three roundings for all pairs of inputs."""

import random

import pytest
from tests.host.test_requantization import tflm_rounds_twice

from microfer.export.addition import AdditionConstants, Quantization, addition_constants, tflm_sums
from microfer.export.requantization import quantized_multiplier

BYTES = range(-128, 128)


def random_quantizations(source: random.Random) -> list[Quantization]:
    return [Quantization(2 ** source.uniform(-7, -3), source.randrange(-128, 128)) for _ in range(3)]


def tflm_sum(pair: tuple[int, int], given: list[Quantization]) -> int:
    """reference_integer_ops::AddElementwise of TFLM, written down step by step."""
    a, b, output = given
    twice = 2 * max(a.scale, b.scale)
    total = sum(
        tflm_rounds_twice((stored - each.zero_point) << 20, *quantized_multiplier(each.scale / twice))
        for stored, each in zip(pair, (a, b), strict=True)
    )
    value = tflm_rounds_twice(total, *quantized_multiplier(twice / (2**20 * output.scale))) + output.zero_point
    return max(-128, min(127, value))


def test_the_constants_answer_as_tflm_for_random_scales():
    source = random.Random(1)
    compared = 0
    for _ in range(25):
        given = random_quantizations(source)
        constants = addition_constants(*given)
        if isinstance(constants, str):
            continue
        pairs = [(source.randrange(-128, 128), source.randrange(-128, 128)) for _ in range(2000)]
        assert [constants.answer(*pair) for pair in pairs] == [tflm_sum(pair, given) for pair in pairs]
        compared += 1
    assert compared > 15


def test_all_pairs_are_equal_where_constants_are_found():
    given = [Quantization(0.0235294122248888, -128), *[Quantization(0.03804221749305725, -128)] * 2]
    constants = addition_constants(*given)
    assert isinstance(constants, AdditionConstants)
    sums = tflm_sums(*given)
    for a in BYTES:
        expected = [max(-128, min(127, value)) for value in sums[a + 128]]
        assert [constants.answer(a, b) for b in BYTES] == expected


def test_the_parts_give_back_the_constants():
    source = random.Random(4)
    for _ in range(10):
        constants = addition_constants(*random_quantizations(source))
        if isinstance(constants, AdditionConstants):
            lanes = constants.lanes
            assert all(-(1 << 15) <= lane < 1 << 15 for lane in lanes)
            back = lanes[0] * 256 + lanes[1], lanes[2] * 256 + lanes[3], lanes[4] * 16384 + lanes[5]
            assert back == (constants.weight_a, constants.weight_b, constants.offset)
            assert 8 <= constants.shift <= 24


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        # Ties of both signs: halves go away from zero, no one offset can do that.
        ([Quantization(0.5, 0), Quantization(0.5, 0), Quantization(1.0, 0)], "no offset"),
        ([Quantization(1.0, 0), Quantization(1.0, 0), Quantization(1e-7, 0)], "too small"),
    ],
)
def test_what_one_line_cannot_compute_is_refused(given, reason):
    answer = addition_constants(*given)
    assert isinstance(answer, str)
    assert reason in answer
