"""What a network's graph would cost if it were written otherwise with the same answers, by the cost model.

Each `Rewrite` names operators that are there and those that could stand in their place.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod

from microfer.cost.costs import fitted
from microfer.cost.dispatch import path_of
from microfer.cost.step import Shape, Step
from microfer.errors import MicroferError

EXACT = "bit for bit"
ROUNDED = "up to int8's rounding"
CLASS_ALONE = "the class alone"


@dataclass(frozen=True)
class Rewrite:
    """A change: what is there, and what would be instead. same: how far the answers stay what they were."""

    title: str
    same: str
    now: tuple[Step, ...]
    then: tuple[Step, ...]


def instructions(steps: Iterable[Step]) -> float:
    """Return the estimated instructions of operators with ESP-NN.

    Raises:
        MicroferError: one was never measured, so its cost is not known.
    """
    total = 0.0
    for step in steps:
        path = path_of(step)
        if path.name not in fitted():
            raise MicroferError(
                f"{step.kind} on the path {path.name!r} has no cost: docs/cost-model.md lists those known"
            )
        total += fitted()[path.name].instructions(path)
    return total


def shaped(step: Step, given: Shape, out: Shape) -> Step:
    """Return `step` with other shapes, and the numbers of elements that follow from them."""
    return replace(step, input=given, output=out, input_elements=prod(given), output_elements=prod(out))


def rewrites(steps: Sequence[Step]) -> list[Rewrite]:
    """Return the changes that leave a fire network's answers as they are and apply to `steps`."""
    found = [*_stem(steps), *_head(steps), *_expands(steps), *_pools(steps)]
    for kind, same, title in (
        ("CONCATENATION", EXACT, "both expand convolutions write into one tensor, so that nothing is copied"),
        ("PAD", EXACT, "write the padding when the tensor is filled"),
        ("SOFTMAX", CLASS_ALONE, "take the largest logit, without softmax"),
        ("RESHAPE", EXACT, "leave the last reshape out"),
    ):
        if taken := tuple(step for step in steps if step.kind == kind):
            found.append(Rewrite(title, same, taken, ()))
    return found


def _stem(steps: Sequence[Step]) -> list[Rewrite]:
    """The stem on regrouped pixels against the same sums on plain ones."""
    stem = next((step for step in steps if step.kind == "CONV_2D"), None)
    pad = steps[0]
    if stem is None or pad.kind != "PAD" or pad.input[2] != 4 or stem.stride != (1, 1):
        return []
    side, padded = 2 * pad.input[0], 2 * pad.output[0]
    plain = replace(
        shaped(stem, (padded, padded, 1), stem.output),
        kernel=(2 * stem.kernel[0], 2 * stem.kernel[1]),
        stride=(2, 2),
        filter_channels=1,
    )
    then = (shaped(pad, (side, side, 1), (padded, padded, 1)), plain)
    title = f"pixels not regrouped, the same sums as {plain.kernel[0]}x{plain.kernel[1]} of stride 2 on one channel"
    return [Rewrite(title, EXACT, (pad, stem), then)]


def _head(steps: Sequence[Step]) -> list[Rewrite]:
    """Average and classifier in the other order: a linear map of an average is the average of the map."""
    for first, second in pairwise(steps):
        pixels = (*first.input[:2], second.output[2])
        if first.kind == "AVERAGE_POOL_2D" and second.kind == "CONV_2D" and first.output[:2] == (1, 1):
            then = (shaped(second, first.input, pixels), shaped(first, pixels, (1, 1, pixels[2])))
            return [Rewrite("average after the classifier, not before it", ROUNDED, (first, second), then)]
        if first.kind == "CONV_2D" and second.kind == "MEAN":
            channels = first.input[2]
            average = shaped(replace(second, kind="AVERAGE_POOL_2D"), first.input, (1, 1, channels))
            average = replace(average, kernel=first.input[:2], stride=first.input[:2])
            then = (average, shaped(first, (1, 1, channels), (1, 1, first.output[2])))
            return [Rewrite("average before the classifier, not after it", ROUNDED, (first, second), then)]
    return []


def _expands(steps: Sequence[Step]) -> list[Rewrite]:
    """Both expand convolutions as one 3x3, the 1x1 filters with zeros around: no concatenation."""
    now: list[Step] = []
    then: list[Step] = []
    for one, three, concat in zip(steps, steps[1:], steps[2:], strict=False):
        kernels = (one.kernel, three.kernel)
        if (one.kind, three.kind, concat.kind) != ("CONV_2D", "CONV_2D", "CONCATENATION") or one.input != three.input:
            continue
        if kernels != ((1, 1), (3, 3)):
            continue
        filters = concat.output[2]
        weights = 9 * three.filter_channels * filters
        both = shaped(three, three.input, concat.output)
        now += [one, three, concat]
        then.append(replace(both, weight_bytes=weights, bias_bytes=4 * filters, filter_scales=filters))
    title = "both expand convolutions as one 3x3, zeros around the 1x1 filters, no concatenation"
    return [Rewrite(title, EXACT, tuple(now), tuple(then))] if now else []


def _pools(steps: Sequence[Step]) -> list[Rewrite]:
    """Pool each half before the concatenation: a max pool looks at one channel at a time."""
    now: list[Step] = []
    then: list[Step] = []
    for concat, pool in pairwise(steps):
        if concat.kind != "CONCATENATION" or pool.kind != "MAX_POOL_2D" or concat.inputs != 2:
            continue
        half = concat.output[2] // 2
        small = shaped(pool, (*pool.input[:2], half), (*pool.output[:2], half))
        joined = replace(shaped(concat, pool.output, pool.output), outer=prod(pool.output[:2]))
        now += [concat, pool]
        then += [small, small, joined]
    return [Rewrite("max pool before the concatenation, not after it", EXACT, tuple(now), tuple(then))] if now else []
