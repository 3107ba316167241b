"""Frames that both languages must write and read alike: `python tests/golden/make_protocol_vectors.py` writes them.

They are what the protocol is, written down: a change of these bytes is another protocol and raises its version.
"""

import json
import random
import sys
from pathlib import Path
from typing import Any

sys.path.extend([str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[2] / "host")])

from tests.firmware.protocol_cases import random_message

from microfer.link.layout import Message, layout
from microfer.link.messages import (
    CROP_BYTES,
    MESSAGES,
    PROTOCOL_VERSION,
    AskProfile,
    InferCrop,
    OperatorTime,
)
from microfer.link.protocol import encode

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PATH = HERE / "protocol.json"
SMOOTH = bytes((3 * x + 2 * y) % 256 for y in range(48) for x in range(48))
"""A crop with zeros now and then, so that COBS has short and long blocks."""

LATER = (OperatorTime, AskProfile)
"""Came after the others: their frames stand at the end, so that those before are what they always were."""


def vectors() -> dict[str, Any]:
    """Return the file's content: for each frame its message, sequence number, fields and bytes (hexadecimal)."""
    source = random.Random(1)
    first = [message for message in MESSAGES if message not in LATER]
    chosen: list[Message] = [random_message(source, message) for message in first for _ in range(3)]
    chosen = [message for message in chosen if not hasattr(message, "pixels")]
    chosen += [InferCrop(1, SMOOTH), InferCrop(0xFFFFFFFF, bytes([255]) * CROP_BYTES), InferCrop(0, bytes(CROP_BYTES))]
    later = random.Random(2)
    frames = _frames(chosen, source)
    frames += _frames([random_message(later, message) for message in LATER for _ in range(3)], later)
    return {"protocol_version": PROTOCOL_VERSION, "frames": frames}


def _frames(chosen: list[Message], source: random.Random) -> list[dict[str, Any]]:
    return [
        {
            "message": type(message).__name__,
            "sequence": sequence,
            "fields": as_json(message),
            "frame": encode(message, sequence).hex(),
        }
        for message in chosen
        for sequence in (source.choice((0, 1, 0xFF, 0x100, 0xFFFF)),)
    ]


def as_json(message: Message) -> dict[str, Any]:
    """Return the fields by name: numbers as they are, bytes in hexadecimal, tuples as lists."""
    shown: dict[str, Any] = {}
    for field in layout(type(message)):
        value = getattr(message, field.name)
        if isinstance(value, bytes):
            shown[field.name] = value.hex()
        elif isinstance(value, tuple):
            shown[field.name] = list(value)
        else:
            shown[field.name] = int(value) if field.wire.kind in ("bool", "code") else value
    return shown


if __name__ == "__main__":
    PATH.write_text(json.dumps(vectors(), indent=1) + "\n", encoding="utf-8", newline="\n")
