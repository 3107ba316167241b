"""The kernels' arithmetic on the released model, operator by operator, against LiteRT's reference kernels.

What the export writes for the firmware goes through the kernels' formulas, here in NumPy, with each operator's input as
LiteRT has it; the output must be LiteRT's in every bit.
"""

import numpy as np
import pytest

from microfer.data.synthetic import render_face
from microfer.export.kernel_plan import Addition, Convolution, plan_kernels
from microfer.release import MODEL_FILE, MODELS
from microfer.tensor import regroup
from microfer.tflite import tflite_file
from microfer.tflite.check import layout

litert = pytest.importorskip("ai_edge_litert.interpreter")


@pytest.fixture(scope="module", params=sorted(path.name for path in MODELS.glob("*/")))
def model(request):
    return tflite_file.read(MODELS / request.param / MODEL_FILE)


@pytest.fixture(scope="module", params=["face", "noise", "black and white"])
def tensors(model, request):
    """Every tensor of the network after one inference, by its index."""
    interpreter = litert.Interpreter(
        model_content=model.content,
        num_threads=1,
        experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(model.inputs[0], regroup(picture(request.param).reshape(1, 48, 48, 1), layout(model)))
    interpreter.invoke()
    return interpreter.get_tensor


def picture(kind: str) -> np.ndarray:
    random = np.random.default_rng(5)
    if kind == "face":
        return (np.asarray(render_face(3, random), np.int16) - 128).astype(np.int8)
    if kind == "noise":
        return random.integers(-128, 128, (48, 48), dtype=np.int8)
    return np.where(random.random((48, 48)) < 0.5, -128, 127).astype(np.int8)


def convolved(plan: Convolution, image: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """ConvolutionShape's arithmetic: int8 (height, width, channels) in and out, as MultiplyRowsPortable computes it."""
    rows, columns, channels = plan.output_shape
    padded = np.pad(
        image,
        [(plan.pad[0], plan.kernel[0]), (plan.pad[1], plan.kernel[1]), (0, 0)],
        constant_values=plan.input_zero,
    )
    patches = np.empty((rows, columns, plan.products), np.int8)
    for y in range(rows):
        for x in range(columns):
            top, left = y * plan.stride[0], x * plan.stride[1]
            patches[y, x] = padded[top : top + plan.kernel[0], left : left + plan.kernel[1]].ravel()
    sums = (patches.astype(float) @ weights.reshape(channels, -1).T.astype(float)).astype(np.int64)
    constants = np.array([list(vars(channel).values()) for channel in plan.channels], np.int64)
    times_four = 4 * sums + constants[:, 0]
    assert np.abs(times_four).max() < 2**31
    high = (times_four * constants[:, 1]) >> 32
    if not plan.is_relu:
        high -= np.where(high + 1 < 0, 2, 0)
    return np.clip((high + constants[:, 2]) >> constants[:, 3], plan.minimum, plan.maximum).astype(np.int8)


def added(plan: Addition, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    constants = plan.constants
    total = a.astype(np.int64) * constants.weight_a + b.astype(np.int64) * constants.weight_b + constants.offset
    return np.clip(total >> constants.shift, -128, 127).astype(np.int8)


def test_every_covered_operator_equals_litert(model, tensors):
    plan = plan_kernels(model)
    for convolution in plan.convolutions:
        operator = model.operators[convolution.operator]
        answer = convolved(convolution, tensors(operator.inputs[0])[0], tensors(operator.inputs[1]))
        assert np.array_equal(answer, tensors(operator.outputs[0])[0]), f"operator {convolution.operator}"
    for addition in plan.additions:
        operator = model.operators[addition.operator]
        answer = added(addition, *(tensors(number) for number in operator.inputs))
        assert np.array_equal(answer, tensors(operator.outputs[0])), f"operator {addition.operator}"
    assert len(plan.convolutions) + len(plan.additions) >= 16
