"""How one field of a message lies in bytes, and how a message class says so. Standard library alone.

A message is a frozen dataclass whose fields are annotated with their Python type, their `Wire` type and one line of
documentation: `frame: Annotated[int, U32, "counts from 0 at the start of the board"]`. Fields follow each other without
padding, numbers are little-endian. A number that cannot take every value of its type says which ones it may:
`U16.within(1, 100)`. Whoever reads a message, in either language, refuses one with any other value.
"""

import enum
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
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
        raise ValueError(f"{number} is not a {cls.__name__}")


@dataclass(frozen=True)
class Range:
    """The values of a number: `least` to `most`, and `other`, one more that means something else; None: there is none.

    Its text is what people read: "0 or 100 to 60000".
    """

    least: float
    most: float
    other: int | None = None

    def __contains__(self, value: float) -> bool:
        return self.least <= value <= self.most or value == self.other

    def __str__(self) -> str:
        whole = f"{self.least} to {self.most}"
        if self.other is None:
            return whole
        return f"{self.other} or {whole}" if self.other < self.least else f"{whole} or {self.other}"


@dataclass(frozen=True)
class Wire:
    """The type of one field.

    name: as documents show it, such as "u32", "i8[7]", "char[16]".
    letter: that of Python's struct module; `count` values of it follow each other, None: a single value.
    kind: what the values mean. "data" is bytes, "text" printable ASCII filled up with zeros.
    codes: for kind "code" the enumeration; any other number is refused.
    range: of each value of a number; None: whatever the type holds.
    """

    name: str
    letter: str
    count: int | None = None
    kind: Literal["number", "bool", "code", "data", "text"] = "number"
    codes: type[Code] | None = None
    range: Range | None = None

    def within(self, least: float, most: float, other: int | None = None) -> "Wire":
        """Return the same type for numbers from `least` to `most`, and `other`."""
        return replace(self, range=Range(least, most, other))

    @property
    def values(self) -> str:
        """What the field may hold, for people; empty where that is whatever the type holds."""
        if self.range is not None:
            return str(self.range)
        return {"bool": "0 or 1", "text": "printable ASCII"}.get(self.kind, "")

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
        if self.range is not None and not all(item in self.range for item in items):
            raise ValueError(f"{next(item for item in items if item not in self.range)} is not {self.range}")
        return items if self.count is not None else items[0]


U8, U16, U32, U64 = Wire("u8", "B"), Wire("u16", "H"), Wire("u32", "I"), Wire("u64", "Q")
I8, I16 = Wire("i8", "b"), Wire("i16", "h")
F32 = Wire("f32", "f")
"""IEEE 754; infinities and NaN are refused."""
BOOL = Wire("bool", "B", kind="bool")
"""One byte, 0 or 1."""


def array(wire: Wire, count: int) -> Wire:
    """Return the type of `count` numbers; their Python type is a tuple."""
    return replace(wire, name=f"{wire.name}[{count}]", count=count)


def data(count: int) -> Wire:
    """Return the type of `count` bytes that are no numbers; their Python type is bytes."""
    return Wire(f"u8[{count}]", "s", count, "data")


def chars(count: int) -> Wire:
    """Return the type of at most `count` characters of printable ASCII, filled up with zeros."""
    return Wire(f"char[{count}]", "s", count, "text")


def one_of(codes: type[Code]) -> Wire:
    """Return the type of an enumeration, one byte."""
    return Wire("u8", "B", None, "code", codes)


@dataclass(frozen=True)
class AtMost:
    """In no message is the field `smaller` above the field `larger`, nor equal to it where the rule is `strict`.

    besides: one more value that `smaller` may have; None: there is none.
    """

    smaller: str
    larger: str
    strict: bool = False
    besides: int | None = None

    def holds(self, value: Callable[[str], Any]) -> bool:
        """Return whether it does for the values of a message's fields, asked for by name."""
        return bool(value(self.smaller) == self.besides or value(self.smaller) + self.strict <= value(self.larger))

    @property
    def subject(self) -> str:
        """The field that is refused where the rule is broken."""
        return self.smaller

    @property
    def condition(self) -> str:
        """What is said of it."""
        other = "" if self.besides is None else f", or {self.besides}"
        return f"is {'below' if self.strict else 'at most'} {self.larger}{other}"


@dataclass(frozen=True)
class Together:
    """`field` is `value` in just the messages in which `other` is `other_value`."""

    field: str
    value: int
    other: str
    other_value: int

    def holds(self, value: Callable[[str], Any]) -> bool:
        """Return whether it does for the values of a message's fields, asked for by name."""
        return bool((value(self.field) == self.value) == (value(self.other) == self.other_value))

    @property
    def subject(self) -> str:
        """The field that is refused where the rule is broken."""
        return self.other

    @property
    def condition(self) -> str:
        """What is said of it."""
        return f"is {_shown(self.other_value)} just where {self.field} is {_shown(self.value)}"


Rule = AtMost | Together


class Message:
    """Base of all messages; a subclass is a frozen dataclass with annotated fields and its type number.

    RULES: what no single field can say; a message that breaks one is refused as a value out of range is.
    """

    TYPE: ClassVar[int]
    RULES: ClassVar[tuple[Rule, ...]] = ()


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


def _shown(value: int) -> str:
    return value.name if isinstance(value, Code) else str(value)


def _text(content: bytes) -> str:
    shown = content.rstrip(b"\0")
    if not _is_printable(shown):
        raise ValueError(f"{content!r} is not printable ASCII filled up with zeros")
    return shown.decode("ascii")


def _is_printable(content: bytes) -> bool:
    return all(0x20 <= byte < 0x7F for byte in content)
