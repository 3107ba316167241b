"""Reading a FlatBuffer with every step checked against the end of the file.

The layout is FlatBuffers' own ("FlatBuffers Internals", flatbuffers.dev): a table begins with the distance back to
its vtable, the vtable lists where each field lies, everything else is reached by unsigned distances forward. A file
from the network or a worn flash drive may lie in any of them, so no position is used before it was checked. Knows
nothing about .tflite; standard library alone, because PlatformIO's Python has nothing else.
"""

import struct

from microfer.errors import MicroferError


class Flatbuffer:
    """The bytes of one file, its name for messages, and how many elements may still be read from it.

    The allowance ends files whose vectors all point at one another: an honest file holds each element once, so
    reading more elements than it has bytes means that it is corrupt.
    """

    def __init__(self, content: bytes, name: str) -> None:
        self.content = content
        self.name = name
        self._elements_left = len(content)

    def root(self, identifier: bytes) -> "Table":
        """Return the outermost table. Raises MicroferError where the file has not this four-byte identifier."""
        found = bytes(self.span(4, 4, "the file identifier"))
        if found != identifier:
            raise self.error(f"bytes 4 to 7 are {found!r}, a .tflite has {identifier!r} there")
        return Table(self, self.follow(0, "the root table"), "the root table")

    def error(self, problem: str) -> MicroferError:
        """Return the exception to raise: the file, what is wrong with it, the next step."""
        return MicroferError(
            f"{self.name} is not a valid .tflite ({len(self.content)} bytes): {problem}; copy or export it again"
        )

    def span(self, at: int, size: int, what: str) -> memoryview:
        """Return `size` bytes from position `at`, or raise MicroferError where the file ends before them."""
        if at < 0 or size < 0 or at + size > len(self.content):
            raise self.error(f"{what} lies at byte {at} and takes {size} bytes, past the end")
        return memoryview(self.content)[at : at + size]

    def number(self, at: int, code: str, what: str) -> int:
        """Return the little-endian integer of struct's type `code` at position `at`."""
        packed = struct.Struct(f"<{code}")
        (value,) = packed.unpack(self.span(at, packed.size, what))
        return int(value)

    def follow(self, at: int, what: str) -> int:
        """Return the position that the unsigned distance at position `at` leads to."""
        distance = self.number(at, "I", what)
        if distance == 0:
            raise self.error(f"the distance to {what} is 0")
        return at + distance

    def vector(self, at: int, width: int, what: str) -> tuple[int, int]:
        """Return where the elements of the vector at position `at` begin, and how many elements of `width` it has."""
        count = self.number(at, "I", what)
        self.span(at + 4, count * width, what)
        return at + 4, count

    def spend(self, count: int, what: str) -> None:
        """Count elements read. Raises MicroferError when they are more than the file can hold."""
        self._elements_left -= count
        if self._elements_left < 0:
            raise self.error(f"{what} repeats the same bytes again and again")


class Table:
    """One table of the file. A field is named by its number in the schema; an absent one has its default."""

    def __init__(self, buffer: Flatbuffer, at: int, what: str) -> None:
        self._buffer = buffer
        self._at = at
        self._what = what
        vtable_at = at - buffer.number(at, "i", what)
        size = buffer.number(vtable_at, "H", f"the vtable of {what}")
        self._table_size = buffer.number(vtable_at + 2, "H", f"the vtable of {what}")
        if size < 4 or size % 2:
            raise buffer.error(f"the vtable of {what} has {size} bytes")
        self._vtable = buffer.span(vtable_at, size, f"the vtable of {what}")
        buffer.span(at, self._table_size, what)

    def integer(self, field: int, code: str, default: int = 0) -> int:
        """Return a whole number of struct's type `code`."""
        at = self._position(field, struct.calcsize(f"<{code}"))
        return default if at is None else self._buffer.number(at, code, self._name(field))

    def text(self, field: int) -> str:
        """Return a string, "" where absent."""
        at = self._target(field)
        if at is None:
            return ""
        begin, size = self._buffer.vector(at, 1, self._name(field))
        self._buffer.spend(size, self._name(field))
        try:
            return str(self._buffer.span(begin, size, self._name(field)), "utf-8")
        except UnicodeDecodeError as error:
            raise self._buffer.error(f"{self._name(field)} is not UTF-8 text") from error

    def numbers(self, field: int, code: str) -> tuple[int | float, ...]:
        """Return a vector of numbers of struct's type `code`, () where absent."""
        at = self._target(field)
        if at is None:
            return ()
        width = struct.calcsize(f"<{code}")
        begin, count = self._buffer.vector(at, width, self._name(field))
        self._buffer.spend(count, self._name(field))
        return struct.unpack(f"<{count}{code}", self._buffer.span(begin, count * width, self._name(field)))

    def integers(self, field: int, code: str) -> tuple[int, ...]:
        """Return a vector of whole numbers of struct's type `code`, () where absent."""
        return tuple(int(number) for number in self.numbers(field, code))

    def bytes_span(self, field: int) -> tuple[int, int]:
        """Return the position and length of a vector of bytes, (0, 0) where absent."""
        at = self._target(field)
        return (0, 0) if at is None else self._buffer.vector(at, 1, self._name(field))

    def table(self, field: int, what: str) -> "Table | None":
        """Return the table that the field leads to, None where absent; `what` names it in messages."""
        at = self._target(field)
        return None if at is None else Table(self._buffer, at, what)

    def tables(self, field: int, what: str) -> list["Table"]:
        """Return a vector of tables, [] where absent; `what` names one in messages, followed by its index."""
        at = self._target(field)
        if at is None:
            return []
        begin, count = self._buffer.vector(at, 4, self._name(field))
        self._buffer.spend(count, self._name(field))
        names = (f"{what} {index}" for index in range(count))
        return [
            Table(self._buffer, self._buffer.follow(begin + 4 * index, name), name) for index, name in enumerate(names)
        ]

    def _target(self, field: int) -> int | None:
        at = self._position(field, 4)
        return None if at is None else self._buffer.follow(at, self._name(field))

    def _position(self, field: int, width: int) -> int | None:
        entry = 4 + 2 * field
        if entry + 2 > len(self._vtable):
            return None
        offset = int.from_bytes(self._vtable[entry : entry + 2], "little")
        if offset == 0:
            return None
        if offset < 4 or offset + width > self._table_size:
            raise self._buffer.error(f"{self._name(field)} lies outside its table")
        return self._at + offset

    def _name(self, field: int) -> str:
        return f"field {field} of {self._what}"
