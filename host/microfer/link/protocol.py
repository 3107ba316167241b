"""Messages to frames and back: header, payload, CRC-32, COBS, zero delimiters.

On the wire a frame is `00 COBS(header payload crc) 00`. The leading zero keeps a frame whole that follows boot or log
text; between two frames either zero may get lost. Reading a stream is `microfer.link.reader`'s work.
"""

import struct
import zlib
from dataclasses import dataclass
from functools import partial
from typing import Any

from cobs import cobs

from microfer.errors import MicroferError, shown
from microfer.link.layout import Field, Message, layout, payload_struct
from microfer.link.messages import CRC, CRC_BYTES, FIXED_HELLO, HEADER, HEADER_BYTES, MESSAGES, PROTOCOL_VERSION

DELIMITER = b"\0"

_HEADER = struct.Struct("<" + "".join(wire.format for _, wire, _ in HEADER))
_CRC = struct.Struct("<" + CRC[1].format)
_CLASSES = {message.TYPE: message for message in MESSAGES}
_STRUCTS = {message.TYPE: payload_struct(message) for message in MESSAGES}
_LAYOUTS = {message.TYPE: layout(message) for message in MESSAGES}


@dataclass(frozen=True)
class Frame:
    """An intact frame: its CRC was right. What it says is not looked at yet."""

    version: int
    type: int
    sequence: int
    payload: bytes


class DamagedFrameError(ValueError):
    """These bytes are no intact frame; the text says why: "cobs", "short" or "crc"."""


class PayloadError(ValueError):
    """The payload of an intact frame is not what its type asks for: the sender has a fault."""


def next_sequence(sequence: int) -> int:
    """Return the sequence number that follows; 0 is not used a second time, it marks a sender's start."""
    return sequence + 1 if sequence < 0xFFFF else 1


def encode(message: Message, sequence: int, version: int = PROTOCOL_VERSION) -> bytes:
    """Return the frame of a message with both its delimiters.

    Raises:
        MicroferError: a field's value does not fit its type; the text names the field.
    """
    return encode_frame(Frame(version, message.TYPE, sequence, pack_payload(message)))


def encode_frame(frame: Frame) -> bytes:
    """Return a frame of any version, type and payload, with both its delimiters."""
    content = _HEADER.pack(frame.version, frame.type, frame.sequence) + frame.payload
    encoded: bytes = cobs.encode(content + _CRC.pack(zlib.crc32(content)))
    return DELIMITER + encoded + DELIMITER


class LinkWriter:
    """Numbers one direction's frames from 0; make a new one for each connection."""

    def __init__(self) -> None:
        self._sequence = 0

    @property
    def sequence(self) -> int:
        """The number that the next frame gets."""
        return self._sequence

    def frame(self, message: Message) -> bytes:
        """Return the message's frame with both delimiters; raises MicroferError as `encode` does, using no number."""
        content = encode(message, self._sequence)
        self._sequence = next_sequence(self._sequence)
        return content


def decode_frame(segment: bytes) -> Frame:
    """Return the frame that lay between two delimiters. Raises DamagedFrameError."""
    try:
        content: bytes = cobs.decode(segment)
    except cobs.DecodeError as error:
        raise DamagedFrameError("cobs") from error
    if len(content) < HEADER_BYTES + CRC_BYTES:
        raise DamagedFrameError("short")
    if zlib.crc32(content[:-CRC_BYTES]) != _CRC.unpack(content[-CRC_BYTES:])[0]:
        raise DamagedFrameError("crc")
    version, type_, sequence = _HEADER.unpack(content[:HEADER_BYTES])
    return Frame(version, type_, sequence, content[HEADER_BYTES:-CRC_BYTES])


def pack_payload(message: Message) -> bytes:
    """Return a message's payload; raises MicroferError as `encode` does."""
    items: list[Any] = []
    for field in _LAYOUTS[message.TYPE]:
        value = getattr(message, field.name)
        try:
            packed = field.wire.pack(value)
            if field.wire.kind == "number":
                struct.pack("<" + field.wire.format, *packed)  # only to name the field whose range is left
        except (ValueError, TypeError, OverflowError, struct.error) as error:
            name = f"{type(message).__name__}.{field.name}"
            raise MicroferError(f"{name} is {shown(value)}, expected {field.wire.name}: {error}") from error
        items += packed
    return _STRUCTS[message.TYPE].pack(*items)


def unpack_payload(type_: int, payload: bytes) -> Message:
    """Return the message of an intact frame of this protocol version.

    Raises:
        KeyError: no message has this type.
        PayloadError: the length is wrong, or a field holds what no sender may write.
    """
    expected = _STRUCTS[type_]
    if len(payload) != expected.size:
        raise PayloadError(f"{_CLASSES[type_].__name__} has {len(payload)} bytes, expected {expected.size}")
    message = _CLASSES[type_](*_values(_CLASSES[type_].__name__, _LAYOUTS[type_], expected.unpack(payload)))
    for rule in message.RULES:
        if not rule.holds(partial(getattr, message)):
            value = getattr(message, rule.subject)
            raise PayloadError(f"{_CLASSES[type_].__name__}.{rule.subject} is {int(value)}, but it {rule.condition}")
    return message


def fixed_hello(payload: bytes) -> dict[str, str]:
    """Return what a hello of any protocol version says for certain: its firmware version and board, by field name.

    Raises:
        PayloadError: the payload is shorter than these fields, or they are not text.
    """
    size = sum(field.wire.size_bytes for field in FIXED_HELLO)
    if len(payload) < size:
        raise PayloadError(f"a hello of {len(payload)} bytes, expected at least {size}")
    items = struct.unpack("<" + "".join(field.wire.format for field in FIXED_HELLO), payload[:size])
    values = _values("Hello", FIXED_HELLO, items)
    return {field.name: value for field, value in zip(FIXED_HELLO, values, strict=True)}


def _values(name: str, fields: tuple[Field, ...], items: tuple[Any, ...]) -> list[Any]:
    values: list[Any] = []
    position = 0
    for field in fields:
        count = field.wire.count if field.wire.count and field.wire.letter != "s" else 1
        try:
            values.append(field.wire.unpack(items[position : position + count]))
        except ValueError as error:
            raise PayloadError(f"{name}.{field.name}: {error}") from error
        position += count
    return values
