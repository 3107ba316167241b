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
FORMAT_VERSION = 2

KEYED_BY = ("esp-nn", "esp-tflite-micro")
"""Components whose release decides which code computes an operator, its scratch and what TFLM keeps."""


@dataclass(frozen=True)
class Costs:
    """The costs of one path: instructions for one turn of each part, and the error of a sum of them as a share.

    largest: instructions of the largest operator that was measured on it; what is larger is outside the fit.
    """

    parts: Mapping[str, float]
    error: float
    largest: float

    def instructions(self, path: Path) -> float:
        """Return the instructions of one invoke of an operator on this path."""
        return sum(self.parts.get(part, 0.0) * count for part, count in path.work.items())


@dataclass(frozen=True)
class _Fit:
    versions: Mapping[str, str]
    paths: Mapping[str, Costs]


def fitted(components: Mapping[str, str] | None = None) -> Mapping[str, Costs]:
    """Return path name -> its costs, as measured with these releases; {} where nothing was measured with them.

    components: name -> version, of which those of KEYED_BY count; the default is what was measured last.

    Raises:
        MicroferError: the file is missing or of another version: the installation is damaged.
    """
    if components is None:
        return _fits()[-1].paths
    wanted = {**versions(), **components}
    same = (fit for fit in _fits() if all(fit.versions[name] == wanted[name] for name in KEYED_BY))
    return next((fit.paths for fit in same), MappingProxyType({}))


def versions() -> Mapping[str, str]:
    """Return what the costs were measured with last: component -> version."""
    return _fits()[-1].versions


@cache
def _fits() -> tuple[_Fit, ...]:
    document = read_json(FITTED, dict[str, Any], "reinstall microfer")
    if document.get("format_version") != FORMAT_VERSION:
        raise MicroferError(f"{FITTED} is not of format {FORMAT_VERSION}: run scripts/generate.py costs, or reinstall")
    return tuple(_Fit(MappingProxyType(fit["versions"]), _paths(fit["paths"])) for fit in document["fits"])


def _paths(paths: Mapping[str, Any]) -> Mapping[str, Costs]:
    found = {name: Costs(path["costs"], path["error"], path["largest"]) for name, path in paths.items()}
    return MappingProxyType(found)
