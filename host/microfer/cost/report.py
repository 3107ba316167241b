"""An estimate as a table, as JSON and as a chart."""

from collections import defaultdict
from pathlib import Path
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from microfer.cost.costs import versions
from microfer.cost.estimate import Estimate, OperatorEstimate
from microfer.cost.lint import Finding
from microfer.cost.memory import FLASH_BYTES_PER_S, PSRAM_BYTES_PER_S
from microfer.cost.profile import Profile
from microfer.files import atomic_path


def table(network: Estimate) -> Table:
    """Return a table of the operators; the last row is the sum."""
    least = "≥ " if network.unknown else ""
    rows = Table(box=box.SIMPLE, title=escape(network.name), title_justify="left", show_footer=True)
    rows.add_column("#", justify="right")
    rows.add_column("operator", footer="together")
    rows.add_column("output")
    rows.add_column("MACs", justify="right", footer=f"{network.macs:,}")
    rows.add_column("weights", justify="right", footer=f"{network.weight_bytes:,}")
    rows.add_column("code", footer=f"±{100 * network.error:.1f} %")
    rows.add_column("instructions", justify="right", footer=f"{least}{network.instructions:,.0f}")
    rows.add_column("share", justify="right")
    rows.add_column("scratch", justify="right", footer=f"{network.arena.scratch:,}")
    rows.add_column("read", justify="right", footer=f"{sum(one.weights_read for one in network.operators):,}")
    heading = "ms measured" if _is_measured(network) else "ms"
    rows.add_column(heading, justify="right", footer=least + _milliseconds(network.shortest, network.longest, 1))
    for one in network.operators:
        rows.add_row(*_cells(one, network), style=None if one.path.is_fast else "yellow")
    return rows


def _cells(one: OperatorEstimate, network: Estimate) -> tuple[str, ...]:
    step, total = one.step, network.instructions
    counted = one.instructions is not None
    return (
        str(step.index),
        step.kind,
        "x".join(map(str, step.output)),
        f"{step.macs:,}" if step.macs else "",
        f"{step.weight_bytes + step.bias_bytes:,}" if step.weight_bytes else "",
        escape(one.path.name),
        f"{one.instructions:,.0f} ±{100 * one.error:.0f} %" if counted else "unknown",
        f"{100 * (one.instructions or 0) / total:.1f} %" if counted and total else "",
        f"{sum(one.path.scratch_bytes):,}" if one.path.scratch_bytes else "",
        f"{one.weights_read:,}" if one.weights_read else "",
        _milliseconds(one.shortest, one.longest, 2) if counted or one.is_measured else "",
    )


def _milliseconds(shortest: float, longest: float, digits: int) -> str:
    """Return a range of seconds in milliseconds; a single number where it is measured."""
    if shortest == longest:
        return f"{1e3 * shortest:.{digits}f}"
    return f"{1e3 * shortest:.{digits}f}..{1e3 * longest:.{digits}f}"


def _is_measured(network: Estimate) -> bool:
    """Return whether a profile gave the times: of all operators or of none."""
    return bool(network.operators) and all(one.is_measured for one in network.operators)


def _time(network: Estimate) -> str:
    if _is_measured(network):
        return f"time          {1e3 * network.longest:.1f} ms, all operators together, as measured on the board"
    least = "at least " if network.unknown else ""
    return (
        f"time          {least}{1e3 * network.shortest:.1f} ms, at one instruction a cycle and 240 MHz, to "
        f"{1e3 * network.longest:.1f} ms, with all the memory traffic of weights in {network.placement.weights} and an "
        f"arena in {'internal RAM' if network.placement.arena == 'internal' else 'PSRAM'}"
    )


def origin(profile: Profile) -> list[str]:
    """Return sentences about where a profile comes from and what it is good for."""
    said = profile.measured_on
    if not said:
        return [f"measured      by {profile.name}, which does not say on which board"]
    lines = [
        f"measured      on {said.get('board')}, firmware {said.get('firmware')}, kernels {said.get('kernels')}: the "
        f"mean of {said.get('runs')} runs of {said.get('model')}, {said['network_us'] / 1e3:.1f} ms each"
    ]
    if said.get("is_emulated"):
        lines.append(
            "NOT A CHIP'S  the emulated chip computes at this computer's speed: its times and the factors of --refit "
            "say nothing of an ESP32-S3"
        )
    if str(said.get("kernels", "")).startswith("microfer"):
        lines.append(
            "OWN KERNELS   microfer's compute some operators, the instructions are ESP-NN's: factors of --refit hold "
            "for firmware with them; for ESP-NN's own build with CONFIG_MICROFER_KERNELS=n"
        )
    return lines


def summary(network: Estimate) -> list[str]:
    """Return sentences about the whole network."""
    arena = network.arena
    place = "in internal RAM" if network.fits_internal else "in PSRAM, as internal RAM has no piece so large"
    least = "at least " if network.unknown else ""
    lines = [
        f"instructions  {least}{network.instructions / 1e6:.2f} M ±{100 * network.error:.1f} % with ESP-NN",
        _time(network),
        f"arena         {arena.used / 1024:.1f} KiB ({arena.activations / 1024:.1f} KiB tensors alone, "
        f"{arena.planned / 1024:.1f} KiB with ESP-NN's scratch, {arena.kept / 1024:.1f} KiB TFLM's own), {place}",
        f"flash         {network.flash_bytes / 1024:.1f} KiB",
    ]
    if network.unknown:
        names = ", ".join(f"{one.step.kind} {one.step.index}" for one in network.unknown)
        lines.append(f"NOT COUNTED   {names}: never measured, so instructions and time are too low")
    return lines


def document(network: Estimate, findings: tuple[Finding, ...]) -> dict[str, Any]:
    """Return everything as JSON values."""
    arena = network.arena
    return {
        "format_version": 1,
        "model": network.name,
        "measured_with": dict(versions()),
        "instructions": round(network.instructions),
        "error": round(network.error, 4),
        "operators_not_counted": [one.step.index for one in network.unknown],
        "macs": network.macs,
        "weight_bytes": network.weight_bytes,
        "flash_bytes": network.flash_bytes,
        "milliseconds": [round(1e3 * network.shortest, 3), round(1e3 * network.longest, 3)],
        "assumed": {
            "arena_in": network.placement.arena,
            "weights_in": network.placement.weights,
            "flash_bytes_per_s": FLASH_BYTES_PER_S,
            "psram_bytes_per_s": PSRAM_BYTES_PER_S,
        },
        "arena": {
            "used_bytes": arena.used,
            "needed_bytes": arena.needed,
            "activation_bytes": arena.activations,
            "planned_bytes": arena.planned,
            "kept_bytes": arena.kept,
            "fits_internal_ram": network.fits_internal,
            "fullest_operator": arena.peak,
        },
        "operators": [_operator_document(one) for one in network.operators],
        "findings": [finding_document(finding) for finding in findings],
    }


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
        "milliseconds": [round(1e3 * one.shortest, 4), round(1e3 * one.longest, 4)],
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


def finding_line(finding: Finding) -> str:
    """Return a finding as one line of rich's markup."""
    colour = "red" if finding.is_error else "yellow"
    costs = []
    if finding.instructions >= 1:
        costs.append(f"{finding.instructions:,.0f} instructions")
    if finding.bytes:
        costs.append(f"{finding.bytes:,} bytes")
    cost = f" [{colour}]({', '.join(costs)})[/]" if costs else ""
    where = "" if finding.operator is None else f" (operator {finding.operator})"
    return f"[bold {colour}]{finding.rule}[/]{where}: {escape(finding.problem)}{cost}. Fix: {escape(finding.fix)}."


def chart(network: Estimate, path: Path) -> None:
    """Write a PNG: instructions of each operator, coloured by the code that computes it, and its scratch below."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    colours: dict[str, Any] = defaultdict(lambda: plt.get_cmap("tab20")(len(colours) % 20))
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(11, 6.5), sharex=True, height_ratios=(2, 1), layout="constrained"
    )
    for one in network.operators:
        name = one.path.name
        label = name if name not in colours else None
        above.bar(one.step.index, (one.instructions or 0) / 1e6, color=colours[name], label=label)
        below.bar(one.step.index, sum(one.path.scratch_bytes) / 1024, color=colours[name])
    above.set_ylabel("million instructions")
    above.set_title(
        f"{Path(network.name).name}: {network.instructions / 1e6:.2f} M instructions "
        f"±{100 * network.error:.1f} %, {1e3 * network.shortest:.0f} to {1e3 * network.longest:.0f} ms, "
        f"arena {network.arena.used / 1024:.0f} KiB"
    )
    above.legend(fontsize="small", frameon=False)
    below.set_ylabel("scratch, KiB")
    below.set_xlabel("operator")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
    plt.close(figure)
