"""Messages, streams and what becomes of them: what the tests of both languages' protocol share."""

import contextlib
import math
import random
import struct
from collections.abc import Iterator
from functools import partial
from typing import Any

from microfer.link.layout import Message, Wire, layout, payload_struct
from microfer.link.messages import MESSAGES, NO_LABEL, Answer, FaceSource, Hello, OperatorTime, Prediction
from microfer.link.protocol import Frame, encode, encode_frame, pack_payload

SMALL_MESSAGES = tuple(message for message in MESSAGES if payload_struct(message).size < 1000)


def random_message(source: random.Random, message: type[Message] | None = None) -> Message:
    """Return a message, of any class unless one is named, whose every field has any value that it may have."""
    chosen = message or source.choice(MESSAGES)
    while True:
        made = chosen(*(_random_value(source, field.wire) for field in layout(chosen)))
        if all(rule.holds(partial(getattr, made)) for rule in chosen.RULES):
            return made


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
        low, high = (wire.range.least, wire.range.most) if wire.range else (-1e6, 1e6)
        return struct.unpack("<f", struct.pack("<f", source.uniform(low, high)))[0]
    low, high, other = limits(wire)
    if wire.count is None:
        return source.choice((low, high, source.randint(low, high), *other))
    return tuple(source.randint(low, high) for _ in range(count))


def limits(wire: Wire) -> tuple[int, int, tuple[int, ...]]:
    """Return the least and the greatest value of a whole number's field, and the one besides, if there is one."""
    if wire.range is not None:
        other = () if wire.range.other is None else (wire.range.other,)
        return int(wire.range.least), int(wire.range.most), other
    bits = 8 * struct.calcsize("<" + wire.letter)
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1, ()) if wire.letter.islower() else (0, (1 << bits) - 1, ())


def impossible_payloads() -> Iterator[tuple[type[Message], str, bytes]]:
    """Yield, for each field of each message that cannot hold every value of its type, payloads with one that it cannot.

    With each its message and field; everything else in the payload is as a sender writes it.
    """
    source = random.Random(21)
    for message in MESSAGES:
        good = pack_payload(random_message(source, message))
        for field in layout(message):
            size = field.wire.size_bytes // (field.wire.count or 1)
            at = field.offset + field.wire.size_bytes - size  # the last one of several
            for value in _impossible(field.wire):
                yield message, field.name, good[:at] + value + good[at + size :]


def _impossible(wire: Wire) -> list[bytes]:
    if wire.kind == "text":
        return [b"\x07", b"\x9b"]
    if wire.kind == "bool":
        return [b"\2", b"\xff"]
    if wire.codes is not None:
        return [bytes([max(wire.codes) + 1]), b"\xff"]
    if wire.letter == "f":
        return [struct.pack("<f", value) for value in (-0.5, 1.5, math.nan, math.inf)]
    if wire.kind == "data" or wire.range is None:
        return []
    low, high, other = limits(wire)
    packed = []
    for value in (low - 1, high + 1, (high + 1) * 2):
        with contextlib.suppress(struct.error):  # not even the type holds it
            packed += [struct.pack("<" + wire.letter, value)] if value not in other else []
    return packed


BROKEN_RULES: tuple[tuple[type[Message], dict[str, Any], str], ...] = (
    (Hello, {"self_test_equal": 8, "self_test_total": 7}, "self_test_equal"),
    (Hello, {"self_test_faces_found": 1, "self_test_faces_total": 0}, "self_test_faces_found"),
    (Prediction, {"answer": Answer.NO_FACE, "label": 3, "classes": 7, "face_source": FaceSource.NONE}, "label"),
    (Prediction, {"answer": Answer.LABEL, "label": NO_LABEL, "face_source": FaceSource.TRACKED}, "label"),
    (Prediction, {"answer": Answer.UNCERTAIN, "label": 3, "classes": 7, "face_source": FaceSource.NONE}, "face_source"),
    (Prediction, {"answer": Answer.LABEL, "label": 3, "classes": 3, "face_source": FaceSource.TRACKED}, "label"),
    (OperatorTime, {"index": 7, "total": 7}, "index"),
)
"""A message, fields that no single one of them makes impossible, and the field that is refused."""


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
    return encode_frame(Frame(source.choice((0, 1, 2, 2, 2, 255)), source.randrange(256), sequence, payload))


def faulty_stream(source: random.Random, frames: int) -> Iterator[bytes]:
    """Yield `frames` frames, some damaged, some with noise, text or nothing but zeros before them."""
    for _ in range(frames):
        if source.random() < 0.2:
            size = source.choice((3, 30, 300, 3000, 6000))
            noise = source.randbytes(size)
            yield source.choice((noise, noise.replace(b"\0", b"\1"), bytes(9), b"\0\3ab\0"))  # the last one is short
        if source.random() < 0.1:
            yield b"I (312) camera: ready\r\n"
        frame = random_frame(source)
        yield damaged(source, frame) if source.random() < 0.3 else frame
