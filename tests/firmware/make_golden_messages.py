"""Write tests/golden/protocol.json as C++, for a chip without files: `make_golden_messages.py golden_messages.h`.

Needs the standard library alone. The header calls a function with each message, its sequence number and its frame, and
compares messages field by field.
"""

import json
import struct
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "host"))

from microfer.export.messages_header import NUMBERS
from microfer.files import write_if_changed
from microfer.link.layout import Field, layout
from microfer.link.messages import MESSAGES

ROOT = Path(__file__).resolve().parents[2]
PATH = ROOT / "tests" / "golden" / "protocol.json"


def header() -> str:
    """Return the header's text."""
    frames = json.loads(PATH.read_text())["frames"]
    kinds = {kind.__name__: kind for kind in MESSAGES}
    fields = {name: tuple(layout(kind)) for name, kind in kinds.items()}
    same = "\n".join(_same(name, fields[name]) for name in kinds)
    calls = "\n".join(_call(frame, fields[frame["message"]]) for frame in frames)
    return f"""\
// Written by tests/firmware/make_golden_messages.py from tests/golden/protocol.json.
#pragma once
#include <algorithm>
#include <cstring>

#include "generated/messages.h"

namespace microfer::testing {{

{same}

template <typename Use>
void ForEachGoldenMessage(const Use& use) {{
{calls}
}}

}}  // namespace microfer::testing
"""


def _same(name: str, fields: tuple[Field, ...]) -> str:
    tests = " && ".join(map(_field_same, fields)) or "true"
    given = "a", "b"
    first, second = given if fields else ("", "")
    return (
        f"inline bool AreSame(const protocol::{name}& {first}, const protocol::{name}& {second}) {{\n"
        f"  return {tests};\n}}"
    )


def _field_same(field: Field) -> str:
    a, b = f"a.{field.name}", f"b.{field.name}"
    if field.wire.kind == "text":
        return f"std::strcmp({a}, {b}) == 0"
    if field.wire.count is not None:
        return f"std::equal(std::begin({a}), std::end({a}), std::begin({b}), std::end({b}))"
    return f"{a} == {b}"


def _call(frame: dict[str, Any], fields: tuple[Field, ...]) -> str:
    lines = [f"    protocol::{frame['message']} message;"]
    for field in fields:
        lines += [f"    {line}" for line in _assigned(field, frame["fields"][field.name])]
    encoded = bytes.fromhex(frame["frame"])
    lines += [f"    static const std::uint8_t bytes[] = {_bytes(encoded)};"]
    lines += [f"    use(message, {frame['sequence']}, Span<const std::uint8_t>(bytes));"]
    return "  {\n" + "\n".join(lines) + "\n  }"


def _assigned(field: Field, value: Any) -> list[str]:
    name, wire = f"message.{field.name}", field.wire
    if wire.kind == "text":
        return [f"protocol::SetText({name}, {_quoted(value)});"]
    if wire.kind == "data":
        made = [f"static const std::uint8_t {field.name}[] = {_bytes(bytes.fromhex(value))};"]
        if field.name == "pixels":
            return [*made, f"{name} = {field.name};"]
        return [*made, f"std::copy(std::begin({field.name}), std::end({field.name}), std::begin({name}));"]
    if wire.count is not None:
        items = ", ".join(_number(wire.letter, item) for item in value)
        kind = NUMBERS[wire.letter]
        made = [f"static const {kind} {field.name}[] = {{{items}}};"]
        return [*made, f"std::copy(std::begin({field.name}), std::end({field.name}), std::begin({name}));"]
    if wire.kind in ("bool", "code"):
        return [f"{name} = static_cast<decltype({name})>({value});"]
    return [f"{name} = {_number(wire.letter, value)};"]


def _number(letter: str, value: Any) -> str:
    if letter == "f":
        return f"{struct.unpack('<f', struct.pack('<f', value))[0].hex()}F"
    return f"{value}{'ULL' if letter == 'Q' else 'U' if letter == 'I' else ''}"


def _quoted(text: str) -> str:
    """Return a C++ literal; no two question marks stand side by side, which would be a trigraph."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("??", '?""?') + '"'


def _bytes(content: bytes) -> str:
    return "{" + ", ".join(map(str, content)) + "}"


if __name__ == "__main__":
    write_if_changed(Path(sys.argv[1]), header())
