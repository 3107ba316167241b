"""Where the released models lie, and which model is the current one. Standard library alone."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microfer.errors import MicroferError
from microfer.files import read_bytes, write_json
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

CURRENT = "CURRENT"
"""The file beside DEFAULT that names the current model. It belongs to one checkout, so git ignores it."""

ENVIRONMENT = "MICROFER_MODEL"
"""The variable that names a .tflite, or a release, for every command that is not told another."""

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
class _Current:
    """What CURRENT holds. path: of the .tflite, from the repository's root or absolute; with the hash of its bytes."""

    path: str
    sha256: str


@dataclass(frozen=True)
class Chosen:
    """A model that a command took by itself, and why: a clause such as "the default release"."""

    path: Path
    why: str

    @property
    def is_own(self) -> bool:
        """Whether it is another one than the default release."""
        try:
            return self.path != default_model()
        except MicroferError:
            return True

    @property
    def sha256(self) -> str:
        """Of the file, hexadecimal."""
        return hashlib.sha256(read_bytes(self.path)).hexdigest()

    def describe(self) -> str:
        """Return which model it is and why, for people."""
        where = self.path.relative_to(REPOSITORY) if self.path.is_relative_to(REPOSITORY) else self.path
        return f"model: {where} ({self.why})"


def current_model(models: Path = MODELS) -> Chosen:
    """Return the model that commands take unless told: `MICROFER_MODEL`, else the current one, else the default.

    The current model is the one that was exported last, or chosen by `microfer model use`.

    Raises:
        MicroferError: what names the model is damaged, or the model that it names is gone or no longer the same.
    """
    if named := os.environ.get(ENVIRONMENT):
        return Chosen(find_model(named, models), f"named by {ENVIRONMENT}")
    pointer = models / CURRENT
    if not pointer.is_file():
        return Chosen(default_model(models), "the default release; none of your own was exported yet")
    again = "export a model again, or go back to a release: microfer model use NAME"
    current = read_json(pointer, _Current, again)
    path, sha256 = models.parent / current.path, current.sha256
    if not path.is_file():
        raise MicroferError(f"the current model {path} is gone; {again}")
    if hashlib.sha256(read_bytes(path)).hexdigest() != sha256:
        raise MicroferError(f"the current model {path} has changed since it was exported; {again}")
    if path.parent.parent == models:
        return Chosen(path, f"the release {path.parent.name}, chosen as the current model")
    return Chosen(path, "the current model: exported last")


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


def use_model(path: Path, models: Path = MODELS) -> None:
    """Make the .tflite at `path` the current model.

    Raises:
        MicroferError: it cannot be read, or the pointer cannot be written.
    """
    sha256 = hashlib.sha256(read_bytes(path)).hexdigest()
    path, root = path.resolve(), models.parent.resolve()
    inside = path.relative_to(root) if path.is_relative_to(root) else path
    write_json(models / CURRENT, {"path": inside.as_posix(), "sha256": sha256})
    (models / "DEFAULT").touch()  # a build depends on it, also one that was configured before there was a CURRENT


def find_model(name: str, models: Path = MODELS) -> Path:
    """Return the .tflite that `name` is: a file, a folder with a model.tflite, or a release's name.

    Files are looked for from here, then from the repository's root.

    Raises:
        MicroferError: there is no such file and no such release, with the releases that there are.
    """
    for path in (Path(name), models.parent / name):
        if path.is_file():
            return path.resolve()
        if (path / MODEL_FILE).is_file():
            return (path / MODEL_FILE).resolve()
    if name in (known := release_names(models)):
        return models / name / MODEL_FILE
    raise MicroferError(f"there is no file and no release {name!r}; the releases are: {', '.join(known)}")


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
