"""What in a network is wrong, slow or too large on the ESP32-S3, with what it costs and how to mend it.

Standard library alone: the export runs it. What fails is in `faults`; what is slow here, from the dispatch that
`path_of` follows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from microfer.cost.costs import fitted, versions
from microfer.cost.dispatch import path_of
from microfer.cost.estimate import Estimate, OperatorEstimate
from microfer.cost.faults import Finding, refused_by_tflm, release_findings, whole_network, wrong
from microfer.cost.memory import KEPT_IN_CACHE_BYTES
from microfer.cost.path import round_up
from microfer.cost.step import Step
from microfer.tflite.verdict import Verdict

WORTH_INSTRUCTIONS = 0.01
"""Findings about speed are given where they cost this share of an invoke, or so many bytes."""

WORTH_COPIED_BYTES = 4096

ALWAYS = ("one-channel stem", "MEAN instead of AVERAGE_POOL_2D")
"""Rules that are given whatever they cost: the network's author can do without them at once."""


def lint(
    network: Estimate, components: Mapping[str, str] | None = None, verdict: Verdict | None = None
) -> tuple[Finding, ...]:
    """Return the findings: first what fails, then what costs the most.

    components: name -> version of those that the firmware is built with; the default is what the costs were measured
        with. `faults.pinned` reads them from the firmware.
    verdict: what TFLM on this computer said of the network; without it, only what is known of its kernels counts.
    """
    built_with = {**versions(), **(components or {})}
    found = [*whole_network(network), *release_findings(built_with)]
    for one in network.operators:
        found += wrong(one.step, built_with)
        found += [finding for finding in _slow(one) if _is_worth(finding, network)]
    if verdict is not None and verdict.refused is not None:
        found += refused_by_tflm(verdict, found)
    return tuple(sorted(found, key=lambda finding: (not finding.is_error, -finding.instructions, -finding.bytes)))


def _is_worth(finding: Finding, network: Estimate) -> bool:
    if finding.rule in ALWAYS:
        return True
    share = finding.instructions / max(network.instructions, 1.0)
    return share >= WORTH_INSTRUCTIONS or finding.bytes >= WORTH_COPIED_BYTES


def _slow(one: OperatorEstimate) -> Iterator[Finding]:
    step, path = one.step, one.path
    if one.instructions is None:
        return
    if step.kind == "CONV_2D" and step.input[2] == 1 and step.kernel != (1, 1):
        yield Finding(
            "one-channel stem",
            step.index,
            False,
            f"{step.kernel[0]}x{step.kernel[1]} on one channel: {step.macs / max(one.instructions, 1):.2f} "
            "multiply-accumulates an instruction",
            "regroup pixels into 4 or 16 channels when the tensor is filled, and use a smaller kernel",
            instructions=_saved_by_regrouping(one),
        )
    if step.kind == "MEAN" and step.output_elements == step.input[2]:
        yield Finding(
            "MEAN instead of AVERAGE_POOL_2D",
            step.index,
            False,
            f"MEAN runs in TFLM's reference C: {one.instructions:,.0f} instructions",
            "use an AVERAGE_POOL_2D over the whole height and width",
            instructions=one.instructions - _pooled(step),
        )
    if (unit := _unit(one)) is not None and not (step.kind == "CONV_2D" and step.input[2] == 1):
        yield _off_path(one, unit)
    if path.copied_bytes and step.kind == "CONV_2D":
        yield Finding(
            "filter copied at every invoke",
            step.index,
            False,
            path.why,
            "align the weights to multiples of 16 bytes, as microfer quantize writes them"
            if step.weight_offset and step.kernel[1] * step.input[2] % 16 == 0
            else "choose kernel width x input channels as a multiple of 16",
            instructions=_part_cost(one, ("copied rows", "copied row bytes", "copied bytes", "filter bytes")),
            bytes=path.copied_bytes,
        )
    if step.weight_bytes > KEPT_IN_CACHE_BYTES and path.filter_passes > 1:
        yield Finding(
            "filter beyond the data cache",
            step.index,
            False,
            f"{step.weight_bytes / 1024:.0f} KiB of filters are read {path.filter_passes} times in one invoke",
            "use fewer channels: at most 48 KiB of filters stay in the cache",
            bytes=step.weight_bytes * (path.filter_passes - 1),
        )


def _unit(one: OperatorEstimate) -> int | None:
    """Return the multiple that the channels should be of; None where they are, or where that is not what is wrong."""
    step, channels = one.step, one.step.input[2]
    match step.kind:
        case "CONV_2D":
            if step.kernel == (1, 1) and step.stride == (1, 1):
                unit = 8
            else:
                unit = 16
                if step.kernel[1] * channels % 16 == 0:
                    return None
        case "DEPTHWISE_CONV_2D":
            unit = 16 if step.kernel == (3, 3) else 8
        case "MAX_POOL_2D" | "AVERAGE_POOL_2D":
            unit = 8
        case _:
            return None
    return unit if channels % unit else None


def _off_path(one: OperatorEstimate, unit: int) -> Finding:
    step = one.step
    more = round_up(step.input[2], unit)
    wider = _with_channels(step, more)
    saved = one.instructions or 0.0
    costs = fitted().get(path_of(wider).name)
    if costs is not None:
        saved -= costs.instructions(path_of(wider))
    return Finding(
        "channels off the fast path",
        step.index,
        False,
        f"{step.kind} {step.index}: {one.path.why}",
        f"make its input channels a multiple of {unit}: {more} instead of {step.input[2]}"
        + (" cost less" if saved > 0 else ", or accept it: more channels cost more here"),
        instructions=max(saved, 0.0),
    )


def _with_channels(step: Step, channels: int) -> Step:
    height, width, before = step.input
    share = channels / before
    is_conv = step.kind == "CONV_2D"
    return replace(
        step,
        input=(height, width, channels),
        output=step.output if is_conv else (step.output[0], step.output[1], channels),
        filter_channels=channels if is_conv else step.filter_channels,
        weight_bytes=round(step.weight_bytes * share),
        weight_offset=0,
        input_elements=round(step.input_elements * share),
        output_elements=step.output_elements if is_conv else round(step.output_elements * share),
    )


def _saved_by_regrouping(one: OperatorEstimate) -> float:
    """Return the instructions that a 3x3 stem on four channels at half the resolution would save."""
    step = one.step
    small = tuple(max(size // 2, 1) for size in step.input[:2])
    stride = tuple(max(step.stride[axis] // 2, 1) for axis in (0, 1))
    regrouped = replace(
        step,
        input=(small[0], small[1], 4),
        filter_channels=4,
        kernel=(3, 3),
        stride=(stride[0], stride[1]),
        before=(1, 1),
        after=(1, 1),
        output=(min(step.output[0], small[0]), min(step.output[1], small[1]), step.output[2]),
        weight_bytes=36 * step.output[2],
        weight_offset=0,
    )
    path = path_of(regrouped)
    return max((one.instructions or 0.0) - fitted()[path.name].instructions(path), 0.0)


def _pooled(step: Step) -> float:
    pool = replace(
        step, kind="AVERAGE_POOL_2D", kernel=step.input[:2], output=(1, 1, step.input[2]), keeps_dimensions=False
    )
    path = path_of(pool)
    return fitted()[path.name].instructions(path)


def _part_cost(one: OperatorEstimate, parts: tuple[str, ...]) -> float:
    costs = fitted()[one.path.name].parts
    return sum(costs.get(part, 0.0) * one.path.work.get(part, 0.0) for part in parts)
