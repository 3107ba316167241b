"""A profile measured on a board: it replaces the estimates of the model it was taken of, and corrects those of others.

The file is JSON: {"format_version": 1, "model_sha256": "...", "unit": "us", "operators": [{"name": "CONV_2D", "value":
1234}, ...]}, with one value for each operator in the order of execution, in microseconds ("us") or clock ticks at
240 MHz ("ticks"), and, for models other than its own, "paths": {"conv rows": 1.08, ...}, which `microfer profile
--refit` adds: how much longer each path took than an instruction a tick. What `--port` measures has "measured_on"
too: board, firmware, kernels, runs, and whether the chip is an emulated one.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from microfer.cost.estimate import Estimate, OperatorEstimate
from microfer.cost.memory import CLOCK_HZ
from microfer.errors import MicroferError
from microfer.files import read_bytes, write_json
from microfer.json_reader import JsonError, parse, typed
from microfer.tflite.graph import TfliteModel

UNITS = {"us": 1e-6, "ticks": 1 / CLOCK_HZ}

LONGEST_TIME = 1e12
"""In one of UNITS, eleven days in microseconds; nor does anything take so many times longer than expected."""


@dataclass(frozen=True)
class Profile:
    """Times measured on a board, in seconds, and the name and factor of each path that they gave.

    measured_on: what the profile says of the board, by the names in its file; empty where it says nothing.
    """

    name: str
    model_sha256: str
    operators: tuple[tuple[str, float], ...]
    paths: Mapping[str, float]
    measured_on: Mapping[str, Any] = field(default_factory=dict)


def read_profile(path: Path) -> Profile:
    """Return the profile in a file.

    Raises:
        MicroferError: it cannot be read, or is not such a profile.
    """
    return profile_in(read_document(path), str(path))


def read_document(path: Path) -> dict[str, Any]:
    """Return a file's content, a JSON object.

    Raises:
        MicroferError: it cannot be read, or is something else.
    """
    try:
        return typed(parse(read_bytes(path)), dict[str, Any])
    except JsonError as error:
        raise MicroferError(f"{path} is not a profile: {error}; docs/cost-model.md shows the format") from error


def profile_in(document: Mapping[str, Any], name: str) -> Profile:
    """Return the profile that a file's content is. name: of the file or the port, for messages.

    Raises:
        MicroferError: it is not such a profile.
    """
    try:
        if document["format_version"] != 1:
            raise MicroferError(f"{name} is of format {document['format_version']}; this version reads format 1")
        unit = UNITS[document["unit"]]
        rows = typed(document["operators"], list[dict[str, Any]], "operators")
        operators = tuple((typed(row["name"], str, "name"), _time(row["value"], "value") * unit) for row in rows)
        paths = typed(document.get("paths", {}), dict[str, Any], "paths")
        factors = {path: _time(factor, f"paths.{path}") for path, factor in paths.items()}
        measured_on = typed(document.get("measured_on", {}), dict[str, Any], "measured_on")
        if measured_on:
            measured_on = measured_on | {"network_us": _time(measured_on["network_us"], "network_us")}
        return Profile(name, typed(document["model_sha256"], str, "model_sha256"), operators, factors, measured_on)
    except (KeyError, TypeError, JsonError) as error:  # TypeError: a unit that can be no key
        raise MicroferError(f"{name} is not a profile: {error!r}; docs/cost-model.md shows the format") from error


def _time(value: Any, where: str) -> float:
    number = typed(value, float, where)
    if not 0 < number < LONGEST_TIME:
        raise JsonError(f"{where} is {number:g}, which is not above 0 and below {LONGEST_TIME:g}")
    return number


def corrected(network: Estimate, model: TfliteModel, profile: Profile) -> Estimate:
    """Return the estimate of `model` as the profile has it: measured, or corrected path by path for another model.

    Raises:
        MicroferError: the profile is of this model, and has other operators; or it is of another and without factors.
    """
    if profile.model_sha256 == hashlib.sha256(model.content).hexdigest():
        _check(profile, network.operators)
        times = [seconds for _, seconds in profile.operators]
        measured = (
            replace(one, shortest=seconds, longest=seconds, is_measured=True)
            for one, seconds in zip(network.operators, times, strict=True)
        )
        return replace(network, operators=tuple(measured))
    if not profile.paths:
        raise MicroferError(
            f"{profile.name} was measured on another model and has no factors: write them with "
            "microfer profile ITS_MODEL --profile PROFILE --refit OUT"
        )
    scaled = (_scaled(one, profile.paths.get(one.path.name)) for one in network.operators)
    return replace(network, operators=tuple(scaled))


def _scaled(one: OperatorEstimate, factor: float | None) -> OperatorEstimate:
    if factor is None or one.instructions is None:
        return one
    seconds = one.shortest * factor
    return replace(one, shortest=seconds * (1 - one.error), longest=seconds * (1 + one.error))


def factors(profile: Profile, operators: tuple[OperatorEstimate, ...]) -> dict[str, float]:
    """Return path name -> measured time over one instruction a tick, from the estimates of the profile's own model.

    Raises:
        MicroferError: the profile has other operators than the model.
    """
    _check(profile, operators)
    measured: dict[str, float] = defaultdict(float)
    counted: dict[str, float] = defaultdict(float)
    for one, (_, seconds) in zip(operators, profile.operators, strict=True):
        if one.instructions:
            measured[one.path.name] += seconds
            counted[one.path.name] += one.instructions / CLOCK_HZ
    return {name: round(measured[name] / counted[name], 4) for name in sorted(measured)}


def _check(profile: Profile, operators: tuple[OperatorEstimate, ...]) -> None:
    names = [one.step.kind for one in operators]
    found = [name for name, _ in profile.operators]
    if names != found:
        at = next(
            (n for n, (a, b) in enumerate(zip(names, found, strict=False)) if a != b), min(len(names), len(found))
        )
        raise MicroferError(
            f"{profile.name} has {len(found)} operators and the model {len(names)}, the first difference at {at}: "
            "profile this model again"
        )


def write_factors(document: Mapping[str, Any], profile: Profile, network: Estimate, out: Path) -> None:
    """Write a profile's document, of which `profile` was read and which was taken of `network`, with its factors.

    Raises:
        MicroferError: the profile is of another network, or the file cannot be written.
    """
    write_json(out, {**document, "paths": factors(profile, network.operators)})
