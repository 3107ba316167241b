"""What an export begins with: a run, a network, or a model that is made already. Standard library alone."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microfer.errors import MicroferError
from microfer.json_reader import read_json
from microfer.release import MODEL_FILE, default_model

RUNS = Path("runs")
RUN_FILE = "run.json"
NETWORK_FILE = "best.keras"


@dataclass(frozen=True)
class Source:
    """What is exported, and why that.

    path: a .tflite, which is exported as it is; or a .keras, from which one is made.
    folder: where what is made of it goes.
    """

    path: Path
    folder: Path
    why: str

    @property
    def is_made(self) -> bool:
        """Whether it is a .tflite already."""
        return self.path.suffix.lower() == ".tflite"

    @property
    def model_id(self) -> str:
        """The name that the board reports: the run folder's, in the letters that a model's metadata allows."""
        name = self.folder.name if self.path.name == NETWORK_FILE else self.path.stem
        return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("._-")[:31] or "mine"


def choose(named: Path | None, runs: Path = RUNS) -> Source:
    """Return what to export: what is named, else the newest finished run in `runs`, else the default release.

    named: a run's folder, a .keras or a .tflite.

    Raises:
        MicroferError: what is named is none of these, or a run that has not come to its end.
    """
    if named is None:
        newest = newest_run(runs)
        if newest is None:
            return Source(default_model(), default_model().parent, f"the default release: {runs}/ has no finished run")
        return Source(newest / NETWORK_FILE, newest, f"the newest finished run in {runs}/")
    if named.is_dir():
        return _of_folder(named)
    if not named.is_file():
        raise MicroferError(f"there is no {named}; name a run's folder, a .keras or a .tflite")
    if named.suffix.lower() == ".tflite":
        return Source(named, named.parent, "named")
    if named.suffix.lower() == ".keras":
        in_run = named.name == NETWORK_FILE and (named.parent / RUN_FILE).is_file()
        return Source(named, named.parent if in_run else named.with_suffix(""), "named")
    raise MicroferError(f"{named} is neither a run's folder nor a .keras or .tflite file")


def newest_run(runs: Path) -> Path | None:
    """Return the folder of the run that ended last, None where none has come to its end."""
    finished = [folder for folder in runs.glob("*") if is_finished(folder)]
    return max(finished, key=lambda folder: (folder / RUN_FILE).stat().st_mtime, default=None)


def is_finished(folder: Path) -> bool:
    """Return whether a folder holds a run that has come to its end."""
    if not (folder / RUN_FILE).is_file() or not (folder / NETWORK_FILE).is_file():
        return False
    try:
        return "epochs" in read_json(folder / RUN_FILE, dict[str, Any])
    except MicroferError:  # a damaged one is not taken by itself; named, it is refused with the reason
        return False


def _of_folder(folder: Path) -> Source:
    if is_finished(folder):
        return Source(folder / NETWORK_FILE, folder, "named")
    if (folder / MODEL_FILE).is_file():
        return Source(folder / MODEL_FILE, folder, "named")
    if (folder / RUN_FILE).is_file():
        read_json(folder / RUN_FILE, dict[str, Any])
        raise MicroferError(
            f"the run in {folder} is not finished: continue it (train --resume), or name "
            f"{folder / NETWORK_FILE} to take its best epoch so far"
        )
    raise MicroferError(f"{folder} is not a run's folder: it holds neither {RUN_FILE} nor {MODEL_FILE}")
