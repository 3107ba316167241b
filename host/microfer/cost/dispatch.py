"""From an operator to its path."""

from collections.abc import Callable
from dataclasses import replace

from microfer.cost.conv_path import conv_path
from microfer.cost.depthwise_path import depthwise_path
from microfer.cost.other_path import (
    TABLES,
    copying_path,
    elementwise_path,
    fully_connected_path,
    mean_path,
    pool_path,
    softmax_path,
    table_path,
)
from microfer.cost.path import Path
from microfer.cost.reference import LEAST_PER_MAC
from microfer.cost.step import Step

CONTROL_FLOW = {
    "IF": "runs one of two subgraphs",
    "WHILE": "runs a subgraph as often as another says",
    "CALL_ONCE": "runs a subgraph at the first inference alone",
}

_PATHS: dict[str, Callable[[Step], Path]] = {
    "CONV_2D": conv_path,
    "DEPTHWISE_CONV_2D": depthwise_path,
    "FULLY_CONNECTED": fully_connected_path,
    "ADD": elementwise_path,
    "MUL": elementwise_path,
    "SUB": elementwise_path,
    "MAX_POOL_2D": pool_path,
    "AVERAGE_POOL_2D": pool_path,
    "MEAN": mean_path,
    "PAD": copying_path,
    "CONCATENATION": copying_path,
    "RESHAPE": copying_path,
    "SOFTMAX": softmax_path,
    **dict.fromkeys(TABLES, table_path),
}


ESP_NN = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "MUL", "MAX_POOL_2D", "AVERAGE_POOL_2D", "SOFTMAX")
"""Operators whose scratch in the arena is ESP-NN's; that of all others TFLM asks for on a computer too."""


def path_of(step: Step) -> Path:
    """Return how the operator is computed; its `work` is empty where the model knows nothing of such an operator."""
    if step.is_custom:
        return Path("unknown", "a custom operator, whose kernel is not TFLM's", is_fast=False)
    if step.kind in CONTROL_FLOW:
        return Path("control flow", CONTROL_FLOW[step.kind], is_fast=True, runs=step.runs)
    if not step.all_int8 or step.kind not in _PATHS:
        return _unmeasured(step)
    path = _PATHS[step.kind](step)
    if step.batch == 1:
        return path
    work = {part: count * step.batch for part, count in path.work.items()}
    return replace(path, work=work, filter_passes=path.filter_passes * step.batch)


def _unmeasured(step: Step) -> Path:
    if step.types == ("INT8",):
        why = f"{step.kind} was never measured"
    else:
        why = f"{step.kind} on {' and '.join(step.types)}: TFLM's reference kernel, never measured"
    return Path("unknown", why, is_fast=False, scratch_bytes=step.scratch, least=LEAST_PER_MAC * step.macs)


def host_scratch(step: Step, path: Path) -> tuple[int, ...]:
    """Return the scratch that TFLM asks for on a computer, where no kernel is ESP-NN's."""
    return () if step.kind in ESP_NN else path.scratch_bytes
