"""The text of docs/protocol.md, made from the layouts so that page and code cannot differ.

The bytes of a message are drawn four to a row, in the manner of the Internet's standards.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from microfer.link import messages
from microfer.link.layout import Code, Field, Message, Wire, layout, payload_struct

ROW_BYTES = 4
CELL = 17
"""Characters a byte, its left border included: enough for the longest name of a one-byte field."""


@dataclass(frozen=True)
class _Piece:
    """What one row shows of a field: bytes `begin` to `end` of the row."""

    name: str
    begin: int
    end: int
    is_first: bool


def diagram(fields: Sequence[tuple[str, Wire]]) -> str:
    """Return the drawing of fields, given as name and type, that follow each other without padding.

    The offset of a row's first byte stands at its left. Of a field of many rows the middle ones are left out.
    """
    rows = _rows(fields)
    width = len(str(max(rows, default=0)))
    lines = [" " * width + "".join(f"{byte:^{CELL}}" for byte in range(ROW_BYTES)).rstrip()]
    above: list[_Piece] = []
    left_out = False
    for offset, row in rows.items():
        if _is_middle(rows, offset):
            if not left_out:
                lines += [f"{'':{width}} {_border(above, row)}", f"{'':{width}} {_line([(row[0], ':  :')])}"]
            left_out, above = True, row
            continue
        lines.append(f"{'':{width}} {_border(above, row)}")
        lines.append(f"{offset:{width}} {_line([(piece, _label(rows, offset, piece)) for piece in row])}")
        left_out, above = False, row
    lines.append(f"{'':{width}} {_border(above, [])}")
    return "\n".join(line.rstrip() for line in lines)


def _rows(fields: Sequence[tuple[str, Wire]]) -> dict[int, list[_Piece]]:
    """Return the pieces of each row, by the offset of its first byte."""
    rows: dict[int, list[_Piece]] = {}
    offset = 0
    for name, wire in fields:
        position, stop = offset, offset + wire.size_bytes
        while position < stop:
            start = position - position % ROW_BYTES
            end = min(stop, start + ROW_BYTES)
            rows.setdefault(start, []).append(_Piece(name, position - start, end - start, position == offset))
            position = end
        offset = stop
    return rows


def _is_middle(rows: dict[int, list[_Piece]], offset: int) -> bool:
    """Return whether this row and its neighbours are wholly of one field that began further above."""
    names = {piece.name for near in (-1, 0, 1) for piece in rows.get(offset + near * ROW_BYTES, [])}
    is_inside = all(offset + near * ROW_BYTES in rows for near in (-1, 1))
    return is_inside and len(names) == 1 and not rows[offset][0].is_first


def _label(rows: dict[int, list[_Piece]], offset: int, piece: _Piece) -> str:
    """Return the field's name in the widest of its pieces, the first of equals; nothing in the others."""
    pieces = [(start, other) for start, row in rows.items() for other in row if other.name == piece.name]
    widest = max(pieces, key=lambda item: item[1].end - item[1].begin)
    return piece.name if widest == (offset, piece) else ""


def _line(pieces: list[tuple[_Piece, str]]) -> str:
    return "|" + "".join(f"{text:^{CELL * (piece.end - piece.begin) - 1}}|" for piece, text in pieces)


def _border(above: list[_Piece], below: list[_Piece]) -> str:
    """Return the line between two rows: open where the same field goes on."""
    upper, lower = _owners(above), _owners(below)
    corners = {edge for piece in (*above, *below) for edge in (piece.begin, piece.end)}
    text = ""
    for byte in range(ROW_BYTES):
        if upper[byte] is None and lower[byte] is None and byte not in corners:
            break
        text += "+" if byte in corners else _between(upper[byte], lower[byte])
        if upper[byte] is None and lower[byte] is None:
            break
        text += _between(upper[byte], lower[byte]) * (CELL - 1)
    else:
        text += "+"
    return text


def _between(upper: str | None, lower: str | None) -> str:
    return " " if upper == lower else "-"


def _owners(row: list[_Piece]) -> list[str | None]:
    owners: list[str | None] = [None] * ROW_BYTES
    for piece in row:
        owners[piece.begin : piece.end] = [piece.name] * (piece.end - piece.begin)
    return owners


_INTRODUCTION = """\
# The link between board and host

<!-- Made by scripts/pages.py from host/microfer/link/messages.py: change it there. -->

The link carries binary frames over a serial port, USB or a TCP connection. This is protocol version {version}. Host
and board use the same layouts: `host/microfer/link/` reads and writes them in Python, `firmware/lib/protocol/` and
the exported `messages.h` in C++. Numbers are little-endian, and fields follow each other without padding. Names end
in their units: `_us`, `_ms`, `_px`, `_bytes`, `_c`; `_q16` is a number in 1/65536.

## A frame

    00  COBS( header  payload  CRC-32 )  00

[COBS](https://doi.org/10.1109/90.769765) removes every zero from the frame, so that a zero byte is always a
delimiter. Each frame has one on either side: the first ends any boot message, log line or noise before the frame, and
of the two between neighbouring frames, one may get lost. Nothing between two delimiters means nothing. The longest
frame has {longest} bytes between its delimiters.

The header, then the payload, then the CRC-32 (that of zlib, PNG and Ethernet) of header and payload:

{header}

| field | type | meaning |
|---|---|---|
{header_rows}
| crc | u32 | after the payload: {crc} |

## What a reader tells apart

| outcome | what it is | what is counted |
|---|---|---|
| message | intact, of this version, a known type | itself, and the frames that are missing by its sequence number |
| damaged | neither a frame nor text: bad COBS, too short, another CRC-32 | by cause |
| cut | the same, but it began before the reader did, or the stream ended before it did | as nobody's fault |
| too long | more bytes without a zero than any frame has; dropped up to the next one | once |
| other version | intact, of another protocol version | refused, with what to do |
| unknown type | intact, but not a message that the other end sends | refused |
| malformed | intact, but of a wrong length, or with a value that its field cannot have | refused, names the field |
| text | printable ASCII: boot messages, log lines, a panic's report | passed on |

Every byte is counted once. A gap in the sequence means that frames were lost on the way, or that the board dropped
them whole because its port was full; `link_dropped` in the statistics tells which. A sequence number that goes back
means a restart.

## Versions

Any change to a layout, a number or a meaning raises the version. A new command with answers of its own does not: a
board that does not know it answers with `COMMAND_UNKNOWN`.

Some things never change, so that two versions recognise each other instead of reading garbage: the frame above with
its header and CRC-32, the types 0x01 (hello) and 0x81 (ask for hello), and the first two fields of the hello. A board
answers an intact frame of another version with its hello. A host that reads a hello of another version names the
board and its firmware, and says which side to update.

## Privacy

No pixel leaves the board unless the host asks for it: `CropPreview` is sent only while `previews` is on, which is off
after every start. `Prediction` contains no pixels.
"""


def page() -> str:
    """Return the whole page, Markdown."""
    parts = [_introduction()]
    parts += ["## Board to host", *map(_message, messages.BOARD_MESSAGES)]
    parts += ["## Host to board", *map(_message, messages.HOST_MESSAGES)]
    parts += ["## Numbers with names", *map(_codes, messages.CODES)]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _introduction() -> str:
    drawing = diagram([(name, wire) for name, wire, _ in messages.HEADER])
    return _INTRODUCTION.format(
        version=messages.PROTOCOL_VERSION,
        longest=messages.MAX_ENCODED_BYTES,
        header=_fenced(drawing),
        header_rows="\n".join(f"| {name} | {wire.name} | {doc} |" for name, wire, doc in messages.HEADER),
        crc=messages.CRC[2],
    )


def _message(message: type[Message]) -> str:
    fields = layout(message)
    title = f"### {message.__name__}: type {message.TYPE:#04x}, payload of {payload_struct(message).size} bytes"
    if not fields:
        return f"{title}\n\n{_sentence(message.__doc__)} It has no payload."
    rows = "\n".join(
        f"| {field.offset} | {field.wire.name} | `{field.name}` | {_meaning(field)} | {field.wire.values} |"
        for field in fields
    )
    table = f"| offset | type | field | meaning | values |\n|---:|---|---|---|---|\n{rows}"
    if message.RULES:
        table += "\n\n" + "; ".join(f"`{rule.subject}` {rule.condition}" for rule in message.RULES) + "."
    drawing = diagram([(_name(field), field.wire) for field in fields])
    return f"{title}\n\n{_sentence(message.__doc__)}\n\n{_fenced(drawing)}\n\n{table}"


def _name(field: Field) -> str:
    return field.name if field.wire.count is None else f"{field.name} {field.wire.name}"


def _meaning(field: Field) -> str:
    if field.wire.codes is None:
        return field.doc
    return f"{field.doc}: a number of [{field.wire.codes.__name__}](#{field.wire.codes.__name__.lower()})"


def _codes(codes: type[Code]) -> str:
    rows = "\n".join(f"| {code.value} | {code.name} | {code.doc} |" for code in codes)
    return f"### {codes.__name__}\n\n{_sentence(codes.__doc__)}\n\n| number | name | meaning |\n|---:|---|---|\n{rows}"


def _sentence(text: str | None) -> str:
    return " ".join((text or "").split())


def _fenced(text: str) -> str:
    return f"```text\n{text}\n```"
