"""Where the released models lie. Standard library alone."""

import hashlib
from pathlib import Path

from microfer.errors import MicroferError
from microfer.files import read_bytes

REPOSITORY = Path(__file__).resolve().parents[2]
MODELS = REPOSITORY / "models"
"""One folder a release; the file DEFAULT beside them holds the name of the one that tools take unless told."""

MODEL_FILE = "model.tflite"
FLOAT_FILE = "float.keras"

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


def with_releases(files: list[dict[str, str]], models: Path = MODELS) -> list[dict[str, str]]:
    """Return fingerprints of networks (`files.fingerprint`), those of releases as files below the repository.

    One that was trained from `models/s3-1/float.keras` then says so, and not `float.keras`, as every release calls it.
    """
    released = {
        hashlib.sha256(read_bytes(path)).hexdigest(): path.relative_to(models.parent).as_posix()
        for path in models.glob(f"*/{FLOAT_FILE}")
    }
    return [one | {"file": released.get(one["sha256"], one["file"])} for one in files]
