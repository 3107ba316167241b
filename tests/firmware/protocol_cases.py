"""Messages, streams and what becomes of them: what the tests of both languages' protocol share."""

import random
import struct
from collections.abc import Iterator
from typing import Any

from microfer.link.layout import Message, Wire, layout, payload_struct
from microfer.link.messages import MESSAGES
from microfer.link.protocol import Frame, encode, encode_frame

SMALL_MESSAGES = tuple(message for message in MESSAGES if payload_struct(message).size < 1000)


def random_message(source: random.Random, message: type[Message] | None = None) -> Message:
    """Return a message, of any class unless one is named, whose every field has any value that it may have."""
    chosen = message or source.choice(MESSAGES)
    return chosen(*(_random_value(source, field.wire) for field in layout(chosen)))


def _random_value(source: random.Random, wire: Wire) -> Any:
    count = wire.count or 0
    if wire.kind == "data":
        return bytes(count) if source.random() < 0.2 else source.randbytes(count)
    if wire.kind == "text":
        return "".join(chr(source.randrange(0x20, 0x7F)) for _ in range(source.randrange(count + 1)))
    if wire.codes is not None:
        return source.choice(list(wire.codes))
    if wire.kind == "bool":
        return source.random() < 0.5
    if wire.letter == "f":
        return struct.unpack("<f", struct.pack("<f", source.uniform(-1e6, 1e6)))[0]
    size = struct.calcsize("<" + wire.letter)
    low = -(1 << (8 * size - 1)) if wire.letter.islower() else 0
    end = low + (1 << 8 * size)
    if wire.count is None:
        return source.choice((low, end - 1, source.randrange(low, end)))
    return tuple(source.randrange(low, end) for _ in range(count))


def damaged(source: random.Random, frame: bytes) -> bytes:
    """Return the frame after one fault: flipped bits, a burst, lost, inserted or cut off bytes, or zeros."""
    content = bytearray(frame)
    begin = source.randrange(len(content))
    length = min(source.randrange(1, 20), len(content) - begin)
    match source.randrange(6):
        case 0:
            for _ in range(source.randrange(1, 4)):
                content[source.randrange(len(content))] ^= 1 << source.randrange(8)
        case 1:
            content[begin : begin + length] = source.randbytes(length)
        case 2:
            del content[begin : begin + length]
        case 3:
            content[begin:begin] = source.randbytes(length)
        case 4:
            del content[begin:]
        case 5:
            content[begin : begin + length] = bytes(length)
    return bytes(content)


def random_frame(source: random.Random) -> bytes:
    """Return an intact frame: a message, or one of any version, type and payload."""
    sequence = source.randrange(1 << 16)
    if source.random() < 0.7:
        return encode(random_message(source), sequence)
    payload = source.randbytes(source.choice((0, 1, source.randrange(300), 244, 245, 246, 247, 500)))
    if source.random() < 0.3:
        payload = payload.replace(b"\0", b"\1")
    return encode_frame(Frame(source.choice((0, 1, 1, 1, 2, 255)), source.randrange(256), sequence, payload))


def faulty_stream(source: random.Random, frames: int) -> Iterator[bytes]:
    """Yield `frames` frames, some damaged, some with noise, text or nothing but zeros before them."""
    for _ in range(frames):
        if source.random() < 0.2:
            size = source.choice((3, 30, 300, 3000, 6000))
            yield source.choice((source.randbytes(size), source.randbytes(size).replace(b"\0", b"\1"), bytes(9)))
        if source.random() < 0.1:
            yield b"I (312) camera: ready\r\n"
        frame = random_frame(source)
        yield damaged(source, frame) if source.random() < 0.3 else frame
