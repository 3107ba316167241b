"""What a network takes with the firmware's own kernels: as counted, or by a fit to what other networks were counted at.

A convolution is so many rows times so many channels (docs/kernels.md), so its instructions are a sum of a few products
of those; the fit (`scripts/generate.py costs`) finds what each costs. All other operators are ESP-NN's or TFLM's in
either build. Standard library alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from microfer.contract import MOST_GATHERED_BYTES, VECTOR_BYTES
from microfer.cost.estimate import Estimate
from microfer.cost.memory import CLOCK_HZ, KEPT_IN_CACHE_BYTES, SPEEDS
from microfer.cost.path import round_up
from microfer.cost.step import Step
from microfer.errors import MicroferError
from microfer.json_reader import read_json

FITTED = Path(__file__).with_name("own_fitted.json")
FORMAT_VERSION = 1

RESIDENT_VECTORS = 6
"""Vectors of weights that stay in registers while all rows pass."""


@dataclass(frozen=True)
class OwnKernels:
    """What a network takes with the firmware's own kernels.

    instructions: of an inference, everything around the operators included. operators: of each of them.
    arena_bytes: as TFLM says; None where that is not known. longest_s: at an instruction a cycle, with the error and
    all the traffic of the weights on top. source: where that was recorded, and of which network.
    error: of a fit, as a share (two standard deviations); 0 where a network of these very operators was counted.
    """

    instructions: int
    operators: tuple[int, ...]
    arena_bytes: int | None
    longest_s: float
    source: str
    error: float = 0.0

    @property
    def shortest_s(self) -> float:
        """Seconds of an inference at an instruction a cycle, and the error the other way."""
        return self.instructions * (1 - self.error) / CLOCK_HZ


def work(step: Step) -> dict[str, float]:
    """Return how often each part of the own kernels runs for an operator; {} where none of them computes it.

    Whether one does depends on scales too, which the export looks at: few operators fail there.
    """
    if not step.all_int8 or step.batch != 1:
        return {}
    groups, outputs = step.output[2] / VECTOR_BYTES, step.output_elements
    if step.kind == "ADD" and step.same_shapes:
        return {"add call": 1, "add elements": outputs}
    if step.kind == "MAX_POOL_2D" and step.output[2] % VECTOR_BYTES == 0:
        return {"pool call": 1, "pool outputs": step.pixels * groups, "pool taps": step.taps * groups}
    products = step.kernel[0] * step.kernel[1] * step.filter_channels
    if step.kind != "CONV_2D" or step.dilation != (1, 1) or step.filter_channels != step.input[2]:
        return {}
    vectors = -(-products // VECTOR_BYTES)
    part = "outputs x resident vectors" if vectors <= RESIDENT_VECTORS else "outputs x streamed vectors"
    return {
        "call": 1,
        "outputs": outputs,
        part: outputs * vectors,
        "channels": step.output[2] * _parts(step),
        "gathered bytes": gathered_bytes(step),
    }


def gathered_bytes(step: Step) -> int:
    """Return the bytes of rows that a convolution lays side by side; 0 where the input's pixels are rows already."""
    products = step.kernel[0] * step.kernel[1] * step.filter_channels
    if step.kernel == (1, 1) and step.stride == (1, 1) and products % VECTOR_BYTES == 0:
        return 0
    return step.pixels * round_up(products, VECTOR_BYTES)


def _parts(step: Step) -> int:
    return max(-(-gathered_bytes(step) // MOST_GATHERED_BYTES), 1)


def weights_read(step: Step) -> int:
    """Return the bytes of weights that arrive from slow memory: once, or for each part of the rows anew."""
    passes = 1 if step.weight_bytes <= KEPT_IN_CACHE_BYTES else _parts(step)
    return step.weight_bytes * passes + step.bias_bytes


def longest_s(instructions: float, steps: tuple[Step, ...], weights: str) -> float:
    """Return the seconds of so many instructions, one a cycle, with all the traffic of the weights on top."""
    return instructions / CLOCK_HZ + sum(map(weights_read, steps)) / SPEEDS[weights].bytes_per_s


def estimated(network: Estimate) -> OwnKernels | None:
    """Return what a network is estimated to take; None where an operator beside the own kernels' was never measured.

    Raises:
        MicroferError: the fit is missing or of another version: the installation is damaged.
    """
    fit = _fit()
    counts, wrong, outside = [], 0.0, 0
    for one in network.operators:
        parts = work(one.step)
        if parts:
            count, error = sum(fit["costs"].get(part, 0.0) * times for part, times in parts.items()), fit["error"]
            outside += count > fit["largest"][one.step.kind]
        elif one.instructions is None:
            return None
        else:
            count, error = one.instructions, one.error
            outside += one.is_outside
        counts.append(round(count))
        wrong += count * error
    total = sum(counts) + fit["around"]
    if not any(work(one.step) for one in network.operators):
        return None
    error = wrong / total
    steps = tuple(one.step for one in network.operators)
    longest = longest_s(total * (1 + error), steps, network.placement.weights)
    source = f"estimated from the {fit['cases']} operators that were counted"
    if outside:
        source += f"; {outside} of these are larger than any of those, so the ± does not hold"
    return OwnKernels(round(total), tuple(counts), None, longest, source, error)


@cache
def _fit() -> Mapping[str, Any]:
    fit = read_json(FITTED, dict[str, Any], "reinstall microfer")
    if fit.get("format_version") != FORMAT_VERSION:
        raise MicroferError(f"{FITTED} is not of format {FORMAT_VERSION}: run scripts/generate.py costs, or reinstall")
    return fit
