"""How much tensor arena a network takes on the ESP32-S3: activations and ESP-NN's scratch as TFLM places them, and its
own records for a 32-bit chip.

Sizes are those of esp-tflite-micro 1.4.0's structures under GCC for the ESP32-S3; what each operator's kernel keeps is
read from its Init and Prepare. Standard library alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

from microfer.cost.dispatch import host_scratch
from microfer.cost.path import round_up
from microfer.cost.planner import ALIGNMENT, Lifetimes, Plan, arena_bytes, height, place
from microfer.cost.step import Step
from microfer.tflite.graph import Tensor, TfliteModel
from microfer.tflite.verdict import Verdict

ALLOCATORS = (36, 44, 36, 8)
"""Arena, greedy planner, allocator, builtin data: bytes of each, in the order in which they are made."""

SUBGRAPH = 8
"""For each subgraph, where its tensors and operators are."""

HOST_RECORDS = 512
"""What TFLM's interpreter on a computer keeps at most for recording, which the chip's does not."""

OFFLINE_PLAN = "OfflineMemoryAllocation"
"""The metadata entry in which a file says where its tensors are to lie."""

EVAL_TENSOR, NODE, TENSOR, AFFINE, HANDLE, POINTER = 12, 32, 40, 12, 4, 4

PARAMETERS = {
    "CONV_2D": 28,
    "DEPTHWISE_CONV_2D": 28,
    "FULLY_CONNECTED": 16,
    "MAX_POOL_2D": 40,
    "AVERAGE_POOL_2D": 40,
    "ADD": 8,
    "MUL": 4,
    "SUB": 8,
    "MEAN": 1,
    "CONCATENATION": 8,
    "SOFTMAX": 4,
    "RESHAPE": 36,
    "SPACE_TO_DEPTH": 4,
    "LEAKY_RELU": 4,
}
"""Operator -> bytes of its parsed options."""

KEPT = {
    "CONV_2D": 60,
    "DEPTHWISE_CONV_2D": 60,
    "FULLY_CONNECTED": 48,
    "MAX_POOL_2D": 32,
    "AVERAGE_POOL_2D": 32,
    "ADD": 60,
    "MUL": 36,
    "SUB": 52,
    "MEAN": 44,
    "CONCATENATION": 24,
    "PAD": 56,
    "SOFTMAX": 60,
    "LOGISTIC": 16,
    "TANH": 16,
    "RELU": 28,
    "RELU6": 8,
    "QUANTIZE": 32,
    "HARD_SWISH": 20,
    "LEAKY_RELU": 24,
    "SPACE_TO_DEPTH": 24,
}
"""Operator -> bytes that its kernel keeps between invokes, beside the constants of each channel."""

NOTHING_KEPT = ("RESHAPE",)
PLANNING_BYTES = 24 + 40
"""What planning takes for each tensor and scratch buffer, given back afterwards."""


@dataclass(frozen=True)
class Arena:
    """The device's arena in bytes.

    activations: the tensors as the planner would place them without scratch. planned: with scratch. kept: TFLM's own,
        variables included. used: what `arena_used_bytes` says there. needed: the arena to give, since planning needs
        room too. peak: index of the operator at which the most is in use. scratch: the largest of ESP-NN's buffers.
    unknown: why all this is a lower limit, in parts of a sentence; () where it is exact.
    """

    activations: int
    planned: int
    kept: int
    needed: int
    peak: int
    scratch: int
    unknown: tuple[str, ...] = ()

    @property
    def used(self) -> int:
        """What TFLM reports after laying out the network."""
        return self.planned + self.kept

    @property
    def is_exact(self) -> bool:
        """Whether it is known to the byte; it is a lower limit otherwise."""
        return not self.unknown


def device_arena(model: TfliteModel, plans: tuple[Plan, ...], verdict: Verdict | None = None) -> Arena:
    """Return the arena of `model`, whose subgraphs are `plans`.

    verdict: what TFLM on this computer laid out; where this differs from what the model of it says, the greater counts.
    """
    lives = Lifetimes(model.subgraphs)
    tensors = list(lives.tensors())
    scratch = list(lives.scratch(plans, lambda _, path: path.scratch_bytes))
    buffers = [*tensors, *scratch]
    planned = height(buffers, place(buffers))
    kept = _kept(model, plans, len(scratch))
    unknown = _unknown(model, plans)
    if verdict is not None and verdict.refused is None:
        if host_planned(model, plans) != verdict.head_bytes:
            unknown = (*unknown, "TFLM on this computer lays the tensors out in another way")
        if unknown:
            planned = max(planned, verdict.head_bytes)
            kept = max(kept, (verdict.tail_bytes - HOST_RECORDS) // 2)  # pointers are half as wide on the chip
    load = [sum(one.size for one in buffers if one.first <= moment <= one.last) for moment in range(lives.now + 1)]
    count = sum(len(graph.tensors) for graph in model.subgraphs)
    planning = PLANNING_BYTES * (count + len(scratch))
    return Arena(
        activations=height(tensors, place(tensors)),
        planned=planned,
        kept=kept,
        needed=round_up(kept + max(planned, planning + 12 * (12 + len(scratch))), ALIGNMENT),
        peak=lives.operator_at(load.index(max(load))),
        scratch=max((buffer.size for buffer in scratch), default=0),
        unknown=unknown,
    )


def host_planned(model: TfliteModel, plans: tuple[Plan, ...]) -> int:
    """Return the bytes of tensors and scratch as TFLM lays them on a computer, without ESP-NN."""
    lives = Lifetimes(model.subgraphs)
    buffers = [*lives.tensors(), *lives.scratch(plans, host_scratch)]
    return height(buffers, place(buffers))


def _unknown(model: TfliteModel, plans: tuple[Plan, ...]) -> tuple[str, ...]:
    kinds = [
        step.kind if step.types == ("INT8",) else f"{step.kind} on {' and '.join(step.types)}"
        for steps, paths in plans
        for step, path in zip(steps, paths, strict=True)
        if not path.work or step.kind not in (*KEPT, *NOTHING_KEPT)
    ]
    found = [f"never measured: {', '.join(dict.fromkeys(kinds))}"] if kinds else []
    if OFFLINE_PLAN in model.metadata:
        found.append("the file brings a plan of its own")
    return tuple(found)


def _kept(model: TfliteModel, plans: tuple[Plan, ...], scratch_count: int) -> int:
    """Return what TFLM takes from the arena's end, downwards, each piece at its own alignment."""
    tail = 0

    def take(size: int, alignment: int = 4) -> None:
        nonlocal tail
        tail = (tail - size) // alignment * alignment

    for size in ALLOCATORS:
        take(size)
    take(SUBGRAPH * len(model.subgraphs))
    steps = [step for subgraph, _ in plans for step in subgraph]
    take(EVAL_TENSOR * sum(len(graph.tensors) for graph in model.subgraphs))
    take(NODE * len(steps))
    for step in steps:
        if size := PARAMETERS.get(step.kind, 0):
            take(size, 4 if size >= POINTER else 1)
    for step in steps:
        if size := KEPT.get(step.kind, 0):
            take(size, ALIGNMENT)
    for step in steps:
        for _ in range(_channel_arrays(step)):
            take(4 * step.output[2], ALIGNMENT)
    if scratch_count:
        take(HANDLE * scratch_count)
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            if tensor.is_variable:
                take(arena_bytes(tensor), ALIGNMENT)
    for ends in (model.inputs, model.outputs):
        take(POINTER * len(ends), ALIGNMENT)
        for number in ends:
            _take_tensor(take, model.tensors[number])
    return -tail


def _channel_arrays(step: Step) -> int:
    """Return how many constants a kernel makes for each output channel: a multiplier and a shift."""
    if step.kind == "FULLY_CONNECTED":
        return 2 if step.filter_scales > 1 else 0
    return 2 if step.kind in ("CONV_2D", "DEPTHWISE_CONV_2D") else 0


def _take_tensor(take: Callable[[int], None], tensor: Tensor) -> None:
    take(TENSOR)
    if tensor.scales and tensor.zero_points:
        take(AFFINE)
        take(4 + 4 * len(tensor.scales))
