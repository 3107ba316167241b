"""The figures of docs/cost-model.md: the fit, its check on networks outside it, and all networks on the chip."""

import math
from collections import defaultdict
from pathlib import Path
from typing import Any

from microfer.cost.costs import FITTED, fitted
from microfer.cost.dispatch import path_of
from microfer.cost.estimate import estimate, operator_estimate
from microfer.cost.memory import CLOCK_HZ, SPEEDS, Placement
from microfer.cost.step import Step
from microfer.json_reader import read_json, typed
from microfer.markdown import table
from microfer.release import MEASUREMENTS, MODELS
from microfer.studies.chip.kernel_record import KERNELS_FILE, own_kernels
from microfer.studies.chip.networks import HEADERS, Row, cells
from microfer.studies.chip.public_networks import PublicNetwork
from microfer.tflite import tflite_file

PUBLIC_HEADERS = (
    *("network", "multiply-accumulates", "instructions, ESP-NN", "ms", "arena on the chip"),
    *("arena on a computer", "published by others"),
)


def check_lines() -> list[str]:
    """Return the check on whole networks as a Markdown table."""
    rows = []
    for network in _networks():
        kinds = sums(network)
        guess = sum(one for one, _ in kinds.values())
        worst, error = max(((kind, a / b - 1) for kind, (a, b) in kinds.items()), key=lambda row: abs(row[1]))
        rows.append(
            (
                network["name"],
                f"{network['instructions']:,}",
                f"{guess:,.0f}",
                f"{100 * (guess / network['instructions'] - 1):+.1f} %",
                f"{worst} {100 * error:+.1f} %",
                f"{network['arena_bytes']:,}",
                f"{network['arena_estimate']:,}",
            )
        )
    headers = ("network", "counted", "estimated", "error", "worst kind of operator", "arena counted", "arena estimated")
    return table(headers, rows)


def sums(network: dict[str, Any]) -> dict[str, list[float]]:
    """Return kind of operator -> estimated and counted instructions of a recorded network."""
    kinds: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for step, counted in _steps(network):
        path = path_of(step)
        kinds[step.kind][0] += fitted()[path.name].instructions(path)
        kinds[step.kind][1] += counted
    return kinds


def millisecond_lines() -> list[str]:
    """Return person_detection's range with the arena in either memory, beside what Espressif publishes."""
    network = next(one for one in _networks() if one["name"] == "person_detection")
    rows = []
    for arena, published in _published()["person_detect_ms"].items():
        ones = [operator_estimate(step, path_of(step), Placement(arena)) for step, _ in _steps(network)]
        low, high = sum(one.shortest for one in ones), sum(one.longest or math.inf for one in ones)
        where = "internal RAM" if arena == "internal" else "PSRAM"
        rows.append((where, f"{1e3 * low:.1f} to {1e3 * high:.1f} ms", f"{published} ms"))
    return table(("arena in", "person_detection, estimated", "published"), rows)


def fit_lines() -> list[str]:
    """Return each path's number of cases and error as a Markdown table."""
    paths = read_json(FITTED, dict[str, Any])["fits"][-1]["paths"]
    rows = [(name, str(found["cases"]), f"{100 * found['error']:.0f} %") for name, found in paths.items()]
    return table(("path", "cases", "error, two standard deviations"), rows)


def public_lines() -> list[str]:
    """Return the networks that others publish: what is estimated, what TFLM takes, and what is published."""
    published = _published()["networks"]
    networks = typed(read_json(MEASUREMENTS / "public-networks.json", dict[str, Any])["networks"], list[PublicNetwork])
    rows = [(*_public_cells(one), "; ".join(published.get(one.name, ()))) for one in networks]
    return table(PUBLIC_HEADERS, rows, left=(0, len(PUBLIC_HEADERS) - 1))


def _public_cells(one: PublicNetwork) -> tuple[str, ...]:
    at_least = "" if one.instructions_at_most is not None else "≥ "
    low, high = one.milliseconds
    refused = f"refused: {one.refused.split(' / ')[0].split('.cc ')[-1].rstrip('.')}" if one.refused else ""
    return (
        f"[{one.name}]({one.repository}/blob/HEAD/{one.path})",
        f"{'' if one.counts_all_macs else '≥ '}{one.macs:,}",
        f"{at_least}{one.instructions:,}",
        f"≥ {_ms(low)}" if high is None else f"{_ms(low)} to {_ms(high)}",
        f"{'' if one.arena_is_exact else '≥ '}{one.arena_bytes:,}",
        refused or f"{one.tflm_bytes:,}",
    )


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.1f}" if milliseconds >= 10 else f"{milliseconds:.2f}"


def speed_lines() -> list[str]:
    """Return multiply-accumulates a cycle: of the releases, estimated, and of other kernels, as published."""
    rows = [row for folder in sorted(MODELS.glob("*/model.tflite")) if (row := _release_speed(folder)) is not None]
    for one in _published()["speeds"]:
        cycles = one["milliseconds"] * 1e-3 * CLOCK_HZ
        cores = "" if one["cores"] == 1 else ", both cores"
        rate, source = f"{one['macs'] / cycles:.2f}", f"published, {one['source']}"
        rows.append((one["what"], f"{one['kernels']}{cores}", f"{one['milliseconds']:.4g}", rate, source))
    headers = ("what", "kernels", "ms at 240 MHz", "multiply-accumulates a cycle", "whose figure")
    return table(headers, rows, left=(0, 1, 4))


def _release_speed(model: Path) -> tuple[str, ...] | None:
    """Return the row of a release that was counted with the firmware's own kernels itself."""
    network = estimate(tflite_file.read(model))
    name = model.parent.name
    own = own_kernels([one.step for one in network.operators], MEASUREMENTS / KERNELS_FILE, name=name)
    if own is None or not own.source.endswith(f", {name}"):
        return None
    low, high = (network.macs / (seconds * CLOCK_HZ) for seconds in (own.longest_s, own.shortest_s))
    times = f"{1e3 * own.shortest_s:.1f} to {1e3 * own.longest_s:.1f}"
    return name, "microfer's own", times, f"{low:.2f} to {high:.2f}", "estimated from counted instructions"


def _published() -> dict[str, Any]:
    return read_json(MEASUREMENTS / "published.json", dict[str, Any])


def memory_lines() -> list[str]:
    """Return how fast each memory fills the data cache, and who measured that."""
    rows = [
        (name, str(one.line_bytes), f"{1e9 * one.line_s:.0f}", f"{one.bytes_per_s / 1e6:.1f}", one.source)
        for name, one in SPEEDS.items()
    ]
    return table(("memory", "bytes a line", "ns a line", "MB/s", "measured by others"), rows, left=(0, 4))


def network_lines() -> list[str]:
    """Return all networks on the chip as a Markdown table; accuracies are of releases alone."""
    rows = read_json(MEASUREMENTS / "networks.json", list[dict[str, Any]])
    return table(HEADERS, [cells(Row.from_json(row).released()) for row in rows])


def _networks() -> list[dict[str, Any]]:
    networks: list[dict[str, Any]] = read_json(MEASUREMENTS / "s3-networks.json", dict[str, Any])["networks"]
    return networks


def _steps(network: dict[str, Any]) -> list[tuple[Step, int]]:
    return [
        (Step.from_json({key: value for key, value in row.items() if key != "instructions"}), row["instructions"])
        for row in network["steps"]
    ]
