"""Where the released models lie. Standard library alone."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microfer.errors import MicroferError
from microfer.files import read_bytes
from microfer.json_reader import read_json

PACKAGE = Path(__file__).resolve().parent
"""This package; Python runs it, with a verb, as it does a script."""

IS_CHECKOUT = (PACKAGE.parents[1] / "models" / "DEFAULT").is_file()

REPOSITORY = PACKAGE.parents[1] if IS_CHECKOUT else PACKAGE / "installed"
"""The checkout; without one, what `pip install` brought of it, see setup.py: the same files at the same places."""

WORK = REPOSITORY if IS_CHECKOUT else Path()
"""Below it lies what commands write that are not told where: the folder that one is in, without a checkout."""

MODELS = REPOSITORY / "models"
"""One folder a release; the file DEFAULT beside them holds the name of the default one."""

MODEL_FILE = "model.tflite"
FLOAT_FILE = "float.keras"

MEASUREMENTS = REPOSITORY / "measurements"
"""What commands measured, as JSON: the cost model and the pages of docs/ are made from it."""

MANIFEST = REPOSITORY / "firmware" / "src" / "idf_component.yml"
"""Names the components that the firmware is built with, each pinned."""


def default_model(models: Path = MODELS) -> Path:
    """Return the path of the default release's .tflite.

    Raises:
        MicroferError: there is no DEFAULT, it names no folder of `models`, or that folder has no model.tflite.
    """
    pointer = models / "DEFAULT"
    if not pointer.is_file():
        raise MicroferError(f"{pointer} is missing, so there is no default model; name a .tflite on the command line")
    name = read_bytes(pointer).decode(errors="replace").strip()
    if not name or name.startswith(".") or Path(name).name != name:
        raise MicroferError(f"{pointer} holds {name!r}, expected the name of one folder in {models}")
    path = models / name / MODEL_FILE
    if not path.is_file():
        raise MicroferError(f"{pointer} names {name!r}, but {path} is missing; restore it or name another release")
    return path


@dataclass(frozen=True)
class Training:
    """How a release's network was trained: preset and recipe by name, and for how many epochs."""

    preset: str
    recipe: str
    epochs: int


def default_training(models: Path = MODELS) -> Training:
    """Return how the default release was trained, from its metrics.json.

    Raises:
        MicroferError: there is no default release, or its metrics.json cannot be read.
    """
    path = default_model(models).with_name("metrics.json")
    metrics = read_json(path, dict[str, Any])
    try:
        made = metrics["training"]["settings"]["recipe"]
        return Training(str(metrics["preset"]), str(made["name"]), int(made["epochs"]))
    except (KeyError, TypeError, ValueError) as error:
        raise MicroferError(f"{path} does not say how the release was trained ({error!r}); restore it") from error


def release_names(models: Path = MODELS) -> list[str]:
    """Return the names of all releases."""
    return sorted(path.parent.name for path in models.glob(f"*/{MODEL_FILE}"))


def with_releases(files: list[dict[str, str]], models: Path = MODELS) -> list[dict[str, str]]:
    """Return fingerprints of networks (`files.fingerprint`), those of releases as files below the repository.

    One that was trained from `models/s3-1/float.keras` then says so, and not `float.keras`, as every release calls it.
    """
    released = {
        hashlib.sha256(read_bytes(path)).hexdigest(): path.relative_to(models.parent).as_posix()
        for path in models.glob(f"*/{FLOAT_FILE}")
    }
    return [one | {"file": released.get(one["sha256"], one["file"])} for one in files]
