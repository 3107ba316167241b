"""Which of a model's operators the firmware's own kernels compute, and the constants that they need for it.

Standard library alone. The weights stay where they are in the .tflite: TensorFlow Lite's order, [output channel][kernel
row][kernel column][input channel], is the order in which the kernels read them.
"""

import struct
from collections import Counter
from dataclasses import dataclass, replace

from microfer.contract import VECTOR_BYTES
from microfer.export.addition import AdditionConstants, Quantization, addition_constants
from microfer.export.requantization import Channel, ChannelConstants, channel_constants
from microfer.tflite.check import ALIGNMENT_BYTES
from microfer.tflite.graph import Operator, Tensor, TfliteModel

CONVOLUTION, ADDITION = "CONV_2D", "ADD"
SAME_PADDING = 0
NO_ACTIVATION, RELU, RELU_N1_TO_1, RELU6 = 0, 1, 2, 3
ACTIVATION_LIMITS = {NO_ACTIVATION: (None, None), RELU: (0.0, None), RELU_N1_TO_1: (-1.0, 1.0), RELU6: (0.0, 6.0)}
"""`ActivationFunctionType` of the schema -> the real numbers that it clamps to."""

MOST_PACKED_BYTES = 16 * 1024
"""Weights that must be spread out at each invoke, as a stem's, may take so much scratch."""

MOST_SIDE = 32767
MOST_ROW_BYTES = 16 * 1024


@dataclass(frozen=True)
class Convolution:
    """One convolution that the kernels cover: the fields of ConvolutionShape in firmware/lib/kernels/convolution.h.

    operator: its index in the model. weights_at: where its weights lie in the file.
    """

    operator: int
    weights_at: int
    input_shape: tuple[int, int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    pad: tuple[int, int]
    output_shape: tuple[int, int, int]
    input_zero: int
    minimum: int
    maximum: int
    is_relu: bool
    channels: tuple[ChannelConstants, ...]

    @property
    def products(self) -> int:
        """How many products an output sums."""
        return self.kernel[0] * self.kernel[1] * self.input_shape[2]

    @property
    def multiplications(self) -> int:
        """How many products the whole convolution sums, those with padding included."""
        return self.products * self.output_shape[0] * self.output_shape[1] * self.output_shape[2]


@dataclass(frozen=True)
class Addition:
    """One addition that the kernels cover. operator: its index. activation: the number of the fused one."""

    operator: int
    a: Quantization
    b: Quantization
    output: Quantization
    activation: int
    constants: AdditionConstants


@dataclass(frozen=True)
class KernelPlan:
    """What the kernels cover, and for each other CONV_2D and ADD, by its index in the model, why not."""

    convolutions: tuple[Convolution, ...]
    additions: tuple[Addition, ...]
    left_out: dict[int, str]


class NotCoveredError(Exception):
    """Why the kernels do not cover an operator; never leaves this module."""


def plan_kernels(model: TfliteModel) -> KernelPlan:
    """Return what the kernels compute of a deployable model. What is left out, ESP-NN computes."""
    found: list[Convolution] = []
    additions: list[Addition] = []
    left_out: dict[int, str] = {}
    for index, operator in enumerate(model.operators):
        try:
            if operator.name == CONVOLUTION:
                found.append(_convolution(model, index, operator))
            elif operator.name == ADDITION:
                additions.append(_addition(model, index, operator))
        except NotCoveredError as reason:
            left_out[index] = str(reason)
    # The firmware knows a convolution by its weights, so they must be its own.
    users = Counter(convolution.weights_at for convolution in found)
    left_out |= {c.operator: "its weights are another one's too" for c in found if users[c.weights_at] > 1}
    convolutions = tuple(c for c in found if c.operator not in left_out)
    return KernelPlan(convolutions, tuple(additions), dict(sorted(left_out.items())))


def _addition(model: TfliteModel, index: int, operator: Operator) -> Addition:
    tensors = [model.tensors[number] for number in (*operator.inputs, *operator.outputs)]
    if any(tensor.type != "INT8" or len(tensor.scales) != 1 for tensor in tensors):
        raise NotCoveredError("not all of it is INT8 with one scale")
    if len({tensor.shape for tensor in tensors}) != 1:
        raise NotCoveredError("its inputs have different shapes")
    activation = operator.options.integer(0, "b") if operator.options else NO_ACTIVATION
    if _range(tensors[2], activation) != (-128, 127):
        raise NotCoveredError("its output has not the whole range of INT8")
    a, b, output = (Quantization(tensor.scales[0], tensor.zero_points[0]) for tensor in tensors)
    constants = addition_constants(a, b, output)
    if isinstance(constants, str):
        raise NotCoveredError(constants)
    return Addition(index, a, b, output, activation, constants)


def _convolution(model: TfliteModel, index: int, operator: Operator) -> Convolution:
    image, weights, bias, output = _tensors(model, operator)
    options = operator.options
    if options is None:
        raise NotCoveredError("it has no options")
    if options.integer(4, "i", 1) != 1 or options.integer(5, "i", 1) != 1:
        raise NotCoveredError("it is dilated")
    stride = options.integer(2, "i"), options.integer(1, "i")
    kernel = weights.shape[1], weights.shape[2]
    same = options.integer(0, "b") == SAME_PADDING
    pads = [
        max(0, (output.shape[axis + 1] - 1) * stride[axis] + kernel[axis] - image.shape[axis + 1]) // 2 if same else 0
        for axis in (0, 1)
    ]
    minimum, maximum = _range(output, options.integer(3, "b"))
    made = Convolution(
        operator=index,
        weights_at=weights.data_offset,
        input_shape=(image.shape[1], image.shape[2], image.shape[3]),
        kernel=kernel,
        stride=stride,
        pad=(pads[0], pads[1]),
        output_shape=(output.shape[1], output.shape[2], output.shape[3]),
        input_zero=image.zero_points[0],
        minimum=minimum,
        maximum=maximum,
        is_relu=minimum == output.zero_points[0] == -128,
        channels=(),
    )
    _check_size(made)
    return replace(made, channels=_constants(model, image, weights, bias, output))


def _tensors(model: TfliteModel, operator: Operator) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
    image, weights, output = (
        model.tensors[number] for number in (operator.inputs[0], operator.inputs[1], operator.outputs[0])
    )
    bias = model.tensors[operator.inputs[2]] if len(operator.inputs) > 2 and operator.inputs[2] >= 0 else None
    if any(tensor.type != "INT8" or len(tensor.shape) != 4 for tensor in (image, weights, output)):
        raise NotCoveredError("not all of it is INT8 with four dimensions")
    if bias is not None and (bias.type != "INT32" or bias.data_bytes != 4 * weights.shape[0]):
        raise NotCoveredError("its bias is not one INT32 a channel")
    if image.shape[0] != 1 or output.shape[0] != 1:
        raise NotCoveredError("it computes more than one image")
    if image.shape[3] != weights.shape[3] or output.shape[3] != weights.shape[0]:
        raise NotCoveredError("its channels are in groups")
    if weights.data_bytes != _size(weights.shape) or weights.data_offset % ALIGNMENT_BYTES:
        raise NotCoveredError("its weights are not constant, or not aligned to 16 bytes")
    if len(image.scales) != 1 or len(output.scales) != 1 or len(weights.scales) not in (1, weights.shape[0]):
        raise NotCoveredError("its scales are not one of each image and one a channel")
    if any(weights.zero_points):
        raise NotCoveredError("its weights have a zero point")
    return image, weights, bias, output


def _check_size(made: Convolution) -> None:
    numbers = (*made.input_shape, *made.kernel, *made.stride, *made.output_shape)
    if not all(1 <= number <= MOST_SIDE for number in numbers):
        raise NotCoveredError(f"a side is not from 1 to {MOST_SIDE}")
    row_bytes = -(-made.products // VECTOR_BYTES) * VECTOR_BYTES
    if row_bytes > MOST_ROW_BYTES:
        raise NotCoveredError(f"an output sums {made.products} products, more than {MOST_ROW_BYTES}")
    if made.products != row_bytes and made.output_shape[2] * row_bytes > MOST_PACKED_BYTES:
        raise NotCoveredError(
            f"an output sums {made.products} products, no multiple of 16, and its weights are more than "
            f"{MOST_PACKED_BYTES} bytes"
        )


def _range(output: Tensor, activation: int) -> tuple[int, int]:
    """Return the least and the greatest output, as TFLM's CalculateActivationRangeQuantized."""
    if activation not in ACTIVATION_LIMITS:
        raise NotCoveredError(f"its activation is number {activation}")
    low, high = ACTIVATION_LIMITS[activation]
    return (
        -128 if low is None else max(-128, _quantized(low, output)),
        127 if high is None else min(127, _quantized(high, output)),
    )


def _quantized(real: float, tensor: Tensor) -> int:
    """Return the stored value of a real number: a float32 division, rounded, halves away from zero."""
    (quotient,) = struct.unpack("<f", struct.pack("<f", real / tensor.scales[0]))
    rounded = int(abs(quotient) + 0.5)
    return tensor.zero_points[0] + (rounded if quotient >= 0 else -rounded)


def _constants(
    model: TfliteModel, image: Tensor, weights: Tensor, bias: Tensor | None, output: Tensor
) -> tuple[ChannelConstants, ...]:
    values = memoryview(model.content)[weights.data_offset : weights.data_offset + weights.data_bytes].cast("b")
    count, step = weights.shape[0], weights.data_bytes // weights.shape[0]
    biases = struct.unpack_from(f"<{count}i", model.content, bias.data_offset) if bias else (0,) * count
    scales = weights.scales * count if len(weights.scales) == 1 else weights.scales
    made = []
    for number in range(count):
        part = values[number * step : (number + 1) * step].tolist()
        total, size = sum(part), sum(map(abs, part))
        channel = Channel(biases[number], (size + total) // 2, (total - size) // 2)
        scale = image.scales[0] * scales[number] / output.scales[0]
        constants = channel_constants(channel, scale, image.zero_points[0], output.zero_points[0])
        if isinstance(constants, str):
            raise NotCoveredError(f"channel {number}: {constants}")
        made.append(constants)
    return tuple(made)


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size
