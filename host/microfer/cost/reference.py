"""What TFLM's reference kernels do beside convolutions and pools: how often they multiply, what scratch they ask for.

Read from the kernels' Prepare in tflite-micro of August 2026; `tests/host/test_against_tflm.py` compares with it on
random graphs. Standard library alone.
"""

import math
from typing import Any

from microfer.tflite.graph import Operator, Tensor

LEAST_PER_MAC = 3
"""Instructions that a reference kernel takes at least for a multiply-accumulate: it loads two values and multiplies."""

REDUCTIONS = ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_ALL")
LSTM_WEIGHTS = range(1, 9)
"""Inputs of a UNIDIRECTIONAL_SEQUENCE_LSTM that are matrices: of its four gates, for the input and for the state."""

LSTM_STATE, LSTM_CELL = 18, 19


def multiplied(operator: Operator, tensors: tuple[Tensor, ...]) -> dict[str, Any]:
    """Return Step's `weight_values` and `weight_passes` of an operator that is no convolution; {} where it has none."""
    inputs = [None if number == -1 else tensors[number] for number in operator.inputs]
    first = inputs[0] if inputs else None
    if first is None:
        return {}
    match operator.name:
        case "FULLY_CONNECTED" if (weights := inputs[1]) is not None:
            return _product(weights.elements, first.elements // max(weights.shape[-1], 1))
        case "TRANSPOSE_CONV" if (weights := inputs[1]) is not None and (image := inputs[2]) is not None:
            return _product(weights.elements, math.prod(image.shape[:3]))
        case "SVDF" if (feature := inputs[1]) is not None and (time := inputs[2]) is not None:
            return _product(feature.elements + time.elements, first.shape[0] if first.shape else 1)
        case "UNIDIRECTIONAL_SEQUENCE_LSTM":
            matrices = [tensor.elements for tensor in inputs[LSTM_WEIGHTS.start : LSTM_WEIGHTS.stop] if tensor]
            return _product(sum(matrices), math.prod(first.shape[:-1]))
        case "BATCH_MATMUL" if len(operator.outputs) == 1 and first.shape:
            depth = first.shape[-2 if _option(operator, 0) else -1] if len(first.shape) > 1 else first.shape[0]
            return _product(depth, tensors[operator.outputs[0]].elements)
    return {}


def reference_scratch(operator: Operator, tensors: tuple[Tensor, ...]) -> tuple[int, ...]:
    """Return the bytes of each buffer that the reference kernel asks for, in its order."""
    inputs = [None if number == -1 else tensors[number] for number in operator.inputs]
    if not inputs or (first := inputs[0]) is None or not operator.outputs:
        return ()
    out = tensors[operator.outputs[0]]
    if operator.name in REDUCTIONS and len(inputs) > 1 and (axes := inputs[1]) is not None:
        sums = (4 * out.elements,) if operator.name in ("MEAN", "SUM") and first.type in ("INT8", "INT16") else ()
        return (*sums, 4 * len(first.shape), 4 * axes.elements)
    match operator.name:
        case "TRANSPOSE_CONV" if (image := inputs[2]) is not None:
            width = {"INT8": 4, "INT16": 8}.get(image.type)
            return (width * out.elements,) if width else ()
        case "SVDF" if (feature := inputs[1]) is not None and first.shape and feature.shape:
            filters = 4 * first.shape[0] * feature.shape[0]
            return (filters, 4 * out.elements) if first.type == "INT8" else (filters,)
        case "UNIDIRECTIONAL_SEQUENCE_LSTM":
            state, cell = inputs[LSTM_STATE], inputs[LSTM_CELL]
            width = 4 if cell is not None and cell.type == "FLOAT32" else 2
            return (width * state.elements,) * 4 if state is not None else ()
    return ()


def _product(values: int, passes: int) -> dict[str, Any]:
    return {"weight_values": values, "weight_passes": passes}


def _option(operator: Operator, field: int) -> bool:
    return operator.options is not None and bool(operator.options.integer(field, "B"))
