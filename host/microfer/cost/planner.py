"""When TFLM's tensors and scratch are in use, and where its greedy planner lays them in the arena.

Lifetimes are counted as in micro_allocation_info.cc, through all subgraphs; the method is greedy_memory_planner.cc's of
esp-tflite-micro 1.4.0: the largest buffer first, each at the lowest offset at which it fits between those placed before
it that are alive together with it. Standard library alone.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from microfer.cost.path import Path, round_up
from microfer.cost.step import Step
from microfer.tflite.graph import Subgraph, Tensor
from microfer.tflite.validate import called_subgraphs

ALIGNMENT = 16

Plan = tuple[tuple[Step, ...], tuple[Path, ...]]
"""The operators of one subgraph, and how each is computed."""


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


class Lifetimes:
    """When each tensor and each operator's scratch is in use, counted as TFLM's AllocationInfoBuilder does."""

    def __init__(self, graphs: tuple[Subgraph, ...]) -> None:
        self.now = 0
        self._graphs = graphs
        self._first: dict[tuple[int, int], int] = {}
        self._last: dict[tuple[int, int], int] = {}
        self._spans: dict[tuple[int, int], tuple[int, int]] = {}
        self._handles: set[tuple[int, int]] = set()
        self._mark(0)

    def operator_at(self, moment: int) -> int:
        """Return the operator of the first subgraph that is at work at a moment; 0 before the first one."""
        ends = ((number, last) for (graph, number), (_, last) in self._spans.items() if graph == 0)
        return next((number for number, last in ends if moment <= last), 0)

    def tensors(self) -> Iterator[Buffer]:
        """Yield the tensors that the planner places, in the order of the file."""
        for graph, subgraph in enumerate(self._graphs):
            for number, tensor in enumerate(subgraph.tensors):
                size = round_up(arena_bytes(tensor), ALIGNMENT)
                key = graph, number
                if size and not tensor.data_bytes and not tensor.is_variable and key not in self._handles:
                    yield Buffer(size, self._first.get(key, -1), self._last.get(key, -1), tensor.name)

    def scratch(self, plans: tuple[Plan, ...], sizes: Callable[[Step, Path], tuple[int, ...]]) -> Iterator[Buffer]:
        """Yield the scratch buffers, in the order in which the kernels ask for them. sizes: of one operator."""
        for graph, (steps, paths) in enumerate(plans):
            for step, path in zip(steps, paths, strict=True):
                first, last = self._spans.get((graph, step.index), (-1, -1))
                for size in filter(None, sizes(step, path)):
                    yield Buffer(round_up(size, ALIGNMENT), first, last, f"scratch of operator {step.index}")

    def _mark(self, graph: int) -> None:
        subgraph = self._graphs[graph]
        for number in subgraph.inputs:
            self._use(graph, number, creates=True)
        for index, operator in enumerate(subgraph.operators):
            self.now += 1
            first = self.now
            for number in operator.outputs:
                self._first.setdefault((graph, number), self.now)
                if operator.name == "VAR_HANDLE":  # whose kernel keeps the handle itself
                    self._handles.add((graph, number))
            for inner in called_subgraphs(operator):
                self.now += 1
                self._mark(inner)
            for number in (*operator.inputs, *operator.outputs):
                self._use(graph, number)
            spanned = self._spans.get((graph, index), (first, first))
            self._spans[graph, index] = spanned[0], self.now
        for number in subgraph.outputs:
            self._use(graph, number, creates=True)

    def _use(self, graph: int, number: int, *, creates: bool = False) -> None:
        if creates:
            self._first.setdefault((graph, number), self.now)
        self._last[graph, number] = self.now


def arena_bytes(tensor: Tensor) -> int:
    """Return what a tensor takes in the arena, where TFLM gives each value of 4 bits a byte."""
    return tensor.elements if tensor.type == "INT4" else tensor.value_bytes or tensor.elements
