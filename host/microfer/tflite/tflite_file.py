"""Reading a .tflite: what the exporter, the parity check and the cost model need to know about it.

Field numbers are those of TensorFlow Lite's schema.fbs, counted from 0 in each table. Standard library alone.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from microfer.errors import MicroferError
from microfer.files import read_bytes
from microfer.tflite.flatbuffer import Flatbuffer, Table
from microfer.tflite.graph import Operator, Subgraph, Tensor, TfliteModel
from microfer.tflite.operators import CUSTOM, name_of
from microfer.tflite.validate import validate

TENSOR_TYPES = (
    "FLOAT32",
    "FLOAT16",
    "INT32",
    "UINT8",
    "INT64",
    "STRING",
    "BOOL",
    "INT16",
    "COMPLEX64",
    "INT8",
    "FLOAT64",
    "COMPLEX128",
    "UINT64",
    "RESOURCE",
    "VARIANT",
    "UINT32",
    "UINT16",
    "INT4",
    "BFLOAT16",
    "INT2",
    "UINT4",
    "FLOAT8_E4M3FN",
    "FLOAT8_E5M2",
)
"""`TensorType` of the schema, in its order."""

LFS_POINTER = b"version https://git-lfs.github.com/spec/"
"""How the text file begins that Git LFS leaves in place of a large one."""


def read(source: Path | str | bytes, name: str = "the .tflite") -> TfliteModel:
    """Return what the .tflite at a path, or in memory (then `name` stands for it in messages), says.

    Raises:
        MicroferError: it cannot be read, is truncated or corrupt, keeps its weights outside the flatbuffer, or is
            beyond the limits of `validate`.
    """
    if isinstance(source, bytes):
        content = source
    else:
        content, name = read_bytes(source), str(source)
    if content.startswith(LFS_POINTER):
        raise MicroferError(
            f"{name} is a Git LFS pointer of {len(content)} bytes, not the model that it stands for: fetch that with "
            "git lfs pull, or download the file itself"
        )
    file = Flatbuffer(content, name)
    model = file.root(b"TFL3")
    spans = [_buffer_span(file, table, index) for index, table in enumerate(model.tables(4, "buffer"))]
    codes = [_operator_code(file, table) for table in model.tables(1, "operator code")]
    subgraphs = tuple(_subgraph(file, table, codes, spans) for table in model.tables(2, "subgraph"))
    if not subgraphs:
        raise file.error("it holds no subgraph")
    found = TfliteModel(
        name=name,
        content=content,
        schema_version=model.integer(0, "I"),
        description=model.text(3),
        operators=subgraphs[0].operators,
        tensors=subgraphs[0].tensors,
        inputs=subgraphs[0].inputs,
        outputs=subgraphs[0].outputs,
        metadata=_metadata(file, model, spans),
        subgraph_count=len(subgraphs),
        subgraphs=subgraphs,
    )
    validate(found)
    return found


def _subgraph(
    file: Flatbuffer, graph: Table, codes: list[tuple[str, bool, int]], spans: list[tuple[int, int]]
) -> Subgraph:
    tensors = tuple(_tensor(file, table, spans) for table in graph.tables(0, "tensor"))
    return Subgraph(
        operators=tuple(_operator(file, table, codes, len(tensors)) for table in graph.tables(3, "operator")),
        tensors=tensors,
        inputs=_tensor_indices(file, graph.integers(1, "i"), len(tensors), "the model's inputs"),
        outputs=_tensor_indices(file, graph.integers(2, "i"), len(tensors), "the model's outputs"),
    )


def _buffer_span(file: Flatbuffer, table: Table, index: int) -> tuple[int, int]:
    if table.integer(1, "Q") > 1:
        raise MicroferError(
            f"{file.name} keeps buffer {index} outside the flatbuffer, which TFLM cannot read; "
            "convert it again without the converter's buffer-offset option"
        )
    return table.bytes_span(0)


def _tensor(file: Flatbuffer, table: Table, spans: list[tuple[int, int]]) -> Tensor:
    name = table.text(3)
    number = table.integer(1, "b")
    if not 0 <= number < len(TENSOR_TYPES):
        raise file.error(f"tensor {name!r} is of unknown type {number}")
    shape = table.integers(0, "i")
    if any(size < 0 for size in shape):
        raise file.error(f"tensor {name!r} has the shape {shape}")
    buffer = table.integer(2, "I")
    if buffer >= len(spans):
        raise file.error(f"tensor {name!r} names buffer {buffer} of {len(spans)}")
    quantization = table.table(4, f"the quantization of tensor {name!r}")
    offset, size = spans[buffer]
    return Tensor(
        name=name,
        shape=shape,
        type=TENSOR_TYPES[number],
        scales=quantization.numbers(2, "f") if quantization else (),
        zero_points=quantization.integers(3, "q") if quantization else (),
        quantized_dimension=quantization.integer(6, "i") if quantization else 0,
        data_offset=offset if size else 0,
        data_bytes=size,
        is_variable=bool(table.integer(5, "B")),
        is_sparse=table.table(6, f"the sparsity of tensor {name!r}") is not None,
    )


def _operator_code(file: Flatbuffer, table: Table) -> tuple[str, bool, int]:
    """Return name, whether custom, version. Old files fill the byte of field 0, new ones the number of field 3."""
    number = max(table.integer(0, "b"), table.integer(3, "i"))
    if number < 0:
        raise file.error(f"an operator code is {number}")
    name = table.text(1) if number == CUSTOM else name_of(number)
    return name, number == CUSTOM, table.integer(2, "i", default=1)


def _operator(file: Flatbuffer, table: Table, codes: list[tuple[str, bool, int]], tensor_count: int) -> Operator:
    index = table.integer(0, "I")
    if index >= len(codes):
        raise file.error(f"an operator names operator code {index} of {len(codes)}")
    name, is_custom, version = codes[index]
    inputs = table.integers(1, "i")
    _tensor_indices(file, tuple(index for index in inputs if index != -1), tensor_count, f"the inputs of {name}")
    outputs = _tensor_indices(file, table.integers(2, "i"), tensor_count, f"the outputs of {name}")
    options = table.table(4, f"the options of {name}")
    return Operator(name, is_custom, version, inputs, outputs, options, table.integer(3, "B") if options else 0)


def _tensor_indices(file: Flatbuffer, indices: tuple[int, ...], tensor_count: int, what: str) -> tuple[int, ...]:
    for index in indices:
        if not 0 <= index < tensor_count:
            raise file.error(f"{what} name tensor {index} of {tensor_count}")
    return indices


def _metadata(file: Flatbuffer, model: Table, spans: list[tuple[int, int]]) -> Mapping[str, bytes]:
    entries: dict[str, bytes] = {}
    for table in model.tables(6, "metadata entry"):
        name, buffer = table.text(0), table.integer(1, "I")
        if buffer >= len(spans):
            raise file.error(f"metadata entry {name!r} names buffer {buffer} of {len(spans)}")
        if name in entries:
            raise file.error(f"it has two metadata entries named {name!r}")
        offset, size = spans[buffer]
        file.spend(size, "the metadata")
        entries[name] = bytes(file.span(offset, size, f"metadata entry {name!r}"))
    return MappingProxyType(entries)
