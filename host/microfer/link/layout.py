"""How one field of a message lies in bytes, and how a message class says so. Standard library alone.

A message is a frozen dataclass whose fields are annotated with their Python type, their `Wire` type and one line of
documentation: `frame: Annotated[int, U32, "counts from 0 at the start of the board"]`. Fields follow each other without
padding, numbers are little-endian.
"""

import enum
import math
import struct
from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar, Literal, Self, get_args, get_origin, get_type_hints


class Code(enum.IntEnum):
    """A number of one byte with a name and a line that explains it: `NAME = 3, "what it means"`."""

    doc: str

    def __new__(cls, value: int, doc: str) -> Self:
        """Make the member, with its explanation beside its number."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.doc = doc
        return member

    @classmethod
    def of(cls, number: int) -> Self:
        """Return the member with this number; raises ValueError where none has it."""
        for member in cls:
            if member.value == number:
                return member
        raise ValueError(f"{number} is no {cls.__name__}")


@dataclass(frozen=True)
class Wire:
    """The type of one field.

    name: as documents show it, such as "u32", "i8[7]", "char[16]".
    letter: that of Python's struct module; `count` values of it follow each other, None: a single value.
    kind: what the values mean. "data" is bytes, "text" printable ASCII filled up with zeros.
    codes: for kind "code" the enumeration; any other number is refused.
    """

    name: str
    letter: str
    count: int | None = None
    kind: Literal["number", "bool", "code", "data", "text"] = "number"
    codes: type[Code] | None = None

    @property
    def format(self) -> str:
        """The format for Python's struct module, without the byte order."""
        return f"{self.count or ''}{self.letter}"

    @property
    def size_bytes(self) -> int:
        """How many bytes the field takes."""
        return struct.calcsize("<" + self.format)

    def pack(self, value: Any) -> tuple[Any, ...]:
        """Return what struct.pack needs for `value`. Raises ValueError or TypeError for what has no place in it."""
        if self.kind == "text":
            content = value.encode("ascii")
            if len(content) > (self.count or 0) or not _is_printable(content):
                raise ValueError("not printable ASCII, or too long")
            return (content,)
        if self.codes is not None:
            return (int(self.codes.of(value)),)
        if self.count is not None and len(value) != self.count:
            raise ValueError(f"{len(value)} values")
        if self.kind == "data":
            return (bytes(value),)
        items = (value,) if self.count is None else tuple(value)
        if self.letter == "f" and not all(map(math.isfinite, items)):
            raise ValueError("not finite")
        if self.kind == "bool" and value not in (0, 1):
            raise ValueError("neither 0 nor 1")
        return items

    def unpack(self, items: tuple[Any, ...]) -> Any:
        """Return the value from what struct.unpack gave. Raises ValueError for bytes that no sender writes."""
        if self.kind == "data":
            return items[0]
        if self.kind == "text":
            return _text(items[0])
        if self.codes is not None:
            return self.codes.of(items[0])
        if self.kind == "bool":
            if items[0] > 1:
                raise ValueError(f"{items[0]} is neither 0 nor 1")
            return items[0] == 1
        if self.letter == "f" and not all(map(math.isfinite, items)):
            raise ValueError("a number that is not finite")
        return items if self.count is not None else items[0]


U8, U16, U32, U64 = Wire("u8", "B"), Wire("u16", "H"), Wire("u32", "I"), Wire("u64", "Q")
I8, I16 = Wire("i8", "b"), Wire("i16", "h")
F32 = Wire("f32", "f")
"""IEEE 754; infinities and NaN are refused."""
BOOL = Wire("bool", "B", kind="bool")
"""One byte, 0 or 1."""


def array(wire: Wire, count: int) -> Wire:
    """Return the type of `count` numbers; their Python type is a tuple."""
    return Wire(f"{wire.name}[{count}]", wire.letter, count)


def data(count: int) -> Wire:
    """Return the type of `count` bytes that are no numbers; their Python type is bytes."""
    return Wire(f"u8[{count}]", "s", count, "data")


def chars(count: int) -> Wire:
    """Return the type of at most `count` characters of printable ASCII, filled up with zeros."""
    return Wire(f"char[{count}]", "s", count, "text")


def one_of(codes: type[Code]) -> Wire:
    """Return the type of an enumeration, one byte."""
    return Wire("u8", "B", None, "code", codes)


class Message:
    """Base of all messages; a subclass is a frozen dataclass with annotated fields and its type number."""

    TYPE: ClassVar[int]


@dataclass(frozen=True)
class Field:
    """One field of a message: its name, type, explanation, and its offset from the payload's first byte."""

    name: str
    wire: Wire
    doc: str
    offset: int


def layout(message: type[Message]) -> tuple[Field, ...]:
    """Return the fields of a message class in the order of their bytes."""
    hints = get_type_hints(message, include_extras=True)
    found: list[Field] = []
    offset = 0
    for field in fields(message):  # type: ignore[arg-type]  # every subclass is a dataclass
        if get_origin(hints[field.name]) is not Annotated:
            raise TypeError(f"{message.__name__}.{field.name} does not say how it lies in bytes")
        _, wire, doc = get_args(hints[field.name])
        found.append(Field(field.name, wire, doc, offset))
        offset += wire.size_bytes
    return tuple(found)


def payload_struct(message: type[Message]) -> struct.Struct:
    """Return the struct that packs and unpacks a message's payload."""
    return struct.Struct("<" + "".join(field.wire.format for field in layout(message)))


def _text(content: bytes) -> str:
    shown = content.rstrip(b"\0")
    if not _is_printable(shown):
        raise ValueError(f"{content!r} is not printable ASCII filled up with zeros")
    return shown.decode("ascii")


def _is_printable(content: bytes) -> bool:
    return all(0x20 <= byte < 0x7F for byte in content)
