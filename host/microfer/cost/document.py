"""An estimate as JSON values."""

from typing import Any

from microfer.cost.costs import versions
from microfer.cost.estimate import Estimate, OperatorEstimate
from microfer.cost.faults import Finding
from microfer.cost.memory import SPEEDS
from microfer.cost.own_kernels import OwnKernels
from microfer.tflite.verdict import Verdict


def document(
    network: Estimate,
    findings: tuple[Finding, ...],
    own: OwnKernels | None = None,
    verdict: Verdict | None = None,
) -> dict[str, Any]:
    """Return everything as JSON values; an upper limit that nobody knows is null."""
    arena = network.arena
    return {
        "format_version": 1,
        "model": network.name,
        "measured_with": dict(versions()),
        "instructions": round(network.instructions),
        "error": round(network.error, 4),
        "instructions_at_most": None if network.most_instructions is None else round(network.most_instructions),
        "operators_not_counted": [one.step.index for one in network.unknown],
        "operators_outside_the_fit": [one.step.index for one in network.outside],
        "own_kernels": None if own is None else _own_document(own),
        "tflm": None if verdict is None else _verdict_document(verdict),
        "macs": network.macs,
        "counts_all_macs": network.counts_all_macs,
        "weight_bytes": network.weight_bytes,
        "flash_bytes": network.flash_bytes,
        "milliseconds": [round(1e3 * network.shortest, 3), _thousandth(network.longest, 3)],
        "assumed": {
            "arena_in": network.placement.arena,
            "weights_in": network.placement.weights,
            "flash_bytes_per_s": round(SPEEDS["flash"].bytes_per_s),
            "psram_bytes_per_s": round(SPEEDS["psram"].bytes_per_s),
            "measured_by": {name: speed.source for name, speed in SPEEDS.items()},
        },
        "arena": {
            "used_bytes": arena.used,
            "needed_bytes": arena.needed,
            "activation_bytes": arena.activations,
            "planned_bytes": arena.planned,
            "kept_bytes": arena.kept,
            "is_exact": arena.is_exact,
            "not_exact_because": list(arena.unknown),
            "fits_internal_ram": network.fits_internal,
            "fullest_operator": arena.peak,
        },
        "operators": [_operator_document(one) for one in network.operators],
        "findings": [finding_document(finding) for finding in findings],
    }


def _verdict_document(verdict: Verdict) -> dict[str, Any]:
    arena = verdict.head_bytes + verdict.tail_bytes
    return {"refused": verdict.refused, "at": verdict.at or None, "arena_bytes_on_this_computer": arena or None}


def _own_document(own: OwnKernels) -> dict[str, Any]:
    return {
        "instructions": own.instructions,
        "error": round(own.error, 4),
        "is_counted": not own.error,
        "operators": list(own.operators),
        "arena_bytes": own.arena_bytes,
        "milliseconds": [round(1e3 * own.shortest_s, 3), round(1e3 * own.longest_s, 3)],
        "source": own.source,
    }


def _thousandth(seconds: float | None, digits: int) -> float | None:
    return None if seconds is None else round(1e3 * seconds, digits)


def _operator_document(one: OperatorEstimate) -> dict[str, Any]:
    step = one.step
    return {
        "index": step.index,
        "operator": step.kind,
        "input": list(step.input),
        "output": list(step.output),
        "kernel": list(step.kernel),
        "macs": step.macs,
        "weight_bytes": step.weight_bytes + step.bias_bytes,
        "code": one.path.name,
        "why": one.path.why,
        "is_fast": one.path.is_fast,
        "instructions": None if one.instructions is None else round(one.instructions),
        "error": one.error,
        "weights_read_bytes": one.weights_read,
        "arena_moved_bytes": one.arena_moved,
        "scratch_bytes": sum(one.path.scratch_bytes),
        "instructions_at_least": round(one.least),
        "instructions_at_most": None if one.most is None else round(one.most),
        "is_outside_the_fit": one.is_outside,
        "milliseconds": [round(1e3 * one.shortest, 4), _thousandth(one.longest, 4)],
        "is_measured": one.is_measured,
    }


def finding_document(finding: Finding) -> dict[str, Any]:
    """Return a finding as JSON values."""
    return {
        "rule": finding.rule,
        "operator": finding.operator,
        "is_error": finding.is_error,
        "problem": finding.problem,
        "fix": finding.fix,
        "instructions": round(finding.instructions),
        "bytes": finding.bytes,
    }
