"""JSON from outside, read within bounds and turned into the types that its reader expects. Standard library alone.

Whoever reads a file, an entry of an archive or a request calls `parse` and then `typed`: what comes out has the types
that it says, so that nothing further on stumbles over a string in place of a number. Both raise JsonError, a
ValueError whose text says what is wrong and where; the caller adds the file's name and what to do.
"""

import json
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

from microfer.errors import MicroferError, shown
from microfer.files import read_bytes

LONGEST_BYTES = 64 << 20
"""Ten times the longest file that microfer writes, a comparison on all of PublicTest with a board's answers."""

DEEPEST = 32
"""Levels of lists and objects in each other; microfer's own files have up to eight."""

WIDEST_BITS = 64
"""Whole numbers beyond it have no place in any of microfer's files, and become infinite, or an error, as floats."""

LONGEST_KEY = 40
"""Characters of a key that an error shows."""

_MOST_DIGITS = len(str(-1 << WIDEST_BITS))

T = TypeVar("T")


class JsonError(ValueError):
    """It is no JSON, leaves the bounds, or does not have the types that were expected. The text says where."""


@dataclass(frozen=True)
class Range:
    """Bounds of a number, both allowed, as in `filters: Annotated[int, Range(1, 4096)]`."""

    low: float
    high: float

    def expected(self, value: Any) -> str:
        """Return what a value should be, in words; empty where it is so."""
        return "" if self.low <= value <= self.high else f"a number from {self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Length:
    """Bounds of how many values a list has or how many characters a text, both allowed."""

    low: int
    high: int

    def expected(self, value: Any) -> str:
        """Return what a value should be, in words; empty where it is so."""
        return "" if self.low <= len(value) <= self.high else f"{self.low} to {self.high} of them"


@dataclass(frozen=True)
class Pattern:
    """A regular expression that a whole text matches, and what it is in words."""

    regex: str
    words: str

    def expected(self, value: Any) -> str:
        """Return what a value should be, in words; empty where it is so."""
        return "" if re.fullmatch(self.regex, value) else self.words


def parse(content: bytes | str, *, longest: int = LONGEST_BYTES, with_nan: bool = False) -> Any:
    """Return what JSON says: UTF-8, no key twice in an object, no lone surrogate, numbers of 64 bits.

    longest: bytes, or characters of a text, that are read at most. with_nan: let NaN and infinities be, as Python
    writes them; JSON knows none.

    Raises:
        JsonError: it is none, or leaves the bounds.
    """
    if len(content) > longest:
        raise JsonError(f"it has {len(content):,} bytes, expected at most {longest:,}")
    try:
        text = content.decode() if isinstance(content, bytes) else content
        value = json.loads(  # noqa: TID251 - the one place
            text,
            object_pairs_hook=_object,
            parse_int=_whole,
            parse_float=None if with_nan else _finite,
            parse_constant=None if with_nan else _no_constant,
        )
    except RecursionError as error:
        raise JsonError(f"its lists and objects lie more than {DEEPEST} deep") from error
    except JsonError:
        raise
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError are such
        raise JsonError(f"it is not JSON: {error}") from error
    _check_depth_and_texts(value)
    return value


def read_json(path: Path | str, kind: type[T], todo: str = "restore it") -> T:
    """Return what a JSON file says as `kind`, see `typed`. todo: what a person should do about a bad file.

    Raises:
        MicroferError: it cannot be read, or as `parse` and `typed`.
    """
    try:
        return typed(parse(read_bytes(path)), kind)
    except JsonError as error:
        raise MicroferError(f"{path} cannot be used: {error}; {todo}") from error


def typed(value: Any, kind: type[T], where: str = "") -> T:
    """Return a parsed value as `kind`: its lists as tuples, its objects as dataclasses, where `kind` says so.

    kind: Any, None, bool, int, float (which takes whole numbers too), str, a Literal, a union, list[X], dict[str, X],
    tuple[X, ...], tuple[X, Y], a dataclass, or one of these as Annotated with a `Range`, `Length` or `Pattern`. A
    dataclass needs every key without a default and takes no other; its own checks apply.
    where: how the value is called in the error, such as "operators[3].value".

    Raises:
        JsonError: the value is of another type or out of its range, or an object has other keys.
    """
    found: T = _as(value, kind, where)
    return found


def only_fields(values: Mapping[str, Any], kind: Any) -> dict[str, Any]:
    """Return what an object says of the fields of the dataclass `kind`: what was derived from them is left out."""
    return {one.name: values[one.name] for one in fields(kind) if one.name in values}


def _as(value: Any, kind: Any, where: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin is Annotated:
        return _bounded(_as(value, arguments[0], where), arguments[1:], where)
    if origin in (Union, types.UnionType):
        return _one_of(value, arguments, where)
    if origin is Literal:
        if not any(value == one and type(value) is type(one) for one in arguments):
            _refuse(value, where, " or ".join(map(repr, arguments)))
        return value
    if origin in (list, tuple):
        return _sequence(value, origin, arguments, where)
    if origin in (dict, Mapping):
        if not isinstance(value, dict):
            _refuse(value, where, "an object")
        return {key: _as(one, arguments[1], _at(where, key)) for key, one in value.items()}
    if is_dataclass(kind):
        return _dataclass(value, kind, where)
    return _plain(value, kind, where)


def _plain(value: Any, kind: Any, where: str) -> Any:
    if kind is None or kind is types.NoneType:
        return None if value is None else _refuse(value, where, "null")
    if kind is float and type(value) is int:
        return value  # as it is, so that it is written again as it was read
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
    if kind not in names:
        raise TypeError(f"{kind} is no type that JSON can be read as")
    return value if type(value) is kind else _refuse(value, where, names[kind])


def _bounded(value: Any, bounds: tuple[Any, ...], where: str) -> Any:
    for bound in bounds:
        if isinstance(bound, Range | Length | Pattern) and (expected := bound.expected(value)):
            _refuse(value, where, expected)
    return value


def _one_of(value: Any, kinds: tuple[Any, ...], where: str) -> Any:
    said = []
    for kind in kinds:
        try:
            return _as(value, kind, where)
        except JsonError as error:
            said.append(str(error))
    raise JsonError(max(said, key=len) if isinstance(value, dict | list) else said[0])


def _sequence(value: Any, origin: Any, arguments: tuple[Any, ...], where: str) -> Any:
    if not isinstance(value, list):
        _refuse(value, where, "a list")
    is_even = origin is list or arguments[-1] is Ellipsis
    kinds = (arguments[0],) * len(value) if is_even else arguments
    if len(kinds) != len(value):
        _refuse(value, where, f"a list of {len(kinds)}")
    return origin(_as(one, kind, f"{where}[{i}]") for i, (one, kind) in enumerate(zip(value, kinds, strict=True)))


def _dataclass(value: Any, kind: Any, where: str) -> Any:
    if not isinstance(value, dict):
        _refuse(value, where, "an object")
    hints = _hints(kind)
    needed = {one.name for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING}
    what = where or "the object"
    if missing := sorted(needed - value.keys()):
        raise JsonError(f"{what} lacks the key {missing[0]!r}")
    if unknown := sorted(value.keys() - hints.keys()):
        raise JsonError(f"{what} has the unknown key {shown(unknown[0])}")
    return kind(**{key: _as(one, hints[key], _at(where, key)) for key, one in value.items()})


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind, include_extras=True)
    return {one.name: hints[one.name] for one in fields(kind)}


def _at(where: str, key: str) -> str:
    return f"{where}.{key if len(key) <= LONGEST_KEY else key[: LONGEST_KEY - 3] + '...'}".lstrip(".")


def _refuse(value: Any, where: str, expected: str) -> NoReturn:
    raise JsonError(f"{where or 'it'} is {shown(value)}, expected {expected}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise JsonError("an object has the same key twice")
    return found


def _whole(digits: str) -> int:
    # Python's own int is slow for many digits, so these are counted first.
    if len(digits) <= _MOST_DIGITS and abs(number := int(digits)) < 1 << WIDEST_BITS:
        return number
    raise JsonError(f"a whole number has {len(digits)} digits, more than {WIDEST_BITS} bits hold")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise JsonError(f"the number {shown(digits)} is beyond every float")
    return number


def _no_constant(name: str) -> NoReturn:
    raise JsonError(f"{name} is not a number in JSON")


def _check_depth_and_texts(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST + 1):
        if not level:
            return
        level = [inner for outer in level for inner in _inside(outer)]
    raise JsonError(f"its lists and objects lie more than {DEEPEST} deep")


def _inside(value: Any) -> Iterator[Any]:
    """Yield what a list or an object holds; raise JsonError for a text that no UTF-8 can hold."""
    if isinstance(value, dict):
        yield from value
        yield from value.values()
    elif isinstance(value, list):
        yield from value
    elif isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise JsonError(f"a text holds half a character: {shown(value)}") from error
