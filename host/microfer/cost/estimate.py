"""What a network costs on an ESP32-S3: instructions, memory traffic, arena and time, for each operator and together.

Standard library alone, so that the export can check a network in PlatformIO's Python.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from microfer.cost.arena import Arena, device_arena
from microfer.cost.costs import KEYED_BY, Costs, fitted
from microfer.cost.dispatch import path_of
from microfer.cost.memory import CLOCK_HZ, KEPT_IN_CACHE_BYTES, SPEEDS, Placement, fits_internal
from microfer.cost.path import Path
from microfer.cost.planner import Plan
from microfer.cost.step import Step, steps
from microfer.tflite.graph import TfliteModel
from microfer.tflite.operators import RESOLVER_METHODS
from microfer.tflite.verdict import Verdict

VECTOR_MACS = 16
"""Of the chip's vector unit in one instruction: no kernel takes less, whatever its release."""


@dataclass(frozen=True)
class OperatorEstimate:
    """One operator's cost. Times are in seconds.

    instructions: None where nothing is known of such an operator. error: of them, as a share (two standard deviations).
    weights_read: bytes that arrive from flash, or PSRAM, in one invoke, those read again included.
    arena_moved: bytes of tensors and scratch that are read or written; they cost only where the arena is in PSRAM.
    shortest: an instruction a cycle. longest: with the error and all traffic on top, or as measured; None where nobody
        can tell, as the operator was not counted.
    is_measured: a profile of this very model gave the time.
    least, most: instructions, where only limits are known; most is None where there is no upper one.
    is_outside: it is larger than any operator that was measured on this path, so that `error` does not hold.
    """

    step: Step
    path: Path
    instructions: float | None
    error: float
    weights_read: int
    arena_moved: int
    shortest: float
    longest: float | None
    is_measured: bool = False
    least: float = 0.0
    most: float | None = None
    is_outside: bool = False


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
        """The operators whose cost is not known, so that the sums below hold their lower limits alone."""
        return tuple(one for one in self.operators if one.most is None)

    @property
    def outside(self) -> tuple[OperatorEstimate, ...]:
        """The operators that are larger than what was measured."""
        return tuple(one for one in self.operators if one.is_outside)

    @property
    def instructions(self) -> float:
        """Of one invoke; at least so many where there are unknown operators or branches."""
        return sum(one.least for one in self.operators)

    @property
    def most_instructions(self) -> float | None:
        """Of one invoke at most, branches included; None where an operator has no upper limit."""
        return _sum(one.most for one in self.operators)

    @property
    def error(self) -> float:
        """Of the sum, as a share: as if all operators erred to the same side."""
        wrong = sum(one.least * one.error for one in self.operators)
        return wrong / self.instructions if self.instructions else 0.0

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one invoke."""
        return sum(one.step.macs for one in self.operators)

    @property
    def counts_all_macs(self) -> bool:
        """Whether the multiply-accumulates of every operator are known: not of those TFLM has not, and of subgraphs."""
        known = (one.step.kind in RESOLVER_METHODS and not one.step.is_custom for one in self.operators)
        return all(known) and not any(one.path.runs for one in self.operators)

    @property
    def weight_bytes(self) -> int:
        """Constants of the operators."""
        return sum(one.step.weight_bytes + one.step.bias_bytes for one in self.operators)

    @property
    def shortest(self) -> float:
        """Seconds of one invoke at one instruction a cycle."""
        return sum(one.shortest for one in self.operators)

    @property
    def longest(self) -> float | None:
        """Seconds of one invoke with the error and all memory traffic on top; None where nobody can tell."""
        return _sum(one.longest for one in self.operators)

    @property
    def fits_internal(self) -> bool:
        """Whether the firmware would lay the arena in internal RAM; never where its size is not known."""
        return self.arena.is_exact and fits_internal(self.arena.needed)


def estimate(
    model: TfliteModel,
    placement: Placement | None = None,
    components: Mapping[str, str] | None = None,
    verdict: Verdict | None = None,
) -> Estimate:
    """Return what `model` costs.

    placement: where arena and weights lie; the default is the firmware's choice, with the weights in flash.
    components: name -> version of what the firmware is built with; the default is what the costs were measured with.
    verdict: what TFLM on this computer said of the model, whose plan of the arena then counts too.
    """
    costs = fitted(components)
    planned = plans(model, components)
    arena = device_arena(model, planned, verdict)
    if not costs:
        arena = replace(arena, unknown=(*arena.unknown, f"never measured: {_named(components)}"))
    if placement is None:
        placement = Placement(_usual_place(arena))
    operators = _operators(planned, 0, placement, costs)
    return Estimate(model.name, operators, arena, placement, len(model.content))


def plans(model: TfliteModel, components: Mapping[str, str] | None = None) -> tuple[Plan, ...]:
    """Return the operators of each subgraph and how each is computed. components: as of `estimate`."""
    return tuple(_plan(steps(graph), fitted(components), components) for graph in model.subgraphs)


def _plan(taken: tuple[Step, ...], costs: Mapping[str, Costs], components: Mapping[str, str] | None) -> Plan:
    paths = tuple(path_of(step) for step in taken)
    if not costs:
        why = f"{_named(components)} was never measured"
        paths = tuple(
            path if path.runs else _of_another_release(path, step, why) for step, path in zip(taken, paths, strict=True)
        )
    return taken, paths


def _of_another_release(path: Path, step: Step, why: str) -> Path:
    return Path("unknown", why, False, scratch_bytes=path.scratch_bytes, least=step.macs / VECTOR_MACS)


def _named(components: Mapping[str, str] | None) -> str:
    return " with ".join(f"{name} {(components or {}).get(name, 'as measured')}" for name in KEYED_BY)


def _usual_place(arena: Arena) -> str:
    if not fits_internal(arena.needed):
        return "psram"
    return "internal" if arena.is_exact else "unknown"


def _operators(
    planned: tuple[Plan, ...], graph: int, placement: Placement, costs: Mapping[str, Costs]
) -> tuple[OperatorEstimate, ...]:
    taken, paths = planned[graph]
    found = []
    for step, path in zip(taken, paths, strict=True):
        one = operator_estimate(step, path, placement, costs)
        if path.runs:
            one = _control_flow(one, [_operators(planned, inner, placement, costs) for inner in path.runs])
        found.append(one)
    return tuple(found)


def _control_flow(one: OperatorEstimate, branches: list[tuple[OperatorEstimate, ...]]) -> OperatorEstimate:
    """Return the range of an operator that runs subgraphs: one of two, or one until another says no."""
    if one.step.kind == "CALL_ONCE":
        return one
    least = [sum(inner.least for inner in branch) for branch in branches]
    shortest = [sum(inner.shortest for inner in branch) for branch in branches]
    if one.step.kind == "WHILE":  # its first subgraph is the condition, which runs once at least
        return replace(one, least=least[0], shortest=shortest[0])
    most = [_sum(inner.most for inner in branch) for branch in branches]
    longest = [_sum(inner.longest for inner in branch) for branch in branches]
    return replace(one, least=min(least), shortest=min(shortest), most=_greatest(most), longest=_greatest(longest))


def _sum(values: Iterable[float | None]) -> float | None:
    total = 0.0
    for value in values:
        if value is None:
            return None
        total += value
    return total


def _greatest(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return max(known) if len(known) == len(values) else None


def operator_estimate(
    step: Step, path: Path, placement: Placement, costs: Mapping[str, Costs] | None = None
) -> OperatorEstimate:
    """Return what one operator costs on `path`. costs: path name -> its costs, by default the last measured."""
    cost = (fitted() if costs is None else costs).get(path.name) if path.work else None
    instructions = cost.instructions(path) if cost else None
    error = cost.error if cost else 0.0
    copies_filter = bool(path.copied_bytes) and bool(path.scratch_bytes)
    passes = 1 if copies_filter or step.weight_bytes <= KEPT_IN_CACHE_BYTES else path.filter_passes
    weights_read = step.weight_bytes * passes + step.bias_bytes
    arena_moved = (step.input_elements + step.output_elements) * step.element_bytes + sum(path.scratch_bytes)
    if copies_filter and step.weight_bytes > KEPT_IN_CACHE_BYTES:
        arena_moved += path.copied_bytes * path.filter_passes
    least = path.least if instructions is None else instructions
    shortest = least / CLOCK_HZ
    traffic = weights_read / placement.weights_bytes_per_s
    if placement.arena != "internal":
        traffic += arena_moved / SPEEDS["psram"].bytes_per_s
    return OperatorEstimate(
        step=step,
        path=path,
        instructions=instructions,
        error=error,
        weights_read=weights_read,
        arena_moved=arena_moved,
        shortest=shortest,
        longest=None if instructions is None else shortest * (1 + error) + traffic,
        least=least,
        most=instructions,
        is_outside=cost is not None and least > cost.largest,
    )
