"""Which convolutions the firmware's kernels cover: the released model, the tiny one, and what is left out and why."""

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from microfer.export.kernel_plan import plan_kernels
from microfer.release import MODEL_FILE, MODELS
from microfer.tflite import tflite_file

TINY = Path(__file__).resolve().parents[1] / "golden" / "tiny_int8.tflite"


@pytest.fixture(scope="module")
def tiny():
    return tflite_file.read(TINY)


def first_convolution(model):
    return next(i for i, operator in enumerate(model.operators) if operator.name == "CONV_2D")


def with_tensor(model, number, **changes):
    tensors = list(model.tensors)
    tensors[number] = replace(tensors[number], **changes)
    return replace(model, tensors=tuple(tensors))


@pytest.mark.parametrize("release", sorted(path.name for path in MODELS.glob("*/")))
def test_the_kernels_compute_every_convolution_and_addition_of_a_release(release):
    model = tflite_file.read(MODELS / release / MODEL_FILE)
    plan = plan_kernels(model)
    names = [operator.name for operator in model.operators]
    assert len(plan.convolutions) == names.count("CONV_2D")
    assert len(plan.additions) == names.count("ADD")


def test_of_the_first_release_nothing_is_left_out():
    plan = plan_kernels(tflite_file.read(MODELS / "thesis-bn-1" / MODEL_FILE))
    assert plan.left_out == {}
    assert sum(convolution.multiplications for convolution in plan.convolutions) == 36_066_816
    assert [c.is_relu for c in plan.convolutions] == [True] * 34 + [False]


def test_each_plan_names_the_weights_of_its_operator(tiny):
    for convolution in plan_kernels(tiny).convolutions:
        operator = tiny.operators[convolution.operator]
        weights = tiny.tensors[operator.inputs[1]]
        assert convolution.weights_at == weights.data_offset
        assert (len(convolution.channels), *convolution.kernel, convolution.input_shape[2]) == weights.shape
        assert (1, *convolution.input_shape) == tiny.tensors[operator.inputs[0]].shape
        assert (1, *convolution.output_shape) == tiny.tensors[operator.outputs[0]].shape


def test_the_bias_holds_the_zero_point_times_the_weights(tiny):
    content = np.frombuffer(tiny.content, np.int8)
    for convolution in plan_kernels(tiny).convolutions:
        _, weights_number, bias_number = tiny.operators[convolution.operator].inputs
        weights, bias = tiny.tensors[weights_number], tiny.tensors[bias_number]
        values = content[weights.data_offset : weights.data_offset + weights.data_bytes].astype(int)
        sums = values.reshape(weights.shape[0], -1).sum(axis=1)
        biases = struct.unpack_from(f"<{weights.shape[0]}i", tiny.content, bias.data_offset)
        for channel, total, start in zip(convolution.channels, sums, biases, strict=True):
            if channel.multiplier:
                assert channel.bias_times_four == 4 * (start - convolution.input_zero * total)


@pytest.mark.parametrize(
    ("which", "changes", "reason"),
    [
        ("weights", {"data_offset": 8}, "not aligned to 16 bytes"),
        ("weights", {"data_bytes": 3}, "not constant"),
        ("weights", {"zero_points": (1,)}, "have a zero point"),
        ("weights", {"type": "INT4"}, "not all of it is INT8"),
        ("input", {"type": "INT16"}, "not all of it is INT8"),
        ("input", {"scales": (1e9,)}, "1 or more"),
        ("output", {"scales": ()}, "scales are not one"),
        ("bias", {"type": "INT64"}, "not one INT32 a channel"),
    ],
)
def test_what_the_kernels_cannot_compute_is_left_out_and_says_why(tiny, which, changes, reason):
    index = first_convolution(tiny)
    operator = tiny.operators[index]
    numbers = dict(zip(("input", "weights", "bias"), operator.inputs, strict=True)) | {"output": operator.outputs[0]}
    plan = plan_kernels(with_tensor(tiny, numbers[which], **changes))
    assert reason in plan.left_out[index]
    assert index not in {convolution.operator for convolution in plan.convolutions}


def test_weights_of_two_convolutions_are_left_out(tiny):
    index = first_convolution(tiny)
    plan = plan_kernels(replace(tiny, operators=(*tiny.operators, tiny.operators[index])))
    both = plan.left_out[index], plan.left_out[len(tiny.operators)]
    assert both == ("its weights are another one's too",) * 2


def test_an_operator_without_options_is_left_out(tiny):
    index = first_convolution(tiny)
    operators = list(tiny.operators)
    operators[index] = replace(operators[index], options=None)
    assert plan_kernels(replace(tiny, operators=tuple(operators))).left_out[index] == "it has no options"
