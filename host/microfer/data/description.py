"""`dataset.toml`: what a data set does not say by itself, written down once, for every command that reads it.

    classes = {1 = "surprise", 2 = "fear", contempt = ""}   # folder or CSV label = its class; "" leaves it out
    absent = ["disgust"]                                    # classes that Training may lack
    validation = "10%"                                      # of Training, set aside; "test": the test images

It stands in the data set's folder or zip, or beside a file `faces.csv` as `faces.dataset.toml`. What it says is shown
whenever the data is read.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from microfer.contract import LABELS
from microfer.data.entries import Entry, open_file
from microfer.data.spelling import CLASS_HELP, label_of
from microfer.errors import MicroferError

FILE = "dataset.toml"
MAX_BYTES = 64 << 10
"""Of such a file; one with sixteen classes has some hundred."""

_KEYS = ("classes", "absent", "validation")
_TEST = "test"


@dataclass(frozen=True)
class Description:
    """What is said of a data set.

    source: the file that says it, or would. meanings: class index by name in small letters, None: left out.
    absent: class indices that Training may lack. validation: the share of Training that is set aside for it, above 0
    and below 1; 0: what the data set has; 1: the test images serve.
    """

    source: str
    meanings: Mapping[str, int | None] = field(default_factory=dict)
    absent: tuple[int, ...] = ()
    validation: float = 0.0

    @property
    def says_something(self) -> bool:
        """Whether there is such a file, with anything in it."""
        return bool(self.meanings or self.absent or self.validation)

    def knows(self, name: str) -> bool:
        """Return whether the file says something of this name."""
        return _key(name) in self.meanings

    def leaves_out(self, name: str) -> bool:
        """Return whether the images of this name are left out."""
        return self.knows(name) and self.meanings[_key(name)] is None

    def label_of(self, name: str) -> int | None:
        """Return the index of the class that a name means, or None where it means none.

        Digits mean none by themselves, since data sets count their classes differently.
        """
        if self.knows(name):
            return self.meanings[_key(name)]
        return None if _key(name).isdigit() else label_of(name)

    def describe(self) -> str:
        """Return one line for people."""
        meanings = ", ".join(
            f"{name} is {'left out' if label is None else LABELS[label]}" for name, label in self.meanings.items()
        )
        absent = f"Training may lack {', '.join(LABELS[label] for label in self.absent)}" if self.absent else ""
        return f"{self.source}: {'; '.join(filter(None, (meanings, absent, self._validation())))}"

    def _validation(self) -> str:
        if self.validation == 1:
            return "the test images serve for validation, so they are no independent test"
        return f"{self.validation:.0%} of Training is set aside for validation" if self.validation else ""


def beside(path: Path) -> Description:
    """Return what the file beside `path` says of it; nothing where there is none.

    Raises:
        MicroferError: it cannot be read or understood.
    """
    source = path.with_name(f"{path.name.split('.')[0]}.{FILE}")
    if not source.exists():
        return Description(str(source))
    with open_file(source) as file:
        return parse(file.read(MAX_BYTES + 1), str(source))


def among(entries: Sequence[Entry], where: str) -> Description:
    """Return what a folder's or zip's own file says, the uppermost of that name; nothing where there is none.

    Raises:
        MicroferError: it cannot be read or understood, or two stand at the same height.
    """
    found = sorted(
        (entry for entry in entries if PurePosixPath(entry.name).name == FILE), key=lambda entry: entry.name.count("/")
    )
    if not found:
        return Description(f"{where}: {FILE}")
    if len(found) > 1 and found[0].name.count("/") == found[1].name.count("/"):
        raise MicroferError(f"{where} holds {found[0].name} and {found[1].name}; keep one of them, at the top")
    with found[0].open() as file:
        return parse(file.read(MAX_BYTES + 1), f"{where}: {found[0].name}")


def parse(content: bytes, source: str) -> Description:
    """Return what the text of such a file says.

    Raises:
        MicroferError: it is longer than `MAX_BYTES`, no TOML, or says something that is not known.
    """
    if len(content) > MAX_BYTES:
        raise MicroferError(f"{source}: longer than {MAX_BYTES:,} bytes; it takes a few lines")
    try:
        said = tomllib.loads(content.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MicroferError(
            f'{source}: not understood ({error}); expected lines like classes = {{1 = "surprise"}}'
        ) from error
    unknown = [key for key in said if key not in _KEYS]
    if unknown:
        raise MicroferError(f"{source}: {unknown[0][:40]!r} is not known, expected {', '.join(_KEYS)}")
    return Description(
        source,
        _meanings(said.get("classes", {}), source),
        _absent(said.get("absent", []), source),
        _share(said.get("validation", "0%"), source),
    )


def _meanings(said: Any, source: str) -> dict[str, int | None]:
    if not isinstance(said, dict):
        raise MicroferError(f'{source}: classes = {_short(said)} is no table; expected {{1 = "surprise", 2 = "fear"}}')
    meanings: dict[str, int | None] = {}
    for name, meant in said.items():
        label = _class(meant)
        if label is None and meant != "":
            raise MicroferError(
                f'{source}: {name} = {_short(meant)} is no class; expected {CLASS_HELP}, or "" to leave its images out'
            )
        meanings[_key(name)] = label
    return meanings


def _absent(said: Any, source: str) -> tuple[int, ...]:
    labels = [_class(name) for name in said] if isinstance(said, list) else [None]
    if None in labels:
        raise MicroferError(f"{source}: absent = {_short(said)} is no list of classes; expected {CLASS_HELP}")
    return tuple(sorted({label for label in labels if label is not None}))


def _share(said: Any, source: str) -> float:
    if said == _TEST:
        return 1.0
    try:
        percent = float(str(said).removesuffix("%"))
    except ValueError:
        percent = -1.0
    if not (isinstance(said, str) and said.endswith("%") and 0 <= percent <= 50):
        raise MicroferError(
            f'{source}: validation = {_short(said)}; expected "test", or a share of Training such as "10%", at most 50%'
        )
    return percent / 100


def _class(name: Any) -> int | None:
    return label_of(name) if isinstance(name, str) and not _key(name).isdigit() else None


def _key(name: str) -> str:
    return name.strip().lower()


def _short(value: Any) -> str:
    return repr(value)[:40]
