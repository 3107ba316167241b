"""What fails or comes out wrong on the board, whatever it costs: the lint's errors.

Standard library alone. What esp-nn computes wrongly is from its issues 26 and 31, as are the releases that are known to
be slow or wrong; that esp-tflite-micro's wrapper aborts was seen on the emulated chip. All of it belongs to releases.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from microfer.cost.costs import versions
from microfer.cost.estimate import Estimate
from microfer.cost.memory import LARGEST_INTERNAL_BYTES, fits_internal
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


NN, MICRO = "esp-nn", "esp-tflite-micro"
_PIN = re.compile(r'^\s*espressif/([\w-]+):\s*"?[=v]*([0-9]+(?:\.[0-9]+)*)"?\s*$', re.MULTILINE)

NO_KERNEL = "operator without a kernel"
CUSTOM_OPERATOR = "custom operator"
REFUSED = "refused by TFLM"

MORE_THAN_ONE_SUBGRAPH = ("IF", "WHILE", "CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE")

QUANTIZE_FULLY = (
    "quantize fully to int8, input and output too: microfer quantize does it to a .keras, the converter with "
    "representative_dataset, OpsSet.TFLITE_BUILTINS_INT8 and inference_input_type = inference_output_type = int8"
)


def whole_network(network: Estimate) -> Iterator[Finding]:
    """Yield what is wrong with the network as a whole: its arena, its subgraphs."""
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


def refused_by_tflm(verdict: Verdict, found: Sequence[Finding]) -> Iterator[Finding]:
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


def wrong(step: Step, components: Mapping[str, str]) -> Iterator[Finding]:
    """Yield why an operator fails, or comes out wrong, with these releases of esp-nn and esp-tflite-micro."""
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
    if step.kind in CONVOLUTIONS and step.all_int8:
        yield from _wrong_convolution(step, components)


def _wrong_convolution(step: Step, components: Mapping[str, str]) -> Iterator[Finding]:
    micro = components[MICRO]
    is_known = micro == versions()[MICRO]
    unknown = "" if is_known else f" in {versions()[MICRO]}; nobody looked at {micro}"
    if step.kind == "CONV_2D" and step.filter_channels != step.input[2]:
        yield Finding(
            "grouped convolution",
            step.index,
            is_known,
            f"{MICRO}'s wrapper aborts where a filter spans fewer channels than the input has{unknown}",
            "use a depthwise convolution, or a plain one",
        )
    if not step.bias_bytes:
        yield Finding(
            "convolution without a bias",
            step.index,
            is_known,
            f"{MICRO}'s wrapper reads the bias tensor and aborts where there is none{unknown}",
            "give the convolution a bias, of zeros if need be",
        )
    if step.is_padded_unevenly:
        yield uneven_padding(step, components[NN])


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
    number = _numbers({NN: nn_version}, NN)
    is_old, is_new = number <= (1, 2, 0), number > _numbers(versions(), NN)
    is_wrong = step.kind == "CONV_2D" and max(step.kernel) in (5, 7) and not is_new
    if is_old:
        known = f"{NN} {nn_version} reads past the input"
    elif is_new:
        known = f"releases up to {versions()[NN]} were wrong at some sizes (esp-nn issue 31), {nn_version} is not known"
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
