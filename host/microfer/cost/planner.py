"""Where TFLM's greedy planner lays buffers in the arena, so that those in use at the same time do not overlap.

The method is greedy_memory_planner.cc's of esp-tflite-micro 1.4.0: the largest buffer first, each at the lowest offset
at which it fits between those placed before it that are alive together with it. Standard library alone.
"""

from dataclasses import dataclass


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
