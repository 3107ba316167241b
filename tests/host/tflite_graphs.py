"""Building small .tflite files by hand, with any fault that a test wants in them. No TensorFlow.

The schema's generated classes come with ai-edge-litert; `flatbuffers` packs them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

NUMPY = {"INT8": np.int8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64, "FLOAT32": np.float32}
NUMPY |= {"UINT8": np.uint8, "BOOL": np.bool_, "FLOAT16": np.float16}


class AlignedBuilder(flatbuffers.Builder):
    """Keeps constant data on multiples of 16 bytes, which the schema asks for and Python's generated code drops."""

    def CreateNumpyVector(self, x):  # noqa: N802 - the library's name
        if x.dtype == np.uint8:
            self.Prep(16, x.size)
        return super().CreateNumpyVector(x)


@dataclass
class Subgraph:
    """Tensors and operators of one subgraph, as they are added."""

    tensors: list[Any] = field(default_factory=list)
    operators: list[Any] = field(default_factory=list)
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)


class Graph:
    """A .tflite as it grows. `enter` begins another subgraph; what is added goes to the last one."""

    def __init__(self) -> None:
        self.buffers = [schema.BufferT()]
        self.codes: list[Any] = []
        self.subgraphs = [Subgraph()]

    @property
    def now(self) -> Subgraph:
        """The subgraph that things are added to."""
        return self.subgraphs[-1]

    def enter(self) -> int:
        """Begin another subgraph; return its number."""
        self.subgraphs.append(Subgraph())
        return len(self.subgraphs) - 1

    def tensor(
        self,
        shape: Sequence[int],
        kind: str = "INT8",
        data: Any = None,
        scales: Sequence[float] | None = None,
        zero_points: Sequence[int] | None = None,
        axis: int = 0,
        is_variable: bool = False,
    ) -> int:
        """Add a tensor; return its index. Integers of 8 and 16 bits are quantized unless `scales` is ()."""
        one = schema.TensorT()
        one.shape, one.type = np.array(shape, np.int32), getattr(schema.TensorType, kind)
        one.name, one.isVariable = f"t{len(self.now.tensors)}", is_variable
        if scales is None:
            scales = (0.5,) if kind in ("INT8", "INT16", "UINT8") else ()
        if scales or zero_points:
            one.quantization = schema.QuantizationParametersT()
            one.quantization.scale = np.array(scales, np.float32)
            points = [0] * len(scales) if zero_points is None else zero_points
            one.quantization.zeroPoint = np.array(points, np.int64)
            one.quantization.quantizedDimension = axis
        if data is not None:
            values = data if isinstance(data, bytes) else np.asarray(data, NUMPY[kind]).tobytes()
            one.buffer = len(self.buffers)
            self.buffers.append(schema.BufferT(data=np.frombuffer(values, np.uint8)))
        self.now.tensors.append(one)
        return len(self.now.tensors) - 1

    def operator(
        self, name: str, inputs: Sequence[int], outputs: Sequence[int], options: str = "", **values: Any
    ) -> None:
        """Add an operator. options: the name of its table, such as "Conv2DOptions"; values: the table's fields."""
        code = schema.OperatorCodeT()
        number = getattr(schema.BuiltinOperator, name, schema.BuiltinOperator.CUSTOM)
        code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), 1
        code.customCode = name if number == schema.BuiltinOperator.CUSTOM else None
        self.codes.append(code)
        one = schema.OperatorT()
        one.opcodeIndex = len(self.codes) - 1
        one.inputs, one.outputs = np.array(inputs, np.int32), np.array(outputs, np.int32)
        if options:
            one.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            one.builtinOptions = getattr(schema, f"{options}T")()
            for key, value in values.items():
                setattr(one.builtinOptions, key, value)
        self.now.operators.append(one)

    def ends(self, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        """Say which tensors go into the subgraph and come out of it."""
        self.now.inputs, self.now.outputs = list(inputs), list(outputs)

    def build(self) -> bytes:
        """Return the file."""
        model = schema.ModelT()
        model.version, model.description, model.buffers, model.operatorCodes = 3, "test", self.buffers, self.codes
        model.subgraphs = [_packed(one) for one in self.subgraphs]
        builder = AlignedBuilder(1024)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


def _packed(one: Subgraph) -> Any:
    graph = schema.SubGraphT()
    graph.tensors, graph.operators = one.tensors, one.operators
    graph.inputs, graph.outputs = np.array(one.inputs, np.int32), np.array(one.outputs, np.int32)
    return graph


def convolution(
    size: int = 6,
    channels: int = 4,
    filters: int = 8,
    kernel: int = 3,
    stride: int = 1,
    made: int | None = None,
    options: str = "Conv2DOptions",
    **changes: Any,
) -> Graph:
    """Return a graph of one CONV_2D with SAME padding. made: its output's height and width, if not the right one."""
    graph, made = Graph(), -(-size // max(stride, 1)) if made is None else made
    first = graph.tensor((1, size, size, channels))
    shape = (filters, kernel, kernel, channels)
    weights = graph.tensor(shape, data=np.ones(shape), scales=[0.1] * filters)
    bias = graph.tensor((filters,), "INT32", np.zeros(filters), [0.05] * filters)
    out = graph.tensor((1, made, made, filters))
    values = {"strideH": stride, "strideW": stride, "dilationHFactor": 1, "dilationWFactor": 1, **changes}
    graph.operator("CONV_2D", (first, weights, bias), (out,), options, **(values if options else {}))
    graph.ends((first,), (out,))
    return graph


def chain(count: int) -> Graph:
    """Return a graph of `count` RELU after one another."""
    graph = Graph()
    tensors = [graph.tensor((1, 4)) for _ in range(count + 1)]
    for before, after in pairwise(tensors):
        graph.operator("RELU", (before,), (after,))
    graph.ends(tensors[:1], tensors[-1:])
    return graph


def dense(kind: str, weights: str, bias: str) -> Graph:
    """Return a FULLY_CONNECTED of 32 values to 4."""
    graph = Graph()
    first, out = graph.tensor((1, 32), kind), graph.tensor((1, 4), kind)
    scales = [0.1] if weights == "INT8" else ()
    matrix = graph.tensor((4, 32), weights, np.ones((4, 32)), scales=scales)
    added = graph.tensor((4,), bias, np.zeros(4), scales=[0.05] if bias != "FLOAT32" else ())
    graph.operator("FULLY_CONNECTED", (first, matrix, added), (out,), "FullyConnectedOptions")
    graph.ends((first,), (out,))
    return graph


def float_convolution(size: int = 10) -> Graph:
    """Return a 5x5 CONV_2D of stride 2 on float32."""
    graph = Graph()
    first, out = graph.tensor((1, size, size, 4), "FLOAT32"), graph.tensor((1, size // 2, size // 2, 8), "FLOAT32")
    weights = graph.tensor((8, 5, 5, 4), "FLOAT32", np.ones((8, 5, 5, 4)))
    bias = graph.tensor((8,), "FLOAT32", np.zeros(8))
    graph.operator("CONV_2D", (first, weights, bias), (out,), "Conv2DOptions", strideH=2, strideW=2)
    graph.ends((first,), (out,))
    return graph
