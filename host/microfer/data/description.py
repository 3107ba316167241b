"""`dataset.toml`: what a data set does not say by itself, written down once, for every command that reads it.

    classes = {1 = "surprise", 2 = "fear", contempt = ""}   # folder or CSV label = its class; "" leaves it out
    classes = ["bored", "happy", "tired"]                   # or: classes of its own, in this order
    absent = ["disgust"]                                    # classes that Training may lack
    validation = "10%"                                      # of Training, set aside; "test": the test images
    votes = "fer2013new.csv"                                # FER+'s votes beside FER-2013's CSV: the majority counts

It stands in the data set's folder or zip, or beside a file `faces.csv` as `faces.dataset.toml`. What it says is shown
whenever the data is read.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from microfer.contract import LABEL_PATTERN, LABELS, LONGEST_LABEL, MAX_CLASSES, MIN_CLASSES
from microfer.data.folders_and_archives import Entry, open_file
from microfer.data.spelling import CLASS_HELP, label_of, usages_of
from microfer.errors import MicroferError

FILE = "dataset.toml"
MAX_BYTES = 64 << 10
"""Of such a file; one with sixteen classes has some hundred."""

_KEYS = ("classes", "absent", "validation", "votes")
_TEST = "test"
_LABEL = re.compile(LABEL_PATTERN)


@dataclass(frozen=True)
class Description:
    """What is said of a data set.

    source: the file that says it, or would. meanings: class index by name in small letters, None: left out.
    absent: class indices that Training may lack. validation: the share of Training that is set aside for it, above 0
    and below 1; 0: what the data set has; 1: the test images serve. classes: the labels, FER-2013's seven unless the
    data set has its own. votes: the file with FER+'s votes; empty: none.
    by_folders: whether the folders' names alone gave the classes.
    """

    source: str
    meanings: Mapping[str, int | None] = field(default_factory=dict)
    absent: tuple[int, ...] = ()
    validation: float = 0.0
    classes: tuple[str, ...] = LABELS
    votes: str = ""
    by_folders: bool = False

    @property
    def is_own(self) -> bool:
        """Whether the classes are others than FER-2013's."""
        return self.classes != LABELS

    @property
    def says_something(self) -> bool:
        """Whether there is such a file, with anything in it."""
        return bool(self.meanings or self.absent or self.validation or self.is_own or self.votes)

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
        key = _key(name)
        if key in self.meanings:
            return self.meanings[key]
        if self.is_own:
            return self.classes.index(key) if key in self.classes else None
        return None if key.isdigit() else label_of(name)

    def describe(self) -> str:
        """Return one line for people."""
        meanings = ", ".join(
            f"{name} is {'left out' if label is None else self.classes[label]}" for name, label in self.meanings.items()
        )
        own = f"classes {', '.join(self.classes)}" if self.is_own else ""
        if self.by_folders:
            return f"the folders' names are the classes: {', '.join(self.classes)}"
        absent = f"Training may lack {', '.join(self.classes[label] for label in self.absent)}" if self.absent else ""
        votes = f"labels by the votes in {self.votes}" if self.votes else ""
        return f"{self.source}: {'; '.join(filter(None, (own, meanings, absent, self._validation(), votes)))}"

    def _validation(self) -> str:
        if self.validation == 1:
            return "the test images serve for validation, so they are not an independent test"
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
    classes = said.get("classes", {})
    names = _own(classes, source) if isinstance(classes, list) else _classes_of(classes, source)
    votes = said.get("votes", "")
    if not isinstance(votes, str) or "/" in votes or "\\" in votes:
        raise MicroferError(f'{source}: votes = {_short(votes)} is no file beside it; expected "fer2013new.csv"')
    return Description(
        source,
        {} if isinstance(classes, list) else _meanings(classes, names, source),
        _absent(said.get("absent", []), names, source),
        _share(said.get("validation", "0%"), source),
        names,
        votes,
    )


def own_classes(names: Sequence[str], source: str) -> Description | None:
    """Return what folders' names say by themselves: that the data set has classes of its own; None where they do not.

    That is so where none of them is one of FER-2013's, a split's or a digit, and there are two to sixteen of them; the
    order is the alphabet's.

    Raises:
        MicroferError: a name is too long for a label, or has other characters.
    """
    keys = sorted({_key(name) for name in names})
    if not MIN_CLASSES <= len(keys) <= MAX_CLASSES or any(
        label_of(key) is not None or key.isdigit() or usages_of(key) for key in keys
    ):
        return None
    return Description(source, classes=tuple(_checked_label(key, source) for key in keys), by_folders=True)


def _own(said: list[Any], source: str) -> tuple[str, ...]:
    names = tuple(_checked_label(name, source) for name in said)
    if set(names) == set(LABELS) and len(names) == len(LABELS):
        return LABELS  # they have one order, everywhere
    if len(set(names)) != len(names) or not MIN_CLASSES <= len(names) <= MAX_CLASSES:
        raise MicroferError(
            f"{source}: classes = {_short(said)}: expected {MIN_CLASSES} to {MAX_CLASSES} names, each once"
        )
    return names


def _classes_of(said: Any, source: str) -> tuple[str, ...]:
    """Return the classes that a table's values name: FER-2013's where all are, else they themselves, as they come."""
    if not isinstance(said, dict):
        raise MicroferError(
            f'{source}: classes = {_short(said)} is not a table; expected {{1 = "surprise", 2 = "fear"}}'
        )
    for name, meant in said.items():
        if not isinstance(meant, str) or meant.isdigit():
            raise MicroferError(f"{source}: {name} = {_short(meant)} is not a class; expected {CLASS_HELP}")
    own = list(dict.fromkeys(meant for meant in said.values() if meant))
    return _own(own, source) if own and not any(_class(meant) is not None for meant in own) else LABELS


def _checked_label(name: Any, source: str) -> str:
    if not isinstance(name, str) or _LABEL.fullmatch(_key(name)) is None or name.isdigit():
        raise MicroferError(
            f"{source}: {_short(name)} is no class's name: expected {CLASS_HELP}; or a name of your own, "
            f"1 to {LONGEST_LABEL} of a-z, 0-9, space, '_', '-', and not a number"
        )
    return _key(name)


def _meanings(said: Mapping[str, Any], names: tuple[str, ...], source: str) -> dict[str, int | None]:
    meanings: dict[str, int | None] = {}
    for name, meant in said.items():
        label = _index(meant, names)
        if label is None and meant != "":
            raise MicroferError(
                f'{source}: {name} = {_short(meant)} is not a class; expected {CLASS_HELP}, or "" to leave its '
                "images out"
            )
        meanings[_key(name)] = label
    return meanings


def _absent(said: Any, names: tuple[str, ...], source: str) -> tuple[int, ...]:
    labels = [_index(name, names) for name in said] if isinstance(said, list) else [None]
    if None in labels:
        raise MicroferError(f"{source}: absent = {_short(said)} is not a list of classes; expected some of {names}")
    return tuple(sorted({label for label in labels if label is not None}))


def _index(name: Any, names: tuple[str, ...]) -> int | None:
    if names == LABELS:
        return _class(name)
    return names.index(_key(name)) if isinstance(name, str) and _key(name) in names else None


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
