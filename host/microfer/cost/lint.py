"""What in a network is wrong, slow or too large on the ESP32-S3, with what it costs and how to mend it.

Standard library alone: the export runs it. What esp-nn computes wrongly is from its issues 26 and 31, as are the
releases that are known to be slow or wrong; the rest is from the dispatch that `path_of` follows.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from microfer.cost.costs import fitted, versions
from microfer.cost.dispatch import path_of
from microfer.cost.estimate import Estimate, OperatorEstimate
from microfer.cost.memory import KEPT_IN_CACHE_BYTES, LARGEST_INTERNAL_BYTES, fits_internal
from microfer.cost.path import round_up
from microfer.cost.step import CONVOLUTIONS, Step
from microfer.cost.types import refusal
from microfer.errors import MicroferError
from microfer.files import read_bytes
from microfer.tflite.operators import RESOLVER_METHODS
from microfer.tflite.verdict import Verdict


@dataclass(frozen=True)
class Finding:
    """One finding.

    rule: its name. operator: index, None for the whole network. is_error: the board would fail or compute wrongly.
    problem, fix: sentences. instructions, bytes: what it costs in an invoke; 0 where it costs none of that.
    """

    rule: str
    operator: int | None
    is_error: bool
    problem: str
    fix: str
    instructions: float = 0.0
    bytes: int = 0


WORTH_INSTRUCTIONS = 0.01
"""Findings about speed are given where they cost this share of an invoke, or so many bytes."""

WORTH_COPIED_BYTES = 4096

NO_KERNEL = "operator without a kernel"
CUSTOM_OPERATOR = "custom operator"
REFUSED = "refused by TFLM"

MORE_THAN_ONE_SUBGRAPH = ("IF", "WHILE", "CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE")

ALWAYS = ("one-channel stem", "MEAN instead of AVERAGE_POOL_2D")
"""Rules that are given whatever they cost: the network's author can do without them at once."""


QUANTIZE_FULLY = (
    "quantize fully to int8, input and output too: microfer quantize does it to a .keras, the converter with "
    "representative_dataset, OpsSet.TFLITE_BUILTINS_INT8 and inference_input_type = inference_output_type = int8"
)


def lint(
    network: Estimate, components: Mapping[str, str] | None = None, verdict: Verdict | None = None
) -> tuple[Finding, ...]:
    """Return the findings: first what fails, then what costs the most.

    components: name -> version of those that the firmware is built with; the default is what the costs were measured
        with. `releases.pinned` reads them from the firmware.
    verdict: what TFLM on this computer said of the network; without it, only what is known of its kernels counts.
    """
    built_with = {**versions(), **(components or {})}
    found = [*_whole(network), *release_findings(built_with)]
    for one in network.operators:
        found += _wrong(one)
        if one.step.kind in CONVOLUTIONS and one.step.all_int8 and one.step.is_padded_unevenly:
            found.append(uneven_padding(one.step, built_with["esp-nn"]))
        found += [finding for finding in _slow(one) if _is_worth(finding, network)]
    if verdict is not None and verdict.refused is not None:
        found += _refused(verdict, found)
    return tuple(sorted(found, key=lambda finding: (not finding.is_error, -finding.instructions, -finding.bytes)))


def _is_worth(finding: Finding, network: Estimate) -> bool:
    if finding.rule in ALWAYS:
        return True
    share = finding.instructions / max(network.instructions, 1.0)
    return share >= WORTH_INSTRUCTIONS or finding.bytes >= WORTH_COPIED_BYTES


def _whole(network: Estimate) -> Iterator[Finding]:
    arena = network.arena
    if not fits_internal(arena.needed) and network.operators:
        peak = network.operators[arena.peak]
        yield Finding(
            "arena beyond internal RAM",
            peak.step.index,
            False,
            f"the arena takes {'' if arena.is_exact else 'at least '}{arena.needed / 1024:.0f} KiB, of which ESP-NN's "
            f"scratch at the fullest operator, {peak.step.kind} {peak.step.index}, is "
            f"{sum(peak.path.scratch_bytes) / 1024:.0f} KiB; internal RAM has {LARGEST_INTERNAL_BYTES / 1024:.0f} KiB "
            "in one piece",
            "make that operator smaller: fewer channels, or a pool before it; else the arena lies in slower PSRAM",
            bytes=arena.needed - LARGEST_INTERNAL_BYTES,
        )
    kinds = dict.fromkeys(one.step.kind for one in network.operators if one.step.kind in MORE_THAN_ONE_SUBGRAPH)
    if kinds:
        yield Finding(
            "state or branches",
            None,
            True,
            f"{', '.join(kinds)}: TFLM runs it, microfer's firmware does not: it gives TFLM no room for variables and "
            "takes networks of one subgraph",
            "keep state outside the network and convert it without branches, or extend firmware/src/classifier_tflm.cc",
        )


def _refused(verdict: Verdict, found: list[Finding]) -> Iterator[Finding]:
    """Yield what TFLM itself said, unless it is of an operator that is known not to work."""
    named = {finding.operator for finding in found if finding.is_error and finding.operator is not None}
    if verdict.operator in named:
        return
    has_none = any(finding.rule in (NO_KERNEL, CUSTOM_OPERATOR) for finding in found)
    if verdict.operator is None and has_none:
        return
    verb = "start" if verdict.at == "start" else "run"
    problem = f"TFLM on this computer does not {verb} it: {verdict.refused}"
    yield Finding(REFUSED, verdict.operator, True, problem, QUANTIZE_FULLY)


def _wrong(one: OperatorEstimate) -> Iterator[Finding]:
    step = one.step
    if step.is_custom:
        yield Finding(
            CUSTOM_OPERATOR,
            step.index,
            True,
            f"microfer's firmware registers no custom operator, so not {step.kind}; TFLM may have a kernel for it",
            "replace it by built-in operators, leave it out of the graph, or register its kernel in the firmware",
        )
        return
    if step.kind not in RESOLVER_METHODS:
        yield Finding(
            NO_KERNEL,
            step.index,
            True,
            f"TFLM has no kernel for {step.kind}",
            "replace it by operators that TFLM has, or leave it out of the graph",
        )
        return
    if (reason := refusal(step)) is not None:
        yield Finding(REFUSED, step.index, True, reason, QUANTIZE_FULLY)
    if step.kind == "CONV_2D" and step.filter_channels != step.input[2] and step.all_int8:
        yield Finding(
            "grouped convolution",
            step.index,
            True,
            "esp-tflite-micro's wrapper aborts where a filter spans fewer channels than the input has",
            "use a depthwise convolution, or a plain one",
        )
    if step.kind in CONVOLUTIONS and step.all_int8 and not step.bias_bytes:
        yield Finding(
            "convolution without a bias",
            step.index,
            True,
            "esp-tflite-micro's wrapper reads the bias tensor and aborts where there is none",
            "give the convolution a bias, of zeros if need be",
        )


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
            "let weights begin at multiples of 16 bytes, as microfer quantize writes them"
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


NN, MICRO = "esp-nn", "esp-tflite-micro"
_PIN = re.compile(r'^\s*espressif/([\w-]+):\s*"?[=v]*([0-9]+(?:\.[0-9]+)*)"?\s*$', re.MULTILINE)


def pinned(manifest: Path) -> dict[str, str]:
    """Return component -> version of the exact pins in an idf_component.yml.

    Raises:
        MicroferError: the file cannot be read.
    """
    return dict(_PIN.findall(read_bytes(manifest).decode()))


def release_findings(components: Mapping[str, str]) -> tuple[Finding, ...]:
    """Return what is known of the releases of `components`, whatever the network.

    Raises:
        MicroferError: a version is not numbers and dots.
    """
    nn, micro = _numbers(components, NN), _numbers(components, MICRO)
    found = []
    if nn == (1, 2, 3) and micro <= (1, 3, 5):
        problem = f"{MICRO} up to 1.3.5 with {NN} 1.2.3 sends every CONV_2D to plain C (esp-nn issue 26)"
        found.append(Finding("release that leaves ESP-NN unused", None, True, problem, f"take {MICRO} 1.4.0"))
    for name in (NN, MICRO):
        if components[name] != versions()[name]:
            problem = (
                f"the costs were measured with {name} {versions()[name]}, and the firmware takes {components[name]}; "
                "code paths and scratch change between releases"
            )
            found.append(
                Finding("costs of another release", None, False, problem, "take that release, or measure again")
            )
    return tuple(found)


def uneven_padding(step: Step, nn_version: str) -> Finding:
    """Return the finding about a convolution that is padded unevenly, with that release of esp-nn."""
    is_old = _numbers({NN: nn_version}, NN) <= (1, 2, 0)
    is_wrong = step.kind == "CONV_2D" and max(step.kernel) in (5, 7)
    if is_old:
        known = f"{NN} {nn_version} reads past the input"
    elif is_wrong:
        known = "the last row and column come out wrong (esp-nn issue 31)"
    else:
        known = f"{NN} {nn_version} is right here, others are not"
    problem = (
        f"{step.kind} {step.kernel[0]}x{step.kernel[1]} of stride {step.stride[0]} is padded by {step.before[0]} "
        f"before and {step.after[0]} after: {known}"
    )
    fix = "pad alike on all sides with an explicit PAD and VALID, or use stride 1 and a pool"
    return Finding("asymmetric SAME padding", step.index, is_old or is_wrong, problem, fix)


def _numbers(components: Mapping[str, str], name: str) -> tuple[int, ...]:
    text = components[name]
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)*", text):
        raise MicroferError(
            f"{name} has the version {text!r}, expected numbers and dots such as 1.2.3; pin one exactly"
        )
    return tuple(int(part) for part in text.split("."))
