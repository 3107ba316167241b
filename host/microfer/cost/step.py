"""One operator of a network as the cost model sees it: geometry, bytes and padding, with no flatbuffer behind it.

Standard library alone. Padding is TFLM's (padding.h): SAME takes what is missing, half of it, rounded down, before.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from microfer.cost.reference import multiplied, reference_scratch
from microfer.tflite.graph import Operator, Subgraph, Tensor, TfliteModel
from microfer.tflite.validate import called_subgraphs

SAME = 0
NOTHING = Tensor("", (), "INT8", (), (), 0, 0, 0)
"""Stands for the input or output that an operator has not, such as a variable's handle."""

CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
POOLS = ("AVERAGE_POOL_2D", "MAX_POOL_2D")

Shape = tuple[int, int, int]
Pair = tuple[int, int]


@dataclass(frozen=True)
class Step:
    """One operator. Shapes are (height, width, channels) of one image; lengths in elements unless named bytes.

    kernel, stride, dilation: (vertical, horizontal). before, after: rows and columns of padding at the top and left,
        at the bottom and right.
    multiplier: output channels for each input channel of a depthwise convolution.
    filter_channels: input channels that a filter spans; fewer than the input's in a grouped convolution.
    weight_bytes, bias_bytes: constants in the file. weight_offset: where the filter lies in it, modulo 16.
    filter_scales: 1, or one for each output channel.
    input_elements: of every computed input together. inputs: how many of them there are.
    same_shapes: no input is broadcast. outer: pieces that a concatenation copies from each input.
    offset_is_zero: the input's zero point is 0, so that nothing needs to be corrected for it.
    keeps_dimensions: a reduction over height and width whose output still has four dimensions.
    all_int8: its computed inputs, its outputs and its filter are int8.
    batch: images that a convolution or pool takes one after another.
    weight_values, weight_passes: how many weights an operator other than a convolution has, and how often each of them
        is multiplied in one inference.
    types: of the first computed input, of the weights where there are any, of the output.
    element_bytes: of each computed value.
    scratch: what TFLM's reference kernel asks of the arena beside its tensors, bytes.
    runs: subgraphs that it runs, by their numbers in the file.
    """

    index: int
    kind: str
    input: Shape
    output: Shape
    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    before: Pair = (0, 0)
    after: Pair = (0, 0)
    multiplier: int = 1
    filter_channels: int = 0
    weight_bytes: int = 0
    bias_bytes: int = 0
    weight_offset: int = 0
    filter_scales: int = 1
    input_elements: int = 0
    output_elements: int = 0
    inputs: int = 1
    same_shapes: bool = True
    outer: int = 1
    offset_is_zero: bool = False
    keeps_dimensions: bool = False
    all_int8: bool = True
    is_custom: bool = False
    batch: int = 1
    weight_values: int = 0
    weight_passes: int = 0
    types: tuple[str, ...] = ("INT8",)
    element_bytes: int = 1
    scratch: tuple[int, ...] = ()
    runs: tuple[int, ...] = ()

    @property
    def pixels(self) -> int:
        """Output positions of one channel."""
        return self.output[0] * self.output[1]

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference, those with padding included."""
        taps = self.kernel[0] * self.kernel[1]
        match self.kind:
            case "CONV_2D":
                return self.batch * self.pixels * self.output[2] * taps * self.filter_channels
            case "DEPTHWISE_CONV_2D":
                return self.batch * self.pixels * self.output[2] * taps
        return self.weight_values * self.weight_passes

    @property
    def taps(self) -> int:
        """Window positions inside the input, summed over all output positions."""
        return self._inside(0)[0] * self._inside(1)[0]

    @property
    def filter_rows(self) -> int:
        """Window rows inside the input, summed over all output positions."""
        return self._inside(0)[0] * self.output[1]

    @property
    def edge_pixels(self) -> int:
        """Output positions whose window reaches beyond the input."""
        return self.pixels - self._inside(0)[1] * self._inside(1)[1]

    @property
    def is_padded_unevenly(self) -> bool:
        """Whether one side gets more padding than the one opposite."""
        return self.before != self.after

    def _inside(self, axis: int) -> Pair:
        """Return how many taps of all windows lie inside the input along an axis, and how many windows do wholly."""
        window = self.kernel[axis], self.dilation[axis], self.stride[axis]
        return _inside(self.input[axis], self.output[axis], *window, self.before[axis])

    def to_json(self) -> dict[str, Any]:
        """Return what differs from a default, as JSON values; `from_json` takes it back."""
        default = asdict(Step(0, "", (1, 1, 1), (1, 1, 1)))
        always = ("kind", "input", "output")
        mine = {key: value for key, value in asdict(self).items() if key in always or value != default[key]}
        mine.pop("scratch", None)  # which a path that was measured knows by itself
        return {key: list(value) if isinstance(value, tuple) else value for key, value in mine.items()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Step":
        """Return the step that `to_json` wrote."""
        plain: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        plain.setdefault("index", 0)
        return cls(**plain)


@lru_cache(maxsize=4096)
def _inside(size: int, places: int, kernel: int, dilation: int, stride: int, before: int) -> Pair:
    first_whole = min(-(-before // stride), places)
    last_whole = (size - 1 - (kernel - 1) * dilation + before) // stride
    after_whole = max(min(last_whole + 1, places), first_whole)
    whole = after_whole - first_whole
    taps = whole * kernel
    for place in (*range(first_whole), *range(after_whole, places)):
        start = place * stride - before
        taps += max(min(kernel, -((start - size) // dilation)) - max(-(start // dilation), 0), 0)
    return taps, whole


def steps(graph: Subgraph | TfliteModel) -> tuple[Step, ...]:
    """Return the operators of a subgraph, or of a model's first one, in the order of execution."""
    return tuple(_step(graph.tensors, index, operator) for index, operator in enumerate(graph.operators))


def _step(tensors: tuple[Tensor, ...], index: int, operator: Operator) -> Step:
    inputs = [tensors[number] for number in operator.inputs if number != -1]
    computed = [tensor for tensor in inputs if not tensor.data_bytes]
    outputs = [tensors[number] for number in operator.outputs]
    constants = [tensor for tensor in inputs if tensor.data_bytes]
    taken = [*computed, *outputs]
    first, out = (*computed, *inputs, *outputs, NOTHING)[0], (*outputs, NOTHING)[0]
    if operator.name == "TRANSPOSE_CONV":  # whose first input is the shape of its output
        first = inputs[2]
    weights = inputs[1] if operator.name in (*CONVOLUTIONS, "FULLY_CONNECTED", "TRANSPOSE_CONV") else None
    has_filter = weights is not None and operator.name != "TRANSPOSE_CONV"
    bias = inputs[2].data_bytes if has_filter and len(inputs) > 2 else 0
    if weights is not None:
        taken.append(weights)
    geometry = _geometry(operator, first, out, weights)
    return Step(
        index=index,
        kind=operator.name,
        input=_hwc(first),
        output=_hwc(out),
        weight_bytes=weights.data_bytes if weights and has_filter else sum(tensor.data_bytes for tensor in constants),
        bias_bytes=bias,
        weight_offset=weights.data_offset % 16 if weights else 0,
        filter_scales=max(len(weights.scales), 1) if weights else 1,
        input_elements=sum(tensor.elements for tensor in computed),
        output_elements=sum(tensor.elements for tensor in outputs),
        inputs=len(computed),
        same_shapes=len({tensor.shape for tensor in inputs}) == 1,
        outer=_outer(operator, out) if operator.name == "CONCATENATION" else 1,
        offset_is_zero=tuple(first.zero_points) in ((), (0,)),
        keeps_dimensions=operator.name == "MEAN" and len(out.shape) == len(first.shape),
        all_int8=all(tensor.type == "INT8" for tensor in taken),
        is_custom=operator.is_custom,
        batch=max(out.shape[0], 1) if operator.name in (*CONVOLUTIONS, *POOLS) and len(out.shape) == 4 else 1,
        **multiplied(operator, tensors),
        types=tuple(dict.fromkeys((first.type, *([weights.type] if weights else ()), out.type))),
        element_bytes=max((tensor.value_bytes or 0) // max(tensor.elements, 1) for tensor in (first, out)) or 1,
        scratch=reference_scratch(operator, tensors),
        runs=called_subgraphs(operator),
        **geometry,
    )


def _hwc(tensor: Tensor) -> Shape:
    sizes = tensor.shape[1:] if len(tensor.shape) > 1 else tensor.shape
    padded = (1, 1, 1, *sizes)[-3:] if len(sizes) <= 3 else (math.prod(sizes[:-2]), *sizes[-2:])
    return padded[0], padded[1], padded[2]


def _outer(operator: Operator, out: Tensor) -> int:
    axis = operator.options.integer(0, "i") if operator.options else 0
    return math.prod(out.shape[: axis if axis >= 0 else len(out.shape) + axis])


def _geometry(operator: Operator, first: Tensor, out: Tensor, weights: Tensor | None) -> dict[str, Any]:
    """Return the fields of Step that only convolutions and pools have. Field numbers are those of schema.fbs."""
    options = operator.options
    if operator.name not in (*CONVOLUTIONS, *POOLS) or options is None or len(first.shape) != 4 or len(out.shape) != 4:
        return {}
    stride = options.integer(2, "i", 1), options.integer(1, "i", 1)
    dilation, multiplier, filter_channels = (1, 1), 1, 0
    if weights is None:
        kernel = options.integer(4, "i", 1), options.integer(3, "i", 1)
    else:
        kernel = weights.shape[1], weights.shape[2]
        is_depthwise = operator.name == "DEPTHWISE_CONV_2D"
        at = 5 if is_depthwise else 4
        dilation = options.integer(at + 1, "i", 1), options.integer(at, "i", 1)
        multiplier = out.shape[3] // max(first.shape[3], 1) if is_depthwise else 1
        filter_channels = 1 if is_depthwise else weights.shape[3]
    is_same = options.integer(0, "b") == SAME
    sides = [
        _padding(first.shape[1 + axis], out.shape[1 + axis], kernel[axis], stride[axis], dilation[axis], is_same)
        for axis in (0, 1)
    ]
    return {
        "kernel": kernel,
        "stride": stride,
        "dilation": dilation,
        "before": (sides[0][0], sides[1][0]),
        "after": (sides[0][1], sides[1][1]),
        "multiplier": multiplier,
        "filter_channels": filter_channels,
    }


def _padding(size: int, out: int, kernel: int, stride: int, dilation: int, is_same: bool) -> Pair:
    if not is_same:
        return 0, 0
    total = max((out - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2
