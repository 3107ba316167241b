"""The bytes of a message as a drawing, four to a row, in the manner of the Internet's standards."""

from collections.abc import Sequence
from dataclasses import dataclass

from microfer.link.layout import Wire

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
