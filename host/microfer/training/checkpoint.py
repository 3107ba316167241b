"""The state of a run after an epoch, in one file, so that it is always consistent."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from microfer.archives import ArchiveError, read_arrays
from microfer.errors import MicroferError
from microfer.files import atomic_path
from microfer.json_reader import JsonError, parse, typed


@dataclass
class Progress:
    """How far a run has come.

    settings: what the run trains and how (network, recipe, seed, data); a resumed run must have the same.
    history: one row per finished epoch, see `loop.HISTORY_COLUMNS`.
    best_accuracy, best_macro_f1: on the validation split after `best_epoch`, the best one so far; 0..1, or -1 before.
    """

    settings: dict[str, Any]
    history: list[dict[str, float]] = field(default_factory=list)
    best_accuracy: float = -1.0
    best_macro_f1: float = -1.0
    best_epoch: int = 0

    @property
    def epoch(self) -> int:
        """The number of finished epochs."""
        return len(self.history)

    def best(self, measure: str) -> float:
        """Return "accuracy" or "macro_f1" of the best epoch."""
        return float(getattr(self, f"best_{measure}"))


def write(path: Path, progress: Progress, variables: dict[str, npt.NDArray[Any]]) -> None:
    """Write a checkpoint (.npz) as a whole or not at all."""
    text = json.dumps(vars(progress))
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, progress=np.array(text), **variables)


def read(path: Path) -> tuple[Progress, dict[str, npt.NDArray[Any]]]:
    """Return what `write` wrote.

    Raises:
        MicroferError: the file is missing or damaged.
    """
    try:
        variables = read_arrays(path)
        # A loss that is no number any more is what a training may come to, and Python writes it as NaN.
        progress = typed(parse(str(variables.pop("progress")), with_nan=True), Progress)
    except FileNotFoundError as error:
        raise MicroferError(f"there is no checkpoint {path}; start the run without --resume") from error
    except (OSError, KeyError, ArchiveError, JsonError) as error:
        raise MicroferError(f"the checkpoint {path} is damaged ({error}); start the run again") from error
    return progress, variables


def require_same(path: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Raise MicroferError, naming what differs, unless a run with settings `wanted` may resume from `found`."""
    for key, value in wanted.items():
        if found.get(key) != value:
            what, before, now = _difference(key, found.get(key), value)
            raise MicroferError(
                f"{path} is a checkpoint of another run: its {what} is {_short(before)}, this run's is "
                f"{_short(now)}; give the same options, or another --out"
            )


def _difference(what: str, before: Any, now: Any) -> tuple[str, Any, Any]:
    """Go into objects that bear one name, to the first value that is not alike in both."""
    if isinstance(before, dict) and isinstance(now, dict) and before.get("name") == now.get("name"):
        key = next(key for key in {**now, **before} if before.get(key) != now.get(key))
        return _difference(f"{what}'s {key}", before.get(key), now.get(key))
    return what, before, now


def _short(value: Any) -> str:
    text = value.get("name", json.dumps(value)) if isinstance(value, dict) else json.dumps(value)
    return text if len(text) < 80 else text[:77] + "..."
