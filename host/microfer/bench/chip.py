"""Networks side by side on an ESP32-S3: the cost model's figures, and the accuracy of those that are released."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from microfer.deploy import tflite_file
from microfer.deploy.cost.estimate import estimate
from microfer.deploy.cost.lint import lint
from microfer.deploy.release import MODEL_FILE, MODELS
from microfer.files import read_bytes
from microfer.model.baselines import Application
from microfer.model.networks import NETWORKS, network
from microfer.model.table import layers

MOST_WEIGHT_BYTES = 6 * 1024 * 1024
"""Of a board's 8 MB of flash, what the program leaves."""


@dataclass(frozen=True)
class Row:
    """One network on the chip.

    accuracy: of the released int8 model on PublicTest, 0..1, None where there is none. error: of instructions, a share.
    milliseconds: at one instruction a cycle, and with all memory traffic on top, of one invoke. findings: of the lint.
    """

    name: str
    accuracy: float | None
    weight_kib: float
    arena_kib: float
    arena_in: str
    macs: int
    instructions: int
    error: float
    milliseconds: tuple[float, float]
    findings: int

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        return asdict(self)


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
    return names, left_out


def compare(names: list[str], cache: Path) -> list[Row]:
    """Return a row for each network; `cache` is the folder of untrained ones.

    Raises:
        MicroferError: a name is unknown, or a network must be made and TensorFlow is not installed.
    """
    return [_row(name, cache) for name in names]


def _row(name: str, cache: Path) -> Row:
    config = network(name)
    released = _released(name)
    if released is None:
        from microfer.compress.untrained import untrained_tflite

        path, accuracy = untrained_tflite(config, cache), None
    else:
        path, accuracy = released
    one = estimate(tflite_file.read(path))
    return Row(
        name=name,
        accuracy=accuracy,
        weight_kib=round(one.weight_bytes / 1024, 1),
        arena_kib=round(one.arena.used / 1024, 1),
        arena_in="internal RAM" if one.fits_internal else "PSRAM",
        macs=one.macs,
        instructions=round(one.instructions),
        error=round(one.error, 4),
        milliseconds=(round(1e3 * one.shortest, 1), round(1e3 * one.longest, 1)),
        findings=len(lint(one)),
    )


def _released(name: str) -> tuple[Path, float] | None:
    """Return the .tflite of the newest release of a preset, and its accuracy."""
    for folder in sorted(MODELS.glob("*/"), reverse=True):
        if (folder / "metrics.json").is_file() and (folder / MODEL_FILE).is_file():
            metrics = json.loads(read_bytes(folder / "metrics.json"))
            if metrics["preset"] == name:
                return folder / MODEL_FILE, float(metrics["int8"]["accuracy"])
    return None


HEADERS = ("network", "accuracy", "weights KiB", "arena KiB", "instructions", "ms", "frames a second", "findings")


def cells(row: Row) -> tuple[str, ...]:
    """Return what a table shows of a row, one text for each of HEADERS."""
    low, high = row.milliseconds
    return (
        row.name,
        "" if row.accuracy is None else f"{100 * row.accuracy:.1f} %",
        f"{row.weight_kib:.0f}",
        f"{row.arena_kib:.0f} ({row.arena_in})",
        f"{row.instructions / 1e6:.1f} M ±{100 * row.error:.0f} %",
        f"{low:.0f} to {high:.0f}",
        f"{1e3 / high:.1f} to {1e3 / low:.1f}",
        str(row.findings),
    )


def rows_table(rows: list[Row]) -> Table:
    """Return the rows as a table for a terminal."""
    table = Table(box=box.SIMPLE)
    for number, header in enumerate(HEADERS):
        table.add_column(header, justify="left" if number == 0 else "right")
    for row in rows:
        table.add_row(*cells(row))
    return table
