"""Is a .tflite that reads well also a network? Looked at once, when it is read, before anything computes with it.

Whoever wrote the file may have meant harm, or a converter may have a fault: sizes that no memory holds, more operators
than anybody waits for, a scale of NaN, a stride of 0. Each refusal names what was found and the limit. What TFLM takes
beyond that is for the lint to say. Standard library alone.
"""

import math
from collections.abc import Iterator, Sequence

from microfer.errors import MicroferError
from microfer.tflite.flatbuffer import Table
from microfer.tflite.graph import Operator, Subgraph, Tensor, TfliteModel

MOST_OPERATORS = 1024
MOST_TENSORS = 16384
MOST_SUBGRAPHS = 64
MOST_DIMENSIONS = 8
LONGEST_WINDOW = 4096
"""Rows or columns that a convolution or pool reaches over, dilation included."""

LARGEST_TENSOR_BYTES = 2**31 - 1
"""TFLM counts in 32 bits, with a sign."""

WINDOWED = {"CONV_2D": (4, 5), "DEPTHWISE_CONV_2D": (5, 6), "AVERAGE_POOL_2D": (), "MAX_POOL_2D": (), "L2_POOL_2D": ()}
"""Operators that go over their input window by window -> fields of the horizontal and vertical dilation."""

OPTIONS_KINDS = {
    "CONV_2D": 1,
    "DEPTHWISE_CONV_2D": 2,
    "AVERAGE_POOL_2D": 5,
    "MAX_POOL_2D": 5,
    "L2_POOL_2D": 5,
    "TRANSPOSE_CONV": 49,
    "IF": 92,
    "WHILE": 93,
    "CALL_ONCE": 103,
    "VAR_HANDLE": 111,
}
"""Operators that mean nothing without their options -> the table that they need, by the schema's `BuiltinOptions`."""

LEAST_INPUTS = {
    **dict.fromkeys(("CALL_ONCE", "VAR_HANDLE"), 0),
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ASSIGN_VARIABLE"), 2),
    **dict.fromkeys(("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE", "BATCH_MATMUL"), 2),
    **dict.fromkeys(("FLOOR_DIV", "FLOOR_MOD", "PRELU", "PAD", "MEAN", "SUM", "TRANSPOSE", "GATHER", "GATHER_ND"), 2),
    **dict.fromkeys(("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"), 2),
    **dict.fromkeys(("TRANSPOSE_CONV", "SELECT_V2", "PADV2", "SLICE", "DYNAMIC_UPDATE_SLICE", "SPLIT_V"), 3),
    "STRIDED_SLICE": 4,
    "SVDF": 5,
}
"""Operator -> how many of its first inputs must be there, where that is not one."""

LSTM_INPUTS = 20
"""Places for the inputs of a UNIDIRECTIONAL_SEQUENCE_LSTM, of which some may be empty."""

NO_OUTPUT = ("CALL_ONCE", "ASSIGN_VARIABLE")
ZERO_POINTS = {"INT4": (-8, 7), "INT8": (-128, 127), "UINT8": (0, 255), "INT16": (-32768, 32767)}
"""Type of a quantized tensor -> the values that it can hold, of which its zero point is one."""

QUANTIZED = ("INT4", "INT8", "UINT8", "INT16", "INT32")
SAME = 0


def validate(model: TfliteModel) -> None:
    """Return where `model` is a network that can be computed with, whether or not TFLM takes it.

    Raises:
        MicroferError: it exceeds a limit of this module, or an operator or a tensor contradicts itself.
    """
    try:
        if len(model.subgraphs) > MOST_SUBGRAPHS:
            raise _beyond(f"it has {len(model.subgraphs)} subgraphs", MOST_SUBGRAPHS)
        for graph in model.subgraphs:
            _check_graph(graph)
        _check_calls(model.subgraphs)
    except _InvalidError as problem:
        raise MicroferError(f"{model.name} is not a network that can run: {problem}") from None


class _InvalidError(Exception):
    """What is wrong, without the file's name."""


def called_subgraphs(operator: Operator) -> tuple[int, ...]:
    """Return which subgraphs an operator runs, by their numbers in the file; () for most."""
    if operator.options is None or operator.name not in ("IF", "WHILE", "CALL_ONCE"):
        return ()
    fields = (0,) if operator.name == "CALL_ONCE" else (0, 1)
    return tuple(operator.options.integer(field, "i") for field in fields)


def _beyond(found: str, limit: int) -> _InvalidError:
    return _InvalidError(f"{found}; microfer reads at most {limit:,}")


def _check_graph(graph: Subgraph) -> None:
    if len(graph.operators) > MOST_OPERATORS:
        raise _beyond(f"it has {len(graph.operators):,} operators", MOST_OPERATORS)
    if len(graph.tensors) > MOST_TENSORS:
        raise _beyond(f"it has {len(graph.tensors):,} tensors", MOST_TENSORS)
    for tensor in graph.tensors:
        _check_tensor(tensor)
    for index, operator in enumerate(graph.operators):
        _check_operator(graph, operator, f"{operator.name} {index}")
    _check_order(graph)


def _check_tensor(tensor: Tensor) -> None:
    what = f"tensor {tensor.name!r}"
    if len(tensor.shape) > MOST_DIMENSIONS:
        raise _beyond(f"{what} has {len(tensor.shape):,} dimensions", MOST_DIMENSIONS)
    size = tensor.value_bytes
    if size is not None and size > LARGEST_TENSOR_BYTES:
        found = f"{what} of shape {_listed(tensor.shape)} would take {size:,} bytes"
        raise _InvalidError(f"{found}; TFLM counts to {LARGEST_TENSOR_BYTES:,}")
    if size is not None and tensor.data_bytes and not tensor.is_sparse and tensor.data_bytes < size:
        raise _InvalidError(
            f"{what} of shape {_listed(tensor.shape)} needs {size:,} bytes, but the file holds {tensor.data_bytes:,}"
        )
    if tensor.type in QUANTIZED and tensor.scales:
        _check_scales(tensor, what)


def _check_scales(tensor: Tensor, what: str) -> None:
    wrong = next((scale for scale in tensor.scales if not math.isfinite(scale) or scale <= 0), None)
    if wrong is not None:
        raise _InvalidError(f"{what} has the scale {wrong}, expected a number above 0; convert the network again")
    count, points = len(tensor.scales), len(tensor.zero_points)
    if points != count:
        raise _InvalidError(
            f"{what} has {count} scales and {points} zero points, expected one for each scale; convert it again"
        )
    low, high = ZERO_POINTS.get(tensor.type, (-math.inf, math.inf))
    wrong_point = next((point for point in tensor.zero_points if not low <= point <= high), None)
    if wrong_point is not None:
        raise _InvalidError(f"{what} has the zero point {wrong_point}, expected {low} to {high}; convert it again")
    if count > 1 and len(tensor.shape) > 1:  # of a bias, converters name a dimension that it has not
        at = tensor.quantized_dimension
        if not 0 <= at < len(tensor.shape) or tensor.shape[at] != count:
            raise _InvalidError(
                f"{what} of shape {_listed(tensor.shape)} has {count} scales along dimension {at}, expected one for "
                "each place there"
            )


def _check_operator(graph: Subgraph, operator: Operator, what: str) -> None:
    if operator.is_custom:
        return
    least = LEAST_INPUTS.get(operator.name, 1)
    places = LSTM_INPUTS if operator.name == "UNIDIRECTIONAL_SEQUENCE_LSTM" else least
    if -1 in operator.inputs[:least] or len(operator.inputs) < places:
        present = sum(number != -1 for number in operator.inputs)
        raise _InvalidError(f"{what} has {present} inputs, expected the first {least} of {places} at least")
    if not operator.outputs and operator.name not in NO_OUTPUT:
        raise _InvalidError(f"{what} has no output")
    kind = OPTIONS_KINDS.get(operator.name)
    if kind is not None and operator.options_kind != kind:
        raise _InvalidError(f"{what} has no options of its own kind, so its stride, padding or subgraph is unknown")
    if operator.name in WINDOWED:
        _check_window(graph, operator, what)
    elif operator.name == "TRANSPOSE_CONV":
        _check_transposed(graph, operator, what)
    elif operator.name == "FULLY_CONNECTED":
        _check_dimensions(graph.tensors[operator.inputs[1]], 2, f"the weights of {what}")


def _options(operator: Operator) -> Table:
    if operator.options is None:
        raise _InvalidError(f"{operator.name} has no options")
    return operator.options


def _check_dimensions(tensor: Tensor, expected: int, what: str) -> None:
    if len(tensor.shape) != expected or 0 in tensor.shape:
        raise _InvalidError(f"{what} have the shape {_listed(tensor.shape)}, expected {expected} dimensions above 0")


def _check_transposed(graph: Subgraph, operator: Operator, what: str) -> None:
    options = _options(operator)
    _check_positive([options.integer(field, "i") for field in (1, 2)], "stride", what)
    ends = (operator.inputs[1], "weights"), (operator.inputs[2], "inputs"), (operator.outputs[0], "outputs")
    for number, name in ends:
        _check_dimensions(graph.tensors[number], 4, f"the {name} of {what}")


def _check_window(graph: Subgraph, operator: Operator, what: str) -> None:
    """Check a convolution or pool: no step of 0, no window beyond reason, an output of the size that it makes."""
    options, first, out = _options(operator), graph.tensors[operator.inputs[0]], graph.tensors[operator.outputs[0]]
    for tensor, name in ((first, "inputs"), (out, "outputs")):
        _check_dimensions(tensor, 4, f"the {name} of {what}")
    stride = options.integer(2, "i"), options.integer(1, "i")
    _check_positive(stride, "stride", what)
    dilation = [1, 1]
    if fields := WINDOWED[operator.name]:
        weights = graph.tensors[operator.inputs[1]]
        _check_dimensions(weights, 4, f"the weights of {what}")
        kernel = weights.shape[1], weights.shape[2]
        dilation = [options.integer(field, "i", 1) for field in reversed(fields)]
        _check_positive(dilation, "dilation", what)
        _check_channels(operator, first, weights, out, what)
    else:
        kernel = options.integer(4, "i"), options.integer(3, "i")
        _check_positive(kernel, "window", what)
    for axis in (0, 1):
        reach = (kernel[axis] - 1) * dilation[axis] + 1
        if reach > LONGEST_WINDOW:
            raise _beyond(f"{what} reaches over {reach:,} places", LONGEST_WINDOW)
        size = first.shape[1 + axis]
        made = -(-size // stride[axis]) if options.integer(0, "b") == SAME else -(-(size - reach + 1) // stride[axis])
        if out.shape[1 + axis] != max(made, 0):
            raise _InvalidError(
                f"{what} has the output {_listed(out.shape)}, its input {_listed(first.shape)}, stride and window make "
                f"{max(made, 0)} of dimension {1 + axis}"
            )


def _check_channels(operator: Operator, first: Tensor, weights: Tensor, out: Tensor, what: str) -> None:
    channels, filters = first.shape[3], out.shape[3]
    if operator.name == "DEPTHWISE_CONV_2D":
        is_right = weights.shape[3] == filters and filters % channels == 0
    else:
        is_right = weights.shape[0] == filters and channels % weights.shape[3] == 0
    if not is_right:
        raise _InvalidError(
            f"{what} has weights of shape {_listed(weights.shape)}, which do not lead from {channels} channels to "
            f"{filters}"
        )


def _check_positive(values: Sequence[int], name: str, what: str) -> None:
    if min(values) < 1:
        raise _InvalidError(f"{what} has the {name} {min(values)}, expected 1 or more")


def _check_order(graph: Subgraph) -> None:
    """Check that each tensor is made once, before it is read."""
    made = {number for number, tensor in enumerate(graph.tensors) if tensor.data_bytes or tensor.is_variable}
    constants = frozenset(made)
    made.update(graph.inputs)
    for index, operator in enumerate(graph.operators):
        what = f"{operator.name} {index}"
        for number in operator.inputs:
            if number in operator.outputs:
                raise _InvalidError(f"{what} reads its own output, tensor {graph.tensors[number].name!r}")
            # A custom operator may have room of its own among its inputs.
            if number != -1 and number not in made and graph.tensors[number].elements and not operator.is_custom:
                found = f"tensor {graph.tensors[number].name!r}"
                raise _InvalidError(f"{what} reads {found} before any operator has written it")
        for number in operator.outputs:
            if number in constants or number in made:
                raise _InvalidError(f"{what} writes tensor {graph.tensors[number].name!r}, which already has a value")
            made.add(number)


def _check_calls(graphs: tuple[Subgraph, ...]) -> None:
    """Check that subgraphs are there, and that none runs itself, however far around."""
    called = [tuple(_calls(graph, len(graphs))) for graph in graphs]
    above: list[int] = []
    operators: dict[int, int] = {}

    def enter(number: int) -> int:
        """Return how many operators a subgraph has, with all that it runs."""
        if number in above:
            raise _InvalidError(f"subgraph {number} runs itself, directly or through others")
        if number not in operators:
            above.append(number)
            operators[number] = len(graphs[number].operators) + sum(enter(inner) for inner in called[number])
            above.pop()
        return operators[number]

    most = max(enter(number) for number in range(len(graphs)))
    if most > MOST_OPERATORS:
        raise _beyond(f"with all subgraphs that it runs it has {most:,} operators", MOST_OPERATORS)


def _calls(graph: Subgraph, count: int) -> Iterator[int]:
    for index, operator in enumerate(graph.operators):
        for number in called_subgraphs(operator):
            if not 0 <= number < count:
                raise _InvalidError(f"{operator.name} {index} runs subgraph {number} of {count}")
            yield number


def _listed(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) or "()"
