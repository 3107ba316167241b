"""Releases of esp-nn and esp-tflite-micro that are known to be slow or wrong: esp-nn's issues 26 and 31."""

import re
from collections.abc import Mapping
from pathlib import Path

from microfer.cost.costs import versions
from microfer.cost.finding import Finding
from microfer.cost.step import Step
from microfer.errors import MicroferError
from microfer.files import read_bytes

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
