"""What one turn of each part of a path costs on the ESP32-S3, as fitted to the measured sweep."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import Any

from microfer.cost.path import Path
from microfer.errors import MicroferError
from microfer.json_reader import read_json

FITTED = FilePath(__file__).with_name("fitted.json")
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Costs:
    """The costs of one path: instructions for one turn of each part, and the error of a sum of them as a share."""

    parts: Mapping[str, float]
    error: float

    def instructions(self, path: Path) -> float:
        """Return the instructions of one invoke of an operator on this path."""
        return sum(self.parts.get(part, 0.0) * count for part, count in path.work.items())


@cache
def fitted() -> Mapping[str, Costs]:
    """Return path name -> its costs.

    Raises:
        MicroferError: the file is missing or of another version: the installation is damaged.
    """
    document = read_json(FITTED, dict[str, Any], "reinstall microfer")
    if document.get("format_version") != FORMAT_VERSION:
        raise MicroferError(f"{FITTED} is not of format {FORMAT_VERSION}: run scripts/generate.py costs, or reinstall")
    return MappingProxyType({name: Costs(path["costs"], path["error"]) for name, path in document["paths"].items()})


@cache
def versions() -> Mapping[str, str]:
    """Return what the costs were measured with: component -> version."""
    found: dict[str, str] = read_json(FITTED, dict[str, Any], "reinstall microfer")["versions"]
    return MappingProxyType(found)
