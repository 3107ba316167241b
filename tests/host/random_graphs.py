"""Small random networks for comparison with TFLM: operators, shapes and types as they come, and their own MAC counts.

The counts here are the arithmetic of each operator written down once more, from the shapes that the generator chose.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from tests.host.tflite_graphs import Graph

STYLES = {"int8": 10, "float": 3, "int16": 2, "hybrid": 1, "uint8": 1, "float16": 1}
"""How the numbers of a graph are stored -> how often of 18."""

KINDS = {
    "int8": "INT8",
    "float": "FLOAT32",
    "int16": "INT16",
    "hybrid": "FLOAT32",
    "uint8": "UINT8",
    "float16": "FLOAT32",
}
WEIGHTS = KINDS | {"int16": "INT8", "hybrid": "INT8"}
BIASES = {
    "int8": "INT32",
    "float": "FLOAT32",
    "int16": "INT64",
    "hybrid": "FLOAT32",
    "uint8": "INT32",
    "float16": "FLOAT32",
}


TANH = 4
"""The activation's number in the schema."""


@dataclass
class RandomGraph:
    """A graph as it grows. macs: of one inference, without those of subgraphs."""

    graph: Graph
    source: random.Random
    style: str
    macs: int = 0

    @property
    def kind(self) -> str:
        """The type of what is computed."""
        return KINDS[self.style]

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Return a tensor's shape."""
        return tuple(int(size) for size in self.graph.now.tensors[tensor].shape)

    def computed(self, shape: tuple[int, ...]) -> int:
        """Add a tensor that is computed."""
        return self.graph.tensor(shape, self.kind)

    def weights(self, shape: tuple[int, ...], axis: int = 0) -> int:
        """Add constant weights, quantized along `axis` or as a whole; of 16 bits behind a DEQUANTIZE in that style."""
        kind = WEIGHTS[self.style]
        data = np.ones(shape)
        if self.style == "float16":
            stored = self.graph.tensor(shape, "FLOAT16", data)
            used = self.graph.tensor(shape, "FLOAT32")
            self.graph.operator("DEQUANTIZE", (stored,), (used,))
            return used
        if kind == "FLOAT32":
            return self.graph.tensor(shape, kind, data)
        count = shape[axis] if self.source.random() < 0.7 and kind == "INT8" else 1
        return self.graph.tensor(shape, kind, data, scales=[0.1] * count, axis=axis)

    def bias(self, count: int, before: int) -> int:
        """Add a constant bias, of the scale that the input's and the weights' ask for."""
        kind = BIASES[self.style]
        quantization = self.graph.now.tensors[before].quantization
        scales = [0.1 * float(quantization.scale[0])] if quantization and kind != "FLOAT32" else ()
        return self.graph.tensor((count,), kind, np.zeros(count), scales=scales)


Made = int | None
"""The tensor that an operator made, or None where the one before does not suit it."""


def convolution(now: RandomGraph, before: int) -> Made:
    """Add a CONV_2D or DEPTHWISE_CONV_2D."""
    shape, source = now.shape(before), now.source
    if len(shape) != 4:
        return None
    kernel, stride, dilation = source.choice((1, 1, 2, 3, 5)), source.choice((1, 1, 2)), source.choice((1, 1, 1, 2))
    is_same, is_depthwise = source.random() < 0.5, source.random() < 0.4
    sizes = _window(shape, kernel, stride, dilation if stride == 1 else 1, is_same)
    if min(sizes) < 1:
        return None
    values = {"padding": int(not is_same), "strideH": stride, "strideW": stride}
    values |= dict.fromkeys(("dilationHFactor", "dilationWFactor"), dilation if stride == 1 else 1)
    multiplier = source.choice((1, 1, 2, 4))
    filters = shape[3] * multiplier if is_depthwise else source.choice((1, 3, 4, 8, 16))
    weights = (
        now.weights((1, kernel, kernel, filters), 3)
        if is_depthwise
        else now.weights((filters, kernel, kernel, shape[3]))
    )
    out = now.computed((shape[0], *sizes, filters))
    inputs = (before, weights, now.bias(filters, before))
    if is_depthwise:
        now.graph.operator(
            "DEPTHWISE_CONV_2D", inputs, (out,), "DepthwiseConv2DOptions", depthMultiplier=multiplier, **values
        )
    else:
        now.graph.operator("CONV_2D", inputs, (out,), "Conv2DOptions", **values)
    now.macs += shape[0] * sizes[0] * sizes[1] * filters * kernel * kernel * (1 if is_depthwise else shape[3])
    return out


def pool(now: RandomGraph, before: int) -> Made:
    """Add a pool."""
    shape, source = now.shape(before), now.source
    if len(shape) != 4:
        return None
    size, stride, is_same = source.choice((1, 2, 3)), source.choice((1, 2)), source.random() < 0.5
    sizes = _window(shape, size, stride, 1, is_same)
    if min(sizes) < 1:
        return None
    out = now.computed((shape[0], *sizes, shape[3]))
    values = {
        "padding": int(not is_same),
        "strideH": stride,
        "strideW": stride,
        "filterHeight": size,
        "filterWidth": size,
    }
    now.graph.operator(source.choice(("MAX_POOL_2D", "AVERAGE_POOL_2D")), (before,), (out,), "Pool2DOptions", **values)
    return out


def _window(shape: tuple[int, ...], kernel: int, stride: int, dilation: int, is_same: bool) -> tuple[int, int]:
    reach = (kernel - 1) * dilation + 1
    return tuple(-(-size // stride) if is_same else -(-(size - reach + 1) // stride) for size in shape[1:3])  # type: ignore[return-value]


def transposed(now: RandomGraph, before: int) -> Made:
    """Add a TRANSPOSE_CONV."""
    shape, source = now.shape(before), now.source
    if len(shape) != 4:
        return None
    kernel, stride, filters = source.choice((2, 3)), source.choice((1, 2)), source.choice((1, 4))
    made = (shape[0], shape[1] * stride, shape[2] * stride, filters)
    size = now.graph.tensor((4,), "INT32", made)
    weights, out = now.weights((filters, kernel, kernel, shape[3])), now.computed(made)
    now.graph.operator(
        "TRANSPOSE_CONV", (size, weights, before), (out,), "TransposeConvOptions", strideH=stride, strideW=stride
    )
    now.macs += math.prod(shape) * kernel * kernel * filters
    return out


def dense(now: RandomGraph, before: int) -> Made:
    """Add a FULLY_CONNECTED over the last dimension."""
    shape = now.shape(before)
    rows, depth, units = math.prod(shape[:-1]), shape[-1], now.source.choice((1, 3, 10, 16))
    weights = now.weights((units, depth))
    out = now.computed((rows, units))
    now.graph.operator("FULLY_CONNECTED", (before, weights, now.bias(units, before)), (out,), "FullyConnectedOptions")
    now.macs += rows * depth * units
    return out


def svdf(now: RandomGraph, before: int) -> Made:
    """Add an SVDF with its variable state."""
    shape = now.shape(before)
    if len(shape) != 2 or now.style not in ("int8", "float"):
        return None
    rank, memory, units = now.source.choice((1, 2)), now.source.choice((2, 5)), now.source.choice((3, 8))
    filters, is_int8 = rank * units, now.style == "int8"
    feature = now.graph.tensor((filters, shape[1]), now.kind, np.ones((filters, shape[1])))
    time_kind = "INT16" if is_int8 else "FLOAT32"
    scales = [0.1] if is_int8 else ()
    time = now.graph.tensor((filters, memory), time_kind, np.ones((filters, memory)), scales=scales)
    bias = now.graph.tensor(
        (units,), "INT32" if is_int8 else "FLOAT32", np.zeros(units), scales=[0.01] if is_int8 else ()
    )
    state = now.graph.tensor((shape[0], memory * filters), time_kind, scales=scales, is_variable=True)
    out = now.computed((shape[0], units))
    now.graph.operator("SVDF", (before, feature, time, bias, state), (out,), "SVDFOptions", rank=rank)
    now.macs += shape[0] * filters * (shape[1] + memory)
    return out


def lstm(now: RandomGraph, before: int) -> Made:
    """Add a UNIDIRECTIONAL_SEQUENCE_LSTM over the rows, in float, with its two variables."""
    shape, graph = now.shape(before), now.graph
    if len(shape) != 2 or now.style != "float":
        return None
    cells = now.source.choice((2, 5))
    rows = now.computed((1, *shape))
    graph.operator("RESHAPE", (before, graph.tensor((3,), "INT32", (1, *shape))), (rows,))
    inputs = [now.weights((cells, shape[1])) for _ in range(4)] + [now.weights((cells, cells)) for _ in range(4)]
    biases = [graph.tensor((cells,), "FLOAT32", np.zeros(cells)) for _ in range(4)]
    state = [graph.tensor((1, cells), "FLOAT32", is_variable=True) for _ in range(2)]
    made, out = now.computed((1, shape[0], cells)), now.computed((shape[0], cells))
    places = (rows, *inputs, -1, -1, -1, *biases, -1, -1, *state, -1, -1, -1, -1)
    values = {"fusedActivationFunction": TANH, "timeMajor": False}
    graph.operator("UNIDIRECTIONAL_SEQUENCE_LSTM", places, (made,), "UnidirectionalSequenceLSTMOptions", **values)
    graph.operator("RESHAPE", (made, graph.tensor((2,), "INT32", (shape[0], cells))), (out,))
    now.macs += shape[0] * 4 * cells * (shape[1] + cells)
    return out


def product(now: RandomGraph, before: int) -> Made:
    """Add a BATCH_MATMUL with a constant matrix."""
    shape = now.shape(before)
    if len(shape) != 2 or now.style not in ("int8", "float"):
        return None
    columns = now.source.choice((1, 6))
    matrix = now.graph.tensor((shape[1], columns), now.kind, np.ones((shape[1], columns)))
    out = now.computed((shape[0], columns))
    now.graph.operator("BATCH_MATMUL", (before, matrix), (out,), "BatchMatMulOptions", adjX=False, adjY=False)
    now.macs += shape[0] * shape[1] * columns
    return out


def two(now: RandomGraph, before: int) -> Made:
    """Add an operator of two inputs, the second like the first or broadcast."""
    shape = now.shape(before)
    other = now.source.choice((shape, shape, (1,) * (len(shape) - 1) + shape[-1:]))
    second = now.graph.tensor(other, now.kind, np.ones(other)) if now.kind != "UINT8" else before
    name = now.source.choice(("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM"))
    out = now.computed(shape)
    options = {"ADD": "AddOptions", "SUB": "SubOptions", "MUL": "MulOptions"}.get(name, "")
    now.graph.operator(name, (before, second), (out,), options)
    return out


def one(now: RandomGraph, before: int) -> Made:
    """Add an operator of one input that keeps the shape."""
    names = ("RELU", "RELU6", "LOGISTIC", "TANH", "HARD_SWISH", "LEAKY_RELU", "SOFTMAX", "ABS", "NEG", "EXP", "ELU")
    name = now.source.choice(names)
    scales, points = {"LOGISTIC": (1 / 256, -128), "SOFTMAX": (1 / 256, -128), "TANH": (1 / 128, 0)}.get(name, (0.5, 0))
    if now.kind == "INT16":
        scales, points = 1 / 32768, 0
    if now.kind == "UINT8":
        points = 0
    quantized = now.kind in ("INT8", "INT16", "UINT8")
    out = now.graph.tensor(
        now.shape(before), now.kind, scales=[scales] if quantized else (), zero_points=[points] if quantized else None
    )
    options = {"SOFTMAX": ("SoftmaxOptions", {"beta": 1.0}), "LEAKY_RELU": ("LeakyReluOptions", {"alpha": 0.1})}
    table, values = options.get(name, ("", {}))
    now.graph.operator(name, (before,), (out,), table, **values)
    return out


def reduction(now: RandomGraph, before: int) -> Made:
    """Add a MEAN, SUM or REDUCE_MAX over height and width, or over the last dimension."""
    shape = now.shape(before)
    axes = (1, 2) if len(shape) == 4 else (len(shape) - 1,)
    keep = now.source.random() < 0.5
    made = tuple(1 if n in axes else size for n, size in enumerate(shape) if keep or n not in axes)
    where = now.graph.tensor((len(axes),), "INT32", axes)
    out = now.computed(made or (1,))
    name = now.source.choice(("MEAN", "MEAN", "SUM", "REDUCE_MAX"))
    now.graph.operator(name, (before, where), (out,), "ReducerOptions", keepDims=keep)
    return out


def moved(now: RandomGraph, before: int) -> Made:
    """Add an operator that only moves values: RESHAPE, PAD, CONCATENATION, TRANSPOSE."""
    shape, graph = now.shape(before), now.graph
    name = now.source.choice(("RESHAPE", "PAD", "CONCATENATION", "TRANSPOSE"))
    if name == "RESHAPE":
        made = (1, math.prod(shape)) if now.source.random() < 0.5 else (*shape, 1)[: max(len(shape), 2)]
        made = made if math.prod(made) == math.prod(shape) else (1, math.prod(shape))
        out = now.computed(made)
        graph.operator(name, (before, graph.tensor((len(made),), "INT32", made)), (out,))
    elif name == "PAD":
        more = [[0, 0]] * (len(shape) - 1) + [[1, 2]]
        out = now.computed((*shape[:-1], shape[-1] + 3))
        graph.operator(name, (before, graph.tensor((len(shape), 2), "INT32", more)), (out,))
    elif name == "CONCATENATION":
        out = now.computed((*shape[:-1], 2 * shape[-1]))
        graph.operator(name, (before, before), (out,), "ConcatenationOptions", axis=len(shape) - 1)
    else:
        order = list(range(len(shape)))[::-1]
        out = now.computed(shape[::-1])
        graph.operator(name, (before, graph.tensor((len(shape),), "INT32", order)), (out,))
    return out


def unknown(now: RandomGraph, before: int) -> Made:
    """Add an operator that TFLM has not, seldom."""
    if now.source.random() > 0.1:
        return None
    out = now.computed(now.shape(before))
    now.graph.operator(now.source.choice(("COMPLEX_ABS", "RELU_N1_TO_1", "MyOwn")), (before,), (out,))
    return out


STEPS: tuple[Callable[[RandomGraph, int], Made], ...] = (
    *(convolution, convolution, pool, pool, transposed, dense, dense, svdf, lstm, product, two, two, one, one),
    *(reduction, moved, moved, unknown),
)


def stream(now: RandomGraph, before: int) -> int:
    """Add a variable that is read, changed and written, with the subgraph that sets it at first."""
    graph, shape = now.graph, now.shape(before)
    graph.operator("CALL_ONCE", (), (), "CallOnceOptions", initSubgraphIndex=1)
    handle = graph.tensor((), "RESOURCE")
    graph.operator("VAR_HANDLE", (), (handle,), "VarHandleOptions", sharedName="state", container="")
    old, new = now.computed(shape), now.computed(shape)
    graph.operator("READ_VARIABLE", (handle,), (old,))
    graph.operator("ADD", (before, old), (new,), "AddOptions")
    graph.operator("ASSIGN_VARIABLE", (handle, new), ())
    return new


def start(now: RandomGraph, shape: tuple[int, ...]) -> None:
    """Add the subgraph that sets the variable of `stream`."""
    graph = now.graph
    graph.enter()
    handle = graph.tensor((), "RESOURCE")
    value = graph.tensor(shape, now.kind, np.zeros(shape))
    graph.operator("VAR_HANDLE", (), (handle,), "VarHandleOptions", sharedName="state", container="")
    graph.operator("ASSIGN_VARIABLE", (handle, value), ())
    graph.ends((), ())


def branch(now: RandomGraph, before: int) -> int:
    """Add an IF, whose subgraphs `branches` adds."""
    out = now.computed(now.shape(before))
    condition = now.graph.tensor((1,), "BOOL", [now.source.random() < 0.5])
    values = {"thenSubgraphIndex": 1, "elseSubgraphIndex": 2}
    now.graph.operator("IF", (condition, before), (out,), "IfOptions", **values)
    return out


def branches(now: RandomGraph, shape: tuple[int, ...]) -> None:
    """Add the two subgraphs of `branch`, one of which takes more room than the other."""
    for count in (1, now.source.randint(2, 4)):
        now.graph.enter()
        tensors = [now.computed(shape) for _ in range(count + 1)]
        for before, after in pairwise(tensors):
            now.graph.operator(now.source.choice(("RELU", "RELU6")), (before,), (after,))
        now.graph.ends(tensors[:1], tensors[-1:])


def loop(now: RandomGraph, before: int) -> int:
    """Add a WHILE that counts to three, whose subgraphs `loops` adds, beside what is computed."""
    graph = now.graph
    count, end = graph.tensor((1,), "INT32", [0]), graph.tensor((1,), "INT32")
    out = now.computed(now.shape(before))
    values = {"condSubgraphIndex": 1, "bodySubgraphIndex": 2}
    graph.operator("WHILE", (count, before), (end, out), "WhileOptions", **values)
    return out


def loops(now: RandomGraph, shape: tuple[int, ...]) -> None:
    """Add the two subgraphs of `loop`."""
    graph = now.graph
    graph.enter()
    count, _, more = graph.tensor((1,), "INT32"), now.computed(shape), graph.tensor((1,), "BOOL")
    graph.operator("LESS", (count, graph.tensor((1,), "INT32", [3])), (more,))
    graph.ends((count, 1), (more,))
    graph.enter()
    count, old, counted = graph.tensor((1,), "INT32"), now.computed(shape), graph.tensor((1,), "INT32")
    new = now.computed(shape)
    graph.operator("ADD", (count, graph.tensor((1,), "INT32", [1])), (counted,), "AddOptions")
    graph.operator("RELU", (old,), (new,))
    graph.ends((count, old), (counted, new))


EXTRAS = ((stream, start), (branch, branches), (loop, loops))
"""What has subgraphs: how it is added to the first subgraph, and what to add once that one is whole."""


def make(seed: int) -> RandomGraph:
    """Return the graph of a seed: two to eight operators, some with a second output, some with a variable."""
    source = random.Random(seed)
    style = source.choices(list(STYLES), list(STYLES.values()))[0]
    now = RandomGraph(Graph(), source, style)
    shape: Any = source.choice(((1, 6, 6, 4), (1, 9, 5, 3), (1, 4, 4, 16), (1, 12), (2, 8), (1, 7, 3, 1), (2, 5, 5, 4)))
    first = tensor = now.computed(shape)
    extra = source.choice(EXTRAS) if source.random() < 0.3 and style in ("int8", "float") else None
    if extra:
        tensor = extra[0](now, tensor)
    outputs = []
    for _ in range(source.randint(2, 8)):
        made = source.choice(STEPS)(now, tensor)
        if made is not None:
            if source.random() < 0.1:
                outputs.append(tensor)
            tensor = made
    if source.random() < 0.1:
        now.computed((1, 100))  # a tensor that nothing uses
    now.graph.ends((first,), (*dict.fromkeys(one for one in (*outputs, tensor) if one != first or tensor == first),))
    if extra:
        extra[1](now, shape)
    return now
