"""What a .tflite says, as values: its operators, tensors and subgraphs. `tflite_file.read` makes them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from microfer.tflite.flatbuffer import Table

ELEMENT_BITS = {
    "FLOAT32": 32,
    "FLOAT16": 16,
    "INT32": 32,
    "UINT8": 8,
    "INT64": 64,
    "BOOL": 8,
    "INT16": 16,
    "COMPLEX64": 64,
    "INT8": 8,
    "FLOAT64": 64,
    "COMPLEX128": 128,
    "UINT64": 64,
    "UINT32": 32,
    "UINT16": 16,
    "INT4": 4,
    "BFLOAT16": 16,
    "INT2": 2,
    "UINT4": 4,
    "FLOAT8_E4M3FN": 8,
    "FLOAT8_E5M2": 8,
    "RESOURCE": 32,
}
"""Tensor type -> bits of a value. STRING and VARIANT have no fixed size."""


@dataclass(frozen=True)
class Operator:
    """One step of the network.

    name: the schema's name (`CONV_2D`), or the custom operator's own.
    inputs, outputs: indices into the model's tensors; an input of -1 is one that was left out.
    options: the table of the operator's own kind, `Conv2DOptions` and so on; None where it has none.
    options_kind: which table of the schema's union `BuiltinOptions` that is; 0 where there is none.
    """

    name: str
    is_custom: bool
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Table | None = field(default=None, compare=False, repr=False)
    options_kind: int = 0


@dataclass(frozen=True)
class Tensor:
    """One tensor. Real value = scale * (stored value - zero point), scale and zero point per tensor or per channel.

    type: the schema's name, such as `INT8`.
    scales: float32 values held exactly; empty, as the zero points are, where the tensor is not quantized.
    data_offset, data_bytes: where its constant data lies in the file; 0 and 0 for what is computed at run time.
    is_variable: it keeps its value from one invoke to the next. is_sparse: its data leaves zeros out.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    quantized_dimension: int
    data_offset: int
    data_bytes: int
    is_variable: bool = False
    is_sparse: bool = False

    @property
    def elements(self) -> int:
        """How many values it holds; 1 where it has no dimensions."""
        return math.prod(self.shape)

    @property
    def value_bytes(self) -> int | None:
        """How many bytes its values take; None for a type without a fixed size."""
        bits = ELEMENT_BITS.get(self.type)
        return None if bits is None else -(-self.elements * bits // 8)


@dataclass(frozen=True)
class Subgraph:
    """Operators in the order of execution and their tensors. `inputs` and `outputs` are indices into `tensors`."""

    operators: tuple[Operator, ...]
    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class TfliteModel:
    """What a .tflite says about itself. `inputs` and `outputs` are indices into `tensors`.

    name: the file, for messages. content: its bytes. operators: of the first subgraph, in execution order.
    subgraph_count: 1 unless the network has branches, loops or variables. subgraphs: all of them, the first one too.
    """

    name: str
    content: bytes
    schema_version: int
    description: str
    operators: tuple[Operator, ...]
    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    metadata: Mapping[str, bytes]
    subgraph_count: int
    subgraphs: tuple[Subgraph, ...] = ()

    @property
    def operator_names(self) -> tuple[str, ...]:
        """The different operators, sorted by name."""
        return tuple(sorted({operator.name for operator in self.operators}))
