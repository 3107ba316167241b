"""What scripts/measure.py kernels counted of whole networks on the emulated chip, with ESP-NN and the own kernels."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microfer.cost.own_kernels import OwnKernels, longest_s
from microfer.cost.step import Step
from microfer.errors import MicroferError
from microfer.files import read_bytes
from microfer.json_reader import parse

KERNELS_FILE = "kernels.json"
OWN, ESP_NN = "microfer", "esp-nn"
KERNELS = {OWN: "own kernels", ESP_NN: "ESP-NN"}
UNTRAINED = ", random weights"
"""Ends the name of a record of a network that nobody trained."""

_OPERATOR_KEYS = {OWN: "microfer", ESP_NN: "esp_nn"}


@dataclass(frozen=True)
class KernelRecord:
    """One network, by the keys of KERNELS. instructions: of an inference, all around the operators included.

    arena_bytes: as TFLM says. operators: kind, outputs and products of each; the latter 0 beside convolutions.
    spent: the instructions of each operator.
    """

    name: str
    instructions: dict[str, int]
    arena_bytes: dict[str, int]
    operators: tuple[tuple[str, int, int], ...]
    spent: dict[str, tuple[int, ...]]

    def of_kind(self, kind: str | None, kernels: str) -> int:
        """Return the instructions of all operators of a kind, or of all operators."""
        pairs = zip(self.operators, self.spent[kernels], strict=True)
        return sum(spent for (name, _, _), spent in pairs if kind in (None, name))


def read_kernels(path: Path) -> dict[str, KernelRecord]:
    """Return name -> record. A network that nobody trained is called "PRESET, random weights".

    Raises:
        MicroferError: the file is missing, or not what the script writes.
    """
    try:
        document = parse(read_bytes(path))
        entries = {document["model"]: document} | document.get("others", {})
        return {name: _record(name, entry) for name, entry in entries.items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MicroferError(f"{path} is not what scripts/measure.py kernels writes: {error!r}") from error


def _record(name: str, entry: dict[str, Any]) -> KernelRecord:
    rows = entry["operators"]
    return KernelRecord(
        name,
        {kernels: int(entry["networks"][kernels]["instructions"]) for kernels in KERNELS},
        {kernels: int(entry["networks"][kernels]["arena_bytes"]) for kernels in KERNELS},
        tuple((str(row["name"]), int(row["outputs"]), int(row["products"])) for row in rows),
        {kernels: tuple(int(row[key]) for row in rows) for kernels, key in _OPERATOR_KEYS.items()},
    )


def record_of(release: str | None, preset: str, steps: Sequence[Step], path: Path) -> KernelRecord | None:
    """Return the record of a release, or else of its preset with other weights, which cost the same; or None.

    steps: the operators that the network has now.

    Raises:
        MicroferError: the record is of a network of other shapes, or the file is damaged.
    """
    records = read_kernels(path)
    alike = (one for name, one in records.items() if re.fullmatch(rf"{re.escape(preset)}(-\d+|{UNTRAINED})", name))
    found = records.get(release or "") or next(alike, None)
    if found is not None and found.operators != tuple(_shape(step) for step in steps):
        raise MicroferError(
            f"{path}: {found.name!r} was counted on other operators than {release or preset} has now; count it again "
            "with scripts/measure.py kernels, as docs/kernels.md says"
        )
    return found


def own_kernels(steps: Sequence[Step], path: Path, weights: str = "flash", name: str = "") -> OwnKernels | None:
    """Return what a network of these operators takes with the firmware's own kernels; None where none was counted.

    Weights and scales hardly matter for the count, shapes do. weights: the memory that the weights lie in. name: of
    the model, whose own record comes before one of the same operators, and any release's before random weights'.

    Raises:
        MicroferError: the record is missing or damaged.
    """
    shapes = tuple(_shape(step) for step in steps)
    alike = [one for one in read_kernels(path).values() if one.operators == shapes]
    if not alike:
        return None
    found = min(alike, key=lambda one: (one.name != name, UNTRAINED in one.name))
    return OwnKernels(
        instructions=found.instructions[OWN],
        operators=found.spent[OWN],
        arena_bytes=found.arena_bytes[OWN],
        longest_s=longest_s(found.instructions[OWN], tuple(steps), weights),
        source=f"{path.parent.name}/{path.name}, {found.name}",
    )


def _shape(step: Step) -> tuple[str, int, int]:
    if step.kind != "CONV_2D":
        return step.kind, 0, 0
    return step.kind, step.pixels * step.output[2], step.kernel[0] * step.kernel[1] * step.filter_channels
