"""Which model commands take by themselves: the one that was exported last, or a release. Standard library alone."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from microfer.errors import MicroferError
from microfer.files import read_bytes, write_json
from microfer.json_reader import read_json
from microfer.release import IS_CHECKOUT, MODEL_FILE, MODELS, REPOSITORY, WORK, default_model, release_names

CURRENT = "CURRENT"
"""The file that names the current model: beside DEFAULT in a checkout, where git ignores it, else in runs/."""

ENVIRONMENT = "MICROFER_MODEL"
"""The variable that names a .tflite, or a release, for every command that is not told another."""


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
    pointer = pointer_of(models)
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


def use_model(path: Path, models: Path = MODELS) -> None:
    """Make the .tflite at `path` the current model.

    Raises:
        MicroferError: it cannot be read, or the pointer cannot be written.
    """
    sha256 = hashlib.sha256(read_bytes(path)).hexdigest()
    path, root = path.resolve(), models.parent.resolve()
    inside = path.relative_to(root) if path.is_relative_to(root) else path
    pointer = pointer_of(models)
    write_json(pointer, {"path": inside.as_posix(), "sha256": sha256})
    if pointer.parent == models:
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


def pointer_of(models: Path = MODELS) -> Path:
    """Return the path of CURRENT: not among what `pip install` brought, which is not to be written."""
    return models / CURRENT if IS_CHECKOUT or models != MODELS else (WORK / "runs" / CURRENT).resolve()
