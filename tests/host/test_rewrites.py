"""Other graphs with the same answers: which there are, that the answers are the same, and what is not made up."""

from dataclasses import replace

import numpy as np
import pytest

from microfer.cost.step import Step, steps
from microfer.errors import MicroferError
from microfer.release import MODEL_FILE, MODELS
from microfer.studies.chip.rewrites import EXACT, instructions, rewrites
from microfer.tensor import regroup
from microfer.tflite import tflite_file


@pytest.fixture(scope="module")
def thesis() -> tuple[Step, ...]:
    return steps(tflite_file.read(MODELS / "thesis-bn-1" / MODEL_FILE))


def conv(given: tuple[int, int, int], out: tuple[int, int, int], side: int = 1, stride: int = 1) -> Step:
    before = (0, 0) if side != 3 else (1, 1)
    return Step(
        0, "CONV_2D", given, out, (side, side), (stride, stride), before=before, after=before, filter_channels=given[2],
        weight_bytes=side * side * given[2] * out[2], bias_bytes=4 * out[2], filter_scales=out[2],
        input_elements=given[0] * given[1] * given[2], output_elements=out[0] * out[1] * out[2], inputs=1,
    )  # fmt: skip


def test_multiplications_stay_where_only_their_order_changes() -> None:
    pad = Step(0, "PAD", (24, 24, 4), (26, 26, 4), input_elements=24 * 24 * 4, output_elements=26 * 26 * 4)
    stem = conv((26, 26, 4), (23, 23, 24), side=4)
    (regrouped,) = [one for one in rewrites((pad, stem)) if "not regrouped" in one.title]
    plain = regrouped.then[1]
    assert (plain.input, plain.output, plain.kernel, plain.stride) == ((52, 52, 1), (23, 23, 24), (8, 8), (2, 2))
    assert plain.macs == stem.macs
    assert plain.weight_bytes == stem.weight_bytes


def test_a_stem_on_regrouped_pixels_is_an_8x8_one_on_plain_pixels() -> None:
    random = np.random.default_rng(0)
    crop = random.integers(-9, 9, (1, 48, 48, 1))
    weights = random.integers(-9, 9, (4, 4, 4))  # row, column, and 2x2 pixels as channels
    places = np.pad(regroup(crop, "space_to_depth_2")[0], ((1, 1), (1, 1), (0, 0)))
    plain = np.pad(crop[0, :, :, 0], 2)
    kernel = weights.reshape(4, 4, 2, 2).transpose(0, 2, 1, 3).reshape(8, 8)
    for y, x in ((0, 0), (3, 17), (22, 22)):
        assert (places[y : y + 4, x : x + 4] * weights).sum() == (
            plain[2 * y : 2 * y + 8, 2 * x : 2 * x + 8] * kernel
        ).sum()


def test_the_thesis_network_could_pool_first_and_average_first(thesis: tuple[Step, ...]) -> None:
    found = {one.title: one for one in rewrites(thesis)}
    pool = found["max pool before the concatenation, not after it"]
    assert pool.same == EXACT
    assert [step.kind for step in pool.then] == ["MAX_POOL_2D", "MAX_POOL_2D", "CONCATENATION"] * 2
    assert instructions(pool.then) < instructions(pool.now)
    average = found["average before the classifier, not after it"]
    assert average.then[1].macs * 9 == average.now[0].macs
    assert not [title for title in found if "regrouped" in title]


def test_expand_convolutions_as_one_multiply_by_zeros_and_cost_more(thesis: tuple[Step, ...]) -> None:
    (both,) = [one for one in rewrites(thesis) if "as one 3x3" in one.title]
    fires = [step for step in both.now if step.kernel == (3, 3)]
    assert len(both.then) == len(fires) == 11
    assert all(one.macs == 2 * three.macs for one, three in zip(both.then, fires, strict=True))
    assert instructions(both.then) > instructions(both.now)


def test_what_is_left_out_was_there(thesis: tuple[Step, ...]) -> None:
    gone = {one.title: one.now for one in rewrites(thesis) if not one.then}
    assert sorted({step.kind for taken in gone.values() for step in taken}) == ["CONCATENATION", "PAD", "SOFTMAX"]
    without = [step for step in thesis if step.kind != "PAD"]
    assert not [one for one in rewrites(without) if "padding" in one.title]


def test_an_operator_without_a_cost_is_not_free(thesis: tuple[Step, ...]) -> None:
    strange = replace(thesis[0], kind="GATHER")
    with pytest.raises(MicroferError, match="GATHER on the path"):
        instructions([strange])
