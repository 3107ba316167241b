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
from microfer.cost.step import Step

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


def path_of(step: Step) -> Path:
    """Return how the operator is computed; its `work` is empty where the model knows nothing of such an operator."""
    if step.is_custom or step.kind not in _PATHS:
        return Path("unknown", f"{step.kind} was never measured", is_fast=False)
    if not step.all_int8:
        return Path("unknown", f"{step.kind} on another type than int8 was never measured", is_fast=False)
    path = _PATHS[step.kind](step)
    if step.batch == 1:
        return path
    work = {part: count * step.batch for part, count in path.work.items()}
    return replace(path, work=work, filter_passes=path.filter_passes * step.batch)
