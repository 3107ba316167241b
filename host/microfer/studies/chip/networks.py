"""Networks side by side on an ESP32-S3: the cost model's figures, and the accuracies that were recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.table import Table

from microfer.cost.estimate import estimate
from microfer.cost.lint import lint
from microfer.errors import MicroferError
from microfer.json_reader import typed
from microfer.model.baselines import Application
from microfer.model.networks import NETWORKS, network
from microfer.model.table import layers
from microfer.studies.accuracy.recorded import Accuracy, releases
from microfer.tflite import tflite_file

MOST_WEIGHT_BYTES = 6 * 1024 * 1024
"""Of a board's 8 MB of flash, what the program leaves."""


@dataclass(frozen=True)
class Row:
    """One network on the chip.

    accuracies: of the int8 network on PublicTest; the release's first, none where none was recorded.
    flash_kib: of the .tflite, weights included. error: of instructions, a share.
    milliseconds: at one instruction a cycle, and with all memory traffic on top, of one invoke. findings: of the lint.
    """

    name: str
    accuracies: tuple[Accuracy, ...]
    weight_kib: float
    flash_kib: float
    arena_kib: float
    arena_in: str
    macs: int
    instructions: int
    error: float
    milliseconds: tuple[float, float]
    findings: int

    @property
    def accuracy(self) -> float | None:
        """The release's accuracy, or else a comparison's, 0..1; None where there is none."""
        return self.accuracies[0].value if self.accuracies else None

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        return {"name": self.name, "accuracy": self.accuracy} | asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Row":
        """Return the row that `to_json` wrote. Raises JsonError where it is none."""
        return typed({key: value for key, value in values.items() if key != "accuracy"}, cls)

    def released(self) -> "Row":
        """Return the row with the accuracies of releases alone."""
        return replace(self, accuracies=tuple(one for one in self.accuracies if one.is_released))


def deployable() -> tuple[list[str], list[str]]:
    """Return the names of the networks that can be put on a board, and a sentence for each that cannot."""
    names, left_out = [], []
    for name, config in NETWORKS.items():
        if isinstance(config, Application):
            left_out.append(f"{name}: left out, as it is for comparison on a host alone")
            continue
        weights = sum(layer.int8_bytes for layer in layers(config))
        if weights > MOST_WEIGHT_BYTES:
            left_out.append(f"{name}: left out, as {weights / 1024**2:.1f} MiB of weights exceed a board's flash")
        else:
            names.append(name)
    return [*names, *(name for name in releases() if name not in NETWORKS)], left_out


def compare(names: Sequence[str], cache: Path, results: Mapping[str, Accuracy] | None = None) -> list[Row]:
    """Return a row for each network or release; `cache` is the folder of untrained ones.

    results: name -> accuracy under one budget, beside what the releases have.

    Raises:
        MicroferError: a name is unknown, or a network must be made and TensorFlow is not installed.
    """
    return [_row(name, cache, results or {}) for name in names]


def _row(name: str, cache: Path, results: Mapping[str, Accuracy]) -> Row:
    released = releases().get(name)
    if released is None:
        config = network(name)
        from microfer.studies.chip.untrained import untrained_tflite

        path = untrained_tflite(config, cache)
    else:
        path = released.path
    one = estimate(tflite_file.read(path))
    if one.longest is None:
        unknown = ", ".join(f"{operator.step.kind} {operator.step.index}" for operator in one.unknown)
        raise MicroferError(f"{name}: what {unknown} cost was never measured, so it cannot be compared")
    accuracies = [released.accuracy] if released else []
    accuracies += [results[name]] if name in results else []
    return Row(
        name=name,
        accuracies=tuple(accuracies),
        weight_kib=round(one.weight_bytes / 1024, 1),
        flash_kib=round(one.flash_bytes / 1024, 1),
        arena_kib=round(one.arena.used / 1024, 1),
        arena_in="internal RAM" if one.fits_internal else "PSRAM",
        macs=one.macs,
        instructions=round(one.instructions),
        error=round(one.error, 4),
        milliseconds=(round(1e3 * one.shortest, 1), round(1e3 * one.longest, 1)),
        findings=len(lint(one)),
    )


HEADERS = ("network", "accuracy", "weights KiB", "arena KiB", "instructions", "ms", "frames a second", "findings")

NARROW_HEADERS = ("network", "accuracy", "weights\nKiB", "arena\nKiB", "instruc-\ntions", "ms", "frames/s", "lint")
"""The same for a terminal of 80 columns."""

SHORT_BUDGET = "*"
"""Stands behind an accuracy that is not a release's."""


def cells(row: Row) -> tuple[str, ...]:
    """Return what a table shows of a row, one text for each of HEADERS."""
    low, high = row.milliseconds
    mark = "" if row.accuracies and row.accuracies[0].is_released else SHORT_BUDGET
    return (
        row.name,
        "" if row.accuracy is None else f"{100 * row.accuracy:.1f} %{mark}",
        f"{row.weight_kib:.0f}",
        f"{row.arena_kib:.0f}" + (" PSRAM" if row.arena_in == "PSRAM" else ""),
        f"{row.instructions / 1e6:.1f} M ±{100 * row.error:.0f} %",
        f"{low:.0f}..{high:.0f}",
        f"{_rate(high)}..{_rate(low)}",
        str(row.findings),
    )


def _rate(milliseconds: float) -> str:
    rate = 1e3 / milliseconds
    return f"{rate:.1f}" if rate < 10 else f"{rate:.0f}"


def notes(rows: Sequence[Row]) -> list[str]:
    """Return sentences that explain the cells of these rows."""
    lines = [
        "Accuracy: int8, on PublicTest. Time: the network alone with ESP-NN, estimated. Arena: internal RAM, or PSRAM."
    ]
    budgets = {one.source for row in rows for one in row.accuracies[:1] if not one.is_released}
    lines += [f"{SHORT_BUDGET} not a release, but of a comparison: {budget}." for budget in sorted(budgets)]
    without = [row.name for row in rows if not row.accuracies]
    if without:
        lines.append(f"No accuracy was recorded of {', '.join(without)}.")
    return lines


def rows_table(rows: Sequence[Row]) -> Table:
    """Return the rows as a table for a terminal of 80 columns or more."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for number, header in enumerate(NARROW_HEADERS):
        table.add_column(header, justify="left" if number == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*cells(row))
    return table
