"""The figures of docs/cost-model.md: the fit, its check on networks outside it, and all networks on the chip."""

import math
from collections import defaultdict
from typing import Any

from microfer.cost.costs import FITTED, fitted
from microfer.cost.dispatch import path_of
from microfer.cost.estimate import operator_estimate
from microfer.cost.memory import Placement
from microfer.cost.step import Step
from microfer.json_reader import read_json
from microfer.publish.pages import table
from microfer.release import MEASUREMENTS
from microfer.studies.chip.networks import HEADERS, Row, cells


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
    for arena, published in (("internal", 47), ("psram", 54)):
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
