"""What a network costs on an ESP32-S3: instructions, memory traffic, arena and time, for each operator and together.

Standard library alone, so that the export can check a network in PlatformIO's Python.
"""

from dataclasses import dataclass

from microfer.cost.arena import Arena, device_arena
from microfer.cost.costs import fitted
from microfer.cost.dispatch import path_of
from microfer.cost.memory import CLOCK_HZ, KEPT_IN_CACHE_BYTES, PSRAM_BYTES_PER_S, Placement, fits_internal
from microfer.cost.path import Path
from microfer.cost.step import Step, steps
from microfer.tflite.graph import TfliteModel


@dataclass(frozen=True)
class OperatorEstimate:
    """One operator's cost. Times are in seconds.

    instructions: None where nothing is known of such an operator. error: of them, as a share (two standard deviations).
    weights_read: bytes that arrive from flash, or PSRAM, in one invoke, those read again included.
    arena_moved: bytes of tensors and scratch that are read or written; they cost only where the arena is in PSRAM.
    shortest: an instruction a cycle. longest: with the error and all traffic on top, or as measured.
    is_measured: a profile of this very model gave the time.
    """

    step: Step
    path: Path
    instructions: float | None
    error: float
    weights_read: int
    arena_moved: int
    shortest: float
    longest: float
    is_measured: bool = False


@dataclass(frozen=True)
class Estimate:
    """A network's cost. flash_bytes: of the .tflite in the firmware's image."""

    name: str
    operators: tuple[OperatorEstimate, ...]
    arena: Arena
    placement: Placement
    flash_bytes: int

    @property
    def unknown(self) -> tuple[OperatorEstimate, ...]:
        """The operators whose cost is not known, so that the sums below are without them."""
        return tuple(one for one in self.operators if one.instructions is None)

    @property
    def instructions(self) -> float:
        """Of one invoke."""
        return sum(one.instructions or 0.0 for one in self.operators)

    @property
    def error(self) -> float:
        """Of the sum, as a share: as if all operators erred to the same side."""
        wrong = sum((one.instructions or 0.0) * one.error for one in self.operators)
        return wrong / self.instructions if self.instructions else 0.0

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one invoke."""
        return sum(one.step.macs for one in self.operators)

    @property
    def weight_bytes(self) -> int:
        """Constants of the operators."""
        return sum(one.step.weight_bytes + one.step.bias_bytes for one in self.operators)

    @property
    def shortest(self) -> float:
        """Seconds of one invoke at one instruction a cycle."""
        return sum(one.shortest for one in self.operators)

    @property
    def longest(self) -> float:
        """Seconds of one invoke with the error and all memory traffic on top."""
        return sum(one.longest for one in self.operators)

    @property
    def fits_internal(self) -> bool:
        """Whether the firmware would lay the arena in internal RAM."""
        return fits_internal(self.arena.needed)


def estimate(model: TfliteModel, placement: Placement | None = None) -> Estimate:
    """Return what `model` costs; `profile.corrected` puts what a board measured in its place.

    placement: where arena and weights lie; the default is the firmware's choice, with the weights in flash.

    Raises:
        MicroferError: the model has control flow.
    """
    taken = steps(model)
    paths = tuple(path_of(step) for step in taken)
    arena = device_arena(model, taken, paths)
    if placement is None:
        placement = Placement("internal" if fits_internal(arena.needed) else "psram")
    operators = tuple(operator_estimate(step, path, placement) for step, path in zip(taken, paths, strict=True))
    return Estimate(model.name, operators, arena, placement, len(model.content))


def operator_estimate(step: Step, path: Path, placement: Placement) -> OperatorEstimate:
    """Return what one operator costs on `path`."""
    costs = fitted().get(path.name) if path.work else None
    instructions = costs.instructions(path) if costs else None
    error = costs.error if costs else 0.0
    copies_filter = bool(path.copied_bytes) and bool(path.scratch_bytes)
    passes = 1 if copies_filter or step.weight_bytes <= KEPT_IN_CACHE_BYTES else path.filter_passes
    weights_read = step.weight_bytes * passes + step.bias_bytes
    arena_moved = step.input_elements + step.output_elements + sum(path.scratch_bytes)
    if copies_filter and step.weight_bytes > KEPT_IN_CACHE_BYTES:
        arena_moved += path.copied_bytes * path.filter_passes
    shortest = (instructions or 0.0) / CLOCK_HZ
    traffic = weights_read / placement.weights_bytes_per_s
    if placement.arena == "psram":
        traffic += arena_moved / PSRAM_BYTES_PER_S
    longest = shortest * (1 + error) + traffic
    return OperatorEstimate(step, path, instructions, error, weights_read, arena_moved, shortest, longest)
