"""Accuracies of networks as commands recorded them: of releases, and of a comparison under one recipe."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microfer.errors import MicroferError
from microfer.files import read_bytes
from microfer.json_reader import parse, read_json
from microfer.release import MODEL_FILE, MODELS, REPOSITORY

SCHEMA = "microfer.comparison/1"
"""Of the compare.json that `table.Comparison` writes."""

RECORDS = REPOSITORY / "measurements"

DRAWN_FACES = "drawn faces"
"""What a comparison calls its data where it was not FER-2013."""


@dataclass(frozen=True)
class Accuracy:
    """One accuracy of an int8 network on PublicTest.

    value: 0..1. source: a release's name, or the budget that all networks of a comparison were given.
    is_released: it is a release's.
    """

    value: float
    source: str
    is_released: bool


@dataclass(frozen=True)
class Released:
    """A released network. name: the preset's, or the release's where the preset has a plainer one."""

    name: str
    path: Path
    accuracy: Accuracy


def releases(models: Path = MODELS) -> dict[str, Released]:
    """Return name -> release, for every folder of `models` with a metrics.json and a model.

    A preset's name stands for its newest PRESET-NUMBER; all other releases, such as pruned ones, have their own names.

    Raises:
        MicroferError: a metrics.json is damaged.
    """
    found: dict[str, Released] = {}
    newest: dict[str, int] = {}
    for file in sorted(models.glob("*/metrics.json")):
        folder = file.parent
        if not (folder / MODEL_FILE).is_file():
            continue
        try:
            metrics = parse(read_bytes(file))
            preset = str(metrics["preset"])
            accuracy = Accuracy(float(metrics["int8"]["accuracy"]), folder.name, is_released=True)
        except (KeyError, TypeError, ValueError) as error:
            raise MicroferError(f"{file} is not a release's: {error!r}; scripts/release.py writes it") from error
        numbered = re.fullmatch(rf"{re.escape(preset)}-(\d+)", folder.name)
        name = folder.name
        if numbered and int(numbered[1]) > newest.get(preset, -1):
            newest[preset] = int(numbered[1])
            if preset in found:
                older = found[preset]
                found[older.path.parent.name] = Released(older.path.parent.name, older.path, older.accuracy)
            name = preset
        found[name] = Released(name, folder / MODEL_FILE, accuracy)
    return found


def read_results(path: Path) -> dict[str, Accuracy]:
    """Return name -> accuracy from the compare.json that `microfer compare` wrote; networks without int8 are left out.

    Raises:
        MicroferError: the file is no such comparison, or one of drawn faces, which says nothing about real ones.
    """
    try:
        document = parse(read_bytes(path))
        if document["schema"] != SCHEMA:
            raise MicroferError(f"{path} has the schema {document['schema']!r}, expected {SCHEMA!r}")
        budget = document["budget"]
        if budget["data"] == DRAWN_FACES:
            raise MicroferError(
                f"{path} compares on drawn faces, which says nothing about real ones: give microfer compare --data"
            )
        source = f"recipe {budget['recipe']}, {int(budget['epochs'])} epochs"
        if budget["limit"]:
            source += f", {int(budget['limit'])} images of each split"
        return {
            str(row["name"]): Accuracy(float(row["int8_accuracy"]), source, is_released=False)
            for row in document["rows"]
            if row["int8_accuracy"] is not None
        }
    except (KeyError, TypeError, ValueError) as error:
        raise MicroferError(
            f"{path} is not what microfer compare writes ({error!r}); name the compare.json in its --out folder"
        ) from error


def by_epochs(preset: str, recipe: str, records: Path = RECORDS) -> dict[int, float]:
    """Return epochs -> float accuracy on PublicTest, 0..1, of plain runs on record of a preset under a recipe.

    Plain: from random weights, without teachers. One seed each, the best one where there are several; empty where
    nothing is on record.

    Raises:
        MicroferError: a record is damaged.
    """
    found: dict[int, float] = {}
    if (compared := records / "compare.json").is_file():
        document = read_json(compared, dict[str, Any])
        if document["budget"]["recipe"] == recipe:
            rows = [row for row in document["rows"] if row["name"] == preset]
            found |= {int(document["budget"]["epochs"]): float(row["accuracy"]) for row in rows}
    if (tried := records / "runs.json").is_file():
        for run in read_json(tried, dict[str, Any])["runs"]:
            is_plain = not run["teachers"] and not run["is_continued"]
            if is_plain and (run["network"], run["recipe"]) == (preset, recipe):
                found[run["epochs"]] = max(float(run["accuracy"]), found.get(run["epochs"], 0.0))
    return dict(sorted(found.items()))
