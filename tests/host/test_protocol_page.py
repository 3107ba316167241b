"""docs/protocol.md: what the layouts say, drawn and told; never older than the code."""

from pathlib import Path

import pytest

from microfer.link.layout import U8, U16, U32, U64, data, layout
from microfer.link.messages import CODES, MESSAGES
from microfer.link.protocol_page import CELL, diagram, page

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_what_the_layouts_say():
    assert (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8") == page(), "python scripts/pages.py"


def test_every_field_and_every_number_is_on_the_page():
    text = page()
    for message in MESSAGES:
        assert f"### {message.__name__}: type {message.TYPE:#04x}," in text
        for field in layout(message):
            assert f"| {field.offset} | {field.wire.name} | `{field.name}` | {field.doc}" in text
    for codes in CODES:
        for code in codes:
            assert f"| {code.value} | {code.name} | {code.doc} |" in text


@pytest.mark.parametrize("message", MESSAGES)
def test_every_name_fits_into_its_place_in_the_drawing(message):
    for field in layout(message):
        name = field.name if field.wire.count is None else f"{field.name} {field.wire.name}"
        assert len(name) <= CELL * min(4, field.wire.size_bytes) - 1


def test_a_drawing_shows_bytes_where_they_lie():
    fields = [("a", U8), ("b", U16), ("c", U32), ("d", U8), ("e", U64), ("f", U8)]
    assert (
        diagram(fields)
        == """\
          0                1                2                3
   +----------------+---------------------------------+----------------+
 0 |       a        |                b                |                |
   +----------------+---------------------------------+----------------+
 4 |                        c                         |       d        |
   +--------------------------------------------------+----------------+
 8 |                                 e                                 |
   +                                                                   +
12 |                                                                   |
   +----------------+--------------------------------------------------+
16 |       f        |
   +----------------+"""
    )


def test_the_middle_of_a_long_field_is_left_out():
    assert (
        diagram([("size", U32), ("bytes", data(1000))])
        == """\
            0                1                2                3
     +-------------------------------------------------------------------+
   0 |                               size                                |
     +-------------------------------------------------------------------+
   4 |                               bytes                               |
     +                                                                   +
     |                               :  :                                |
     +                                                                   +
1000 |                                                                   |
     +-------------------------------------------------------------------+"""
    )
