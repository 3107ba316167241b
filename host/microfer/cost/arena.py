"""How much tensor arena a network takes on the ESP32-S3: activations and ESP-NN's scratch as TFLM places them, and its
own records for a 32-bit chip.

TFLM's greedy planner (greedy_memory_planner.cc of esp-tflite-micro 1.4.0) lays the buffers so that those in use at the
same time do not overlap: the largest first, each at the lowest offset at which it fits between those placed before it
that are alive together with it.

Sizes are those of esp-tflite-micro 1.4.0's structures under GCC for the ESP32-S3; what each operator's kernel keeps is
read from its Init and Prepare. Standard library alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

from microfer.cost.path import Path, round_up
from microfer.cost.step import Step
from microfer.tflite.graph import Tensor, TfliteModel


@dataclass(frozen=True)
class Buffer:
    """What is to be placed: a size in bytes, and the first and last moment, both included, at which it is in use."""

    size: int
    first: int
    last: int
    label: str = ""


def place(buffers: list[Buffer]) -> list[int]:
    """Return the offset of each buffer, in the order given."""
    # TFLM lists the buffers backwards and sorts by bubbles, which keeps that order among equals.
    order = sorted(range(len(buffers) - 1, -1, -1), key=lambda number: -buffers[number].size)
    offsets = [0] * len(buffers)
    placed: list[int] = []
    for number in order:
        wanted = buffers[number]
        alive = [other for other in placed if _meet(buffers[other], wanted)]
        offset = 0
        for other in sorted(alive, key=lambda other: offsets[other]):
            if offsets[other] - offset >= wanted.size:
                break
            offset = max(offset, offsets[other] + buffers[other].size)
        offsets[number] = offset
        placed.append(number)
    return offsets


def height(buffers: list[Buffer], offsets: list[int]) -> int:
    """Return how many bytes the placed buffers take together."""
    return max((offset + buffer.size for buffer, offset in zip(buffers, offsets, strict=True)), default=0)


def _meet(one: Buffer, other: Buffer) -> bool:
    return one.first <= other.last and other.first <= one.last


ALIGNMENT = 16

ALLOCATORS = (36, 44, 36, 8, 8)
"""Arena, greedy planner, allocator, builtin data, subgraph: bytes of each, in the order in which they are made."""

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

UNKNOWN_KEPT = 64
PLANNING_BYTES = 24 + 40
"""What planning takes for each tensor and scratch buffer, given back afterwards."""


@dataclass(frozen=True)
class Arena:
    """The device's arena in bytes.

    activations: the tensors as the planner would place them without scratch. planned: with scratch. kept: TFLM's own.
    used: what `arena_used_bytes` says there. needed: the arena to give, since planning needs room too.
    peak: index of the operator at which the most is in use. scratch: the largest of ESP-NN's buffers.
    """

    activations: int
    planned: int
    kept: int
    needed: int
    peak: int
    scratch: int

    @property
    def used(self) -> int:
        """What TFLM reports after laying out the network."""
        return self.planned + self.kept


def device_arena(model: TfliteModel, steps: tuple[Step, ...], paths: tuple[Path, ...]) -> Arena:
    """Return the arena of `model`, whose operators are `steps` and run on `paths`."""
    tensors = _tensor_buffers(model)
    # A buffer of a step lives at its moment alone; moment 0 is before the first operator.
    scratch = [
        Buffer(round_up(size, ALIGNMENT), step.index + 1, step.index + 1, f"scratch of operator {step.index}")
        for step, path in zip(steps, paths, strict=True)
        for size in path.scratch_bytes
        if size
    ]
    buffers = [*tensors, *scratch]
    planned = height(buffers, place(buffers))
    kept = _kept(model, steps, len(scratch))
    moments = range(len(steps) + 1)
    load = [sum(buffer.size for buffer in buffers if buffer.first <= moment <= buffer.last) for moment in moments]
    planning = PLANNING_BYTES * (len(model.tensors) + len(scratch))
    return Arena(
        activations=height(tensors, place(tensors)),
        planned=planned,
        kept=kept,
        needed=round_up(kept + max(planned, planning + 12 * (12 + len(scratch))), ALIGNMENT),
        peak=max(load.index(max(load)) - 1, 0),
        scratch=max((buffer.size for buffer in scratch), default=0),
    )


def _tensor_buffers(model: TfliteModel) -> list[Buffer]:
    end = len(model.operators)
    first: dict[int, int] = dict.fromkeys(model.inputs, 0)
    last: dict[int, int] = dict.fromkeys(model.inputs, 0)
    for moment, operator in enumerate(model.operators, start=1):
        for number in operator.outputs:
            first.setdefault(number, moment)
            last[number] = moment
        for number in operator.inputs:
            if number != -1:
                last[number] = moment
    for number in model.outputs:
        first.setdefault(number, end)
        last[number] = end
    return [
        Buffer(round_up(_bytes(tensor), ALIGNMENT), first[number], last[number], tensor.name)
        for number, tensor in enumerate(model.tensors)
        if not tensor.data_bytes and number in first
    ]


def _bytes(tensor: Tensor) -> int:
    """Return what a tensor takes in the arena, where TFLM gives each value of 4 bits a byte."""
    return tensor.elements if tensor.type == "INT4" else tensor.value_bytes or tensor.elements


def _kept(model: TfliteModel, steps: tuple[Step, ...], scratch_count: int) -> int:
    """Return what TFLM takes from the arena's end, downwards, each piece at its own alignment."""
    tail = 0

    def take(size: int, alignment: int = 4) -> None:
        nonlocal tail
        tail = (tail - size) // alignment * alignment

    for size in ALLOCATORS:
        take(size)
    take(EVAL_TENSOR * len(model.tensors))
    take(NODE * len(steps))
    for step in steps:
        if size := PARAMETERS.get(step.kind, 0):
            take(size, 4 if size >= POINTER else 1)
    for step in steps:
        if size := KEPT.get(step.kind, 0 if step.kind == "RESHAPE" else UNKNOWN_KEPT):
            take(size, ALIGNMENT)
    for step in steps:
        for _ in range(_channel_arrays(step)):
            take(4 * step.output[2], ALIGNMENT)
    if scratch_count:
        take(HANDLE * scratch_count)
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
