"""The one exception that microfer raises for what a user can put right, and how it shows a value."""

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")

TRAIN_LOCK_HINT = "python -m pip install --require-hashes -r requirements/train.lock"
"""What to do where a package is missing that only training, pruning and quantizing need."""


class MicroferError(Exception):
    """A problem in the input or the surroundings: a bad file, a missing package, a full disk.

    The message names what was read (file, row, key), what was expected and what to do about it. Commands print
    it as one line and exit with status 2; a traceback means a bug in microfer.
    """


def named(things: Mapping[str, T], name: str, kind: str) -> T:
    """Return the one of `things` that is called `name`. Raises MicroferError with the names that there are."""
    if name not in things:
        raise MicroferError(f"no {kind} is called {name!r}; there are: {', '.join(things)}")
    return things[name]


def shown(value: object, longest: int = 60) -> str:
    """Return what a wrong value looks like in an error: as Python writes it, cut to `longest` characters."""
    text = repr(value)
    return text if len(text) <= longest else text[: longest - 3] + "..."
