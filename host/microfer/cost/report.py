"""An estimate as a table, as JSON and as a chart."""

import textwrap
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from microfer.cost.estimate import Estimate, OperatorEstimate
from microfer.cost.faults import Finding
from microfer.cost.memory import fits_internal
from microfer.cost.own_kernels import OwnKernels
from microfer.cost.profile import Profile
from microfer.files import atomic_path
from microfer.tflite.verdict import Verdict

LONGEST_KIND = 17
"""Characters of an operator's name in the table: DEPTHWISE_CONV_2D has as many."""

WIDE_COLUMNS = 150

MILLIONS_FROM = 1e5

LEGEND = "own, ESP-NN: instructions. ms: with ESP-NN. *: not the fastest code, see --wide"

SENTENCE_AT = 14
"""Column at which the sentences of a summary begin, behind what they are about."""

MOST_NAMED = 12
"""Operators that a sentence names."""


def table(network: Estimate, own: OwnKernels | None = None, *, wide: bool = False) -> Table:
    """Return a table of the operators, 80 columns or, `wide`, some 150; its last row is the sum.

    own: what the firmware's own kernels were counted to take. An asterisk marks what ESP-NN computes slowly.
    """
    rows = Table(box=None, padding=(0, 1, 0, 0), title=escape(network.name), title_justify="left")
    rows.show_footer = True
    least = "" if network.most_instructions is not None else "≥"
    rows.add_column("#", justify="right", no_wrap=True)
    rows.add_column("operator", footer="together", no_wrap=True)
    rows.add_column("output", no_wrap=True)
    macs = _short(network.macs)
    rows.add_column("MACs", justify="right", footer=macs if network.counts_all_macs else f"≥{macs}", no_wrap=True)
    rows.add_column("own", justify="right", footer=_short(own.instructions) if own else "not known", no_wrap=True)
    rows.add_column("ESP-NN", justify="right", footer=f"{least}{_short(network.instructions)}", no_wrap=True)
    rows.add_column("±%", justify="right", footer=f"{100 * network.error:.1f}" if _is_counted(network) else "")
    rows.add_column("ms measured" if _is_measured(network) else "ms", justify="right", no_wrap=True)
    rows.columns[-1].footer = _milliseconds(network.shortest, network.longest, 1)
    if wide:
        rows.add_column("weights", justify="right", footer=f"{network.weight_bytes:,}")
        rows.add_column("scratch", justify="right", footer=f"{network.arena.scratch:,}")
        rows.add_column("read", justify="right", footer=f"{sum(one.weights_read for one in network.operators):,}")
        rows.add_column("code")
    for number, one in enumerate(network.operators):
        mine = own.operators[number] if own else None
        rows.add_row(*_cells(one, mine, wide=wide), style=None if one.path.is_fast else "yellow")
    return rows


def _cells(one: OperatorEstimate, own: int | None, *, wide: bool) -> tuple[str, ...]:
    step = one.step
    kind = step.kind if len(step.kind) <= LONGEST_KIND else f"{step.kind[: LONGEST_KIND - 1]}…"
    cells = (
        str(step.index),
        f"{escape(kind)}{'' if one.path.is_fast else '*'}",
        "x".join(map(str, step.output)),
        "" if not step.macs else _short(step.macs),
        "" if own is None else _short(own),
        _instructions(one),
        "" if one.instructions is None else "outside" if one.is_outside else f"{100 * one.error:.0f}",
        _milliseconds(one.shortest, one.longest, 2) if one.least or one.is_measured else "",
    )
    if not wide:
        return cells
    weights = f"{step.weight_bytes + step.bias_bytes:,}" if step.weight_bytes else ""
    scratch = f"{sum(one.path.scratch_bytes):,}" if one.path.scratch_bytes else ""
    return (*cells, weights, scratch, f"{one.weights_read:,}" if one.weights_read else "", escape(one.path.name))


def _instructions(one: OperatorEstimate) -> str:
    if one.instructions is not None:
        return _short(one.instructions)
    if one.most is not None:
        return f"{_short(one.least)}..{_short(one.most)}"
    return f"≥{_short(one.least)}" if one.least else "unknown"


def _short(count: float) -> str:
    """Return a count in at most five characters: 197, 66.7k, 2.20M."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= unit:
            value = count / unit
            return f"{value:.2f}{name}" if value < 10 else f"{value:.1f}{name}" if value < 100 else f"{value:.0f}{name}"
    return f"{count:.0f}"


def _long(count: float) -> str:
    """Return a count for a sentence: 13.59 M, or each digit of a small one."""
    return f"{count / 1e6:.2f} M" if count >= MILLIONS_FROM else f"{count:,.0f}"


def _milliseconds(shortest: float, longest: float | None, digits: int) -> str:
    """Return a range of seconds in milliseconds; one number where it is measured, or where no upper limit is known."""
    if longest is None:
        return f"≥{1e3 * shortest:.{digits}f}"
    if shortest == longest:
        return f"{1e3 * shortest:.{digits}f}"
    return f"{1e3 * shortest:.{digits}f}..{1e3 * longest:.{digits}f}"


def _is_measured(network: Estimate) -> bool:
    """Return whether a profile gave the times: of all operators or of none."""
    return bool(network.operators) and all(one.is_measured for one in network.operators)


def _is_counted(network: Estimate) -> bool:
    """Return whether anything of the network was counted, so that there is an error to speak of."""
    return any(one.instructions for one in network.operators)


def _range(shortest: float, longest: float | None) -> str:
    """Return a range of seconds as milliseconds and as inferences a second."""
    if longest is None:
        return f"at least {1e3 * shortest:.1f} ms"
    return f"{1e3 * shortest:.1f} to {1e3 * longest:.1f} ms, {rates(shortest, longest)} a second"


def rates(shortest: float, longest: float) -> str:
    """Return how many inferences a second that is, as a range such as "38..69"."""
    low, high = 1 / longest, 1 / shortest
    return f"{low:.1f}..{high:.1f}" if low < 10 else f"{low:.0f}..{high:.0f}"


def _own_lines(own: OwnKernels | None) -> list[str]:
    if own is None:
        return ["own kernels   not known: they compute none of its operators, or another one was never measured"]
    about, error = ("about ", f" ±{100 * own.error:.0f} %") if own.error else ("", "")
    arena = "arena not known" if own.arena_bytes is None else f"arena {own.arena_bytes / 1024:.0f} KiB"
    how = own.source if own.error else f"counted on the emulated chip: {own.source}"
    return [
        f"own kernels   {about}{_long(own.instructions)}{error} instructions, {_range(own.shortest_s, own.longest_s)}",
        f"              {arena}; as the firmware is built by default,",
        f"              {how}",
    ]


def _esp_nn_lines(network: Estimate) -> list[str]:
    if _is_measured(network) and network.longest is not None:
        return [f"time          {1e3 * network.longest:.1f} ms, all operators together, as measured on the board"]
    if not _is_counted(network) and not network.instructions:
        return ["with ESP-NN   not known: none of its operators was ever measured"]
    least = "" if network.most_instructions is not None else "at least "
    error = f" ±{100 * network.error:.1f} %" if _is_counted(network) else ""
    if network.most_instructions not in (None, network.instructions):
        error += f" to {_long(network.most_instructions or 0)}, as branches go,"
    return [
        f"with ESP-NN   {least}{_long(network.instructions)}{error} instructions, "
        f"{_range(network.shortest, network.longest)}",
        *_assumptions(network),
    ]


def _assumptions(network: Estimate) -> list[str]:
    if network.longest is None:
        return ["              no upper limit is known, as some operators were not counted"]
    where = {"internal": "internal RAM", "psram": "PSRAM", "unknown": "PSRAM, if it must"}[network.placement.arena]
    return [
        "              from one instruction a cycle at 240 MHz to all memory traffic on top",
        f"              (weights in {network.placement.weights}, arena in {where})",
    ]


def _arena_lines(network: Estimate) -> list[str]:
    arena, place = network.arena, network.placement.arena
    at_least = "" if arena.is_exact else "at least "
    where = {"internal": "in internal RAM", "psram": "in PSRAM", "unknown": "in internal RAM or PSRAM"}[place]
    if place == "psram" and not fits_internal(arena.needed):
        where += ", because internal RAM has no block that large"
    lines = [
        f"arena         {at_least}{arena.used / 1024:.1f} KiB with ESP-NN, {where}",
        f"              {arena.activations / 1024:.1f} KiB tensors, {arena.planned / 1024:.1f} KiB with scratch, "
        f"{arena.kept / 1024:.1f} KiB TFLM's own",
    ]
    return lines + [f"              not exact: {reason}" for reason in arena.unknown]


def summary(network: Estimate, own: OwnKernels | None = None, verdict: Verdict | None = None) -> list[str]:
    """Return sentences about the whole network: with the firmware's own kernels first, then with ESP-NN.

    own: what was counted with the former. verdict: what TFLM on this computer said; None where it was not asked.
    """
    lines = [LEGEND, *_own_lines(own), *_esp_nn_lines(network), *_arena_lines(network)]
    lines.append(f"flash         {network.flash_bytes / 1024:.1f} KiB")
    if verdict is None:
        lines.append("TFLM          not asked: tflite-micro is not installed here, so a refusal may go unnoticed")
    elif verdict.refused is None:
        taken = (verdict.head_bytes + verdict.tail_bytes) / 1024
        lines.append(f"TFLM          starts and runs it here, in {taken:.1f} KiB of arena: 64 bits wide, no ESP-NN")
    if network.unknown:
        lines.append(
            f"NOT COUNTED   {_named(network.unknown)}: never measured, so instructions and time are lower limits"
        )
    if not network.counts_all_macs:
        lines.append("MACs          without operators that TFLM lacks, and without subgraphs")
    if network.outside:
        lines.append(
            f"OUTSIDE       {_named(network.outside)}: larger than any operator measured, so the ± does not hold"
        )
    return lines


def wrapped(line: str, columns: int) -> str:
    """Return a line of `summary` in lines of so many columns, the further ones below where its sentence begins."""
    return textwrap.fill(line, columns, subsequent_indent=" " * SENTENCE_AT, break_on_hyphens=False)


def _named(operators: tuple[OperatorEstimate, ...]) -> str:
    names = [f"{one.step.kind} {one.step.index}" for one in operators]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


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
            "say nothing about an ESP32-S3"
        )
    if str(said.get("kernels", "")).startswith("microfer"):
        lines.append(
            "OWN KERNELS   microfer's compute some operators, the instructions are ESP-NN's: factors of --refit hold "
            "for firmware with them; for ESP-NN's own build with CONFIG_MICROFER_KERNELS=n"
        )
    return lines


def finding_lines(findings: Sequence[Finding]) -> list[str]:
    """Return the findings as lines of rich's markup, those that say the same of several operators as one."""
    alike: dict[tuple[str, str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        alike[finding.rule, finding.problem, finding.fix].append(finding)
    return [_finding_line(same) for same in alike.values()]


def finding_line(finding: Finding) -> str:
    """Return a finding as one line of rich's markup."""
    return _finding_line([finding])


def _finding_line(same: list[Finding]) -> str:
    first, costs = same[0], []
    colour = "red" if first.is_error else "yellow"
    if (instructions := sum(one.instructions for one in same)) >= 1:
        costs.append(f"{instructions:,.0f} instructions")
    if moved := sum(one.bytes for one in same):
        costs.append(f"{moved:,} bytes")
    cost = f" [{colour}]({', '.join(costs)})[/]" if costs else ""
    numbers = ", ".join(str(one.operator) for one in same if one.operator is not None)
    where = f" (operator{'s' if len(same) > 1 else ''} {numbers})" if numbers else ""
    return f"[bold {colour}]{first.rule}[/]{where}: {escape(first.problem)}{cost}. Fix: {escape(first.fix)}."


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
        above.bar(one.step.index, one.least / 1e6, color=colours[name], label=label)
        below.bar(one.step.index, sum(one.path.scratch_bytes) / 1024, color=colours[name])
    above.set_ylabel("million instructions")
    times = _milliseconds(network.shortest, network.longest, 0).replace("..", " to ")
    at_least = ("" if network.most_instructions is not None else "at least "), ("" if network.arena.is_exact else "≥ ")
    above.set_title(
        f"{Path(network.name).name}: {at_least[0]}{network.instructions / 1e6:.2f} M instructions "
        f"±{100 * network.error:.1f} %, {times} ms, arena {at_least[1]}{network.arena.used / 1024:.0f} KiB"
    )
    above.legend(fontsize="small", frameon=False)
    below.set_ylabel("scratch, KiB")
    below.set_xlabel("operator")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
    plt.close(figure)
