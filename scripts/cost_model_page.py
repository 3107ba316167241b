"""Write the figures of docs/cost-model.md: the fit, its check on networks outside it, and all networks on the chip.

python scripts/cost_model_page.py                 fit and check, from the measured files beside the page
python scripts/cost_model_page.py --networks      the table of all networks too (makes untrained ones, in runs/s3/)
"""

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY / "host"))

from microfer import command  # noqa: E402
from microfer.cost.costs import FITTED, fitted  # noqa: E402
from microfer.cost.dispatch import path_of  # noqa: E402
from microfer.cost.estimate import operator_estimate  # noqa: E402
from microfer.cost.memory import Placement  # noqa: E402
from microfer.cost.step import Step  # noqa: E402
from microfer.files import read_bytes  # noqa: E402
from microfer.publish.pages import update_block  # noqa: E402
from microfer.studies.chip import networks as chip  # noqa: E402

DOCS = REPOSITORY / "docs"
PAGE = DOCS / "cost-model.md"


def main() -> None:
    """Write the blocks."""
    parser = command.parser(__doc__ or "")
    parser.add_argument("--networks", action="store_true", help="write the table of all networks too")
    parser.add_argument("--cache", type=Path, default=REPOSITORY / "runs" / "s3", help="folder of untrained networks")
    options = parser.parse_args()
    update_block(PAGE, "check", check_lines())
    update_block(PAGE, "milliseconds", millisecond_lines())
    update_block(PAGE, "fit", fit_lines())
    if options.networks:
        rows = chip.compare(chip.deployable()[0], options.cache)
        update_block(PAGE, "networks", markdown(chip.HEADERS, [chip.cells(row) for row in rows]))


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
    return markdown(headers, rows)


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
        low, high = sum(one.shortest for one in ones), sum(one.longest for one in ones)
        where = "internal RAM" if arena == "internal" else "PSRAM"
        rows.append((where, f"{1e3 * low:.1f} to {1e3 * high:.1f} ms", f"{published} ms"))
    return markdown(("arena in", "person_detection, estimated", "published"), rows)


def fit_lines() -> list[str]:
    """Return each path's number of cases and error as a Markdown table."""
    paths = json.loads(read_bytes(FITTED))["paths"]
    rows = [(name, str(found["cases"]), f"{100 * found['error']:.0f} %") for name, found in paths.items()]
    return markdown(("path", "cases", "error, two standard deviations"), rows)


def markdown(headers: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    """Return the lines of a Markdown table."""
    rule = "|".join(["---", *["---:"] * (len(headers) - 1)])
    return [f"| {' | '.join(headers)} |", f"|{rule}|", *[f"| {' | '.join(row)} |" for row in rows]]


def _networks() -> list[dict[str, Any]]:
    networks: list[dict[str, Any]] = json.loads(read_bytes(DOCS / "s3-networks.json"))["networks"]
    return networks


def _steps(network: dict[str, Any]) -> list[tuple[Step, int]]:
    return [
        (Step.from_json({key: value for key, value in row.items() if key != "instructions"}), row["instructions"])
        for row in network["steps"]
    ]


if __name__ == "__main__":
    command.run(main)
