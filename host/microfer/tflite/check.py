"""Can this .tflite run on the board? Its input, output and operators against microfer's contract and TFLM.

Standard library alone. Every refusal says what was found and what to do about it.
"""

import struct
from dataclasses import dataclass

from microfer.contract import (
    INPUT_SCALE,
    INPUT_ZERO_POINT,
    LAYOUT_OF_SHAPE,
    MAX_CLASSES,
    MIN_CLASSES,
    OUTPUT_SCALE,
    OUTPUT_ZERO_POINT,
    SCHEMA_VERSION,
    VECTOR_BYTES,
    InputLayout,
)
from microfer.errors import MicroferError
from microfer.tflite.graph import Tensor, TfliteModel
from microfer.tflite.operators import RESOLVER_METHODS


@dataclass(frozen=True)
class End:
    """What the firmware counts on at one end of the network. fix: what to do where the quantization differs."""

    name: str
    shapes: tuple[tuple[int, ...], ...]
    scale: float
    zero_point: int
    fix: str


INPUT = End(
    name="input",
    shapes=tuple((1, *shape) for shape in LAYOUT_OF_SHAPE),
    scale=INPUT_SCALE,
    zero_point=INPUT_ZERO_POINT,
    fix="convert it again with representative crops that span black to white (0.0 to 1.0)",
)
OUTPUT = End(
    name="output",
    shapes=tuple((1, classes) for classes in range(MIN_CLASSES, MAX_CLASSES + 1)),
    scale=OUTPUT_SCALE,
    zero_point=OUTPUT_ZERO_POINT,
    fix="end the network with a softmax and convert it again",
)

ALIGNMENT_BYTES = VECTOR_BYTES
"""TFLM's kernels read weights in vectors of this size."""

_FULL_INTEGER = "quantize the float network with microfer quantize, which makes input and output int8"


def check_deployable(model: TfliteModel) -> None:
    """Return where the firmware can run the model.

    Raises:
        MicroferError: the schema is not version 3; there is more than one subgraph, input or output; the input is not
            int8 of a layout's shape, scale 1/255 and zero point -128, the output not int8 (1, 2 to 16) of scale 1/256
            and zero point -128; TFLM has no such operator; constant data has a wrong size or is not aligned.
    """
    if model.schema_version != SCHEMA_VERSION:
        raise MicroferError(
            f"{model.name} follows version {model.schema_version} of the .tflite schema, TFLM reads version "
            f"{SCHEMA_VERSION}; convert the network again with the TensorFlow of requirements/"
        )
    if model.subgraph_count != 1:
        raise MicroferError(
            f"{model.name} has {model.subgraph_count} subgraphs, expected one; export a network without branches "
            "or loops"
        )
    check_ends(model)
    _check_operators(model)
    for tensor in model.tensors:
        _check_data(model, tensor)


def check_ends(model: TfliteModel) -> None:
    """Raise MicroferError unless the model takes one int8 crop and gives one int8 score vector, by the contract."""
    crop, scores = _only_ends(model)
    _check_quantized(model, crop, INPUT)
    _check_quantized(model, scores, OUTPUT)


def check_shapes(model: TfliteModel) -> None:
    """Raise MicroferError unless the model, of whatever type, takes one crop and gives one score vector."""
    for tensor, end in zip(_only_ends(model), (INPUT, OUTPUT), strict=True):
        _check_shape(f"{model.name}: {end.name} {tensor.name!r}", tensor, end)


def layout(model: TfliteModel) -> InputLayout:
    """Return the input layout of a model that `check_ends` or `check_shapes` accepted."""
    height, width, channels = model.tensors[model.inputs[0]].shape[1:]
    return LAYOUT_OF_SHAPE[height, width, channels]


def _only_ends(model: TfliteModel) -> tuple[Tensor, Tensor]:
    for what, count in (("inputs", len(model.inputs)), ("outputs", len(model.outputs))):
        if count != 1:
            raise MicroferError(
                f"{model.name} has {count} {what}, expected one; export a network that takes one crop and gives one "
                "score vector"
            )
    return model.tensors[model.inputs[0]], model.tensors[model.outputs[0]]


def _check_shape(what: str, tensor: Tensor, end: End) -> None:
    if tensor.shape not in end.shapes:
        expected = " or ".join(str(shape) for shape in end.shapes[:3])
        if len(end.shapes) > 3:
            expected = f"{end.shapes[0]} to {end.shapes[-1]}"
        raise MicroferError(f"{what} has the shape {tensor.shape}, expected {expected}; export a network of this size")


def _check_quantized(model: TfliteModel, tensor: Tensor, end: End) -> None:
    what = f"{model.name}: {end.name} {tensor.name!r}"
    if tensor.type != "INT8":
        raise MicroferError(f"{what} is {tensor.type}, expected INT8; {_FULL_INTEGER}")
    _check_shape(what, tensor, end)
    (scale,) = struct.unpack("<f", struct.pack("<f", end.scale))  # as the file holds it
    if tensor.scales != (scale,) or tensor.zero_points != (end.zero_point,):
        raise MicroferError(
            f"{what} has scale {_listed(tensor.scales)} and zero point {_listed(tensor.zero_points)}, expected "
            f"{scale:.9g} and {end.zero_point}; {end.fix}"
        )


def _check_operators(model: TfliteModel) -> None:
    if not model.operators:
        raise MicroferError(f"{model.name} holds no operator; export a trained network")
    for operator in model.operators:
        if operator.is_custom:
            raise MicroferError(f"{model.name} uses the custom operator {operator.name!r}, which the firmware lacks")
        if operator.name not in RESOLVER_METHODS:
            raise MicroferError(
                f"{model.name} uses the built-in operator {operator.name}, which TFLM has not; change the layer that "
                "becomes it (the numbers are BuiltinOperator in TensorFlow Lite's schema.fbs)"
            )


def _check_data(model: TfliteModel, tensor: Tensor) -> None:
    if tensor.data_bytes == 0:
        return
    expected = tensor.value_bytes
    if expected is not None and expected != tensor.data_bytes:
        raise MicroferError(
            f"{model.name}: tensor {tensor.name!r}, {tensor.type} of shape {tensor.shape}, takes {expected} bytes, "
            f"found {tensor.data_bytes}; the file is corrupt, or holds sparse weights: convert the network again"
        )
    if tensor.data_offset % ALIGNMENT_BYTES:
        raise MicroferError(
            f"{model.name}: the data of tensor {tensor.name!r} begins at byte {tensor.data_offset}, not at a multiple "
            f"of {ALIGNMENT_BYTES}; quantize the network with microfer, whose embed_metadata aligns the data"
        )


def _listed(numbers: tuple[float, ...]) -> str:
    return ", ".join(f"{number:.9g}" for number in numbers[:3]) + (" ..." if len(numbers) > 3 else "") or "none"
