"""What prints for people: text from outside stays text."""

import io

import pytest
from rich.live import Live
from rich.table import Table
from rich.text import Text

from microfer.console import Console, printable

OSC = "\x1b]0;title\x07\x1b]52;c;ZXZpbA==\x1b\\"
CSI = "\x1b[2J\x1b[31mred\x1b[0m"
C1 = "\x9b2J\x9d0;title\x9c"
REVERSED = "invoice\u202efdp.exe\u202c\u2066"
NOT_SHOWN = {chr(code) for code in (*range(32), 127, *range(128, 160))} - {"\n", "\t"} | set("\u202e\u202c\u2066")


def console(**options):
    return Console(file=io.StringIO(), width=200, **options)


@pytest.mark.parametrize("text", [OSC, CSI, C1, REVERSED, "a\rb", "a\bb", "\x00", "".join(sorted(NOT_SHOWN))])
@pytest.mark.parametrize("is_terminal", [False, True])
def test_no_text_commands_the_terminal_however_it_is_printed(text, is_terminal):
    out = console(force_terminal=is_terminal, color_system=None)
    table = Table(title=text, caption=text)
    table.add_column(text)
    table.add_row(Text(text))
    for content in (text, Text(text), table):
        out.print(content)
        out.print(content, markup=False, highlight=False, soft_wrap=True)
    out.out(text)
    assert not NOT_SHOWN & set(out.file.getvalue())


def test_rich_keeps_its_own_colours_and_movements():
    out = console(force_terminal=True, color_system="truecolor")
    out.print("[bold red]error:[/] " + CSI.replace("[", "\\["), highlight=False)
    assert out.file.getvalue() == "\x1b[1;31merror:\x1b[0m [2J[31mred[0m\n"
    with Live(Text("a"), console=out, screen=True, auto_refresh=False):
        pass
    assert "\x1b[?1049h" in out.file.getvalue()


def test_what_looks_like_markup_and_is_none_is_printed_as_it_is():
    out = console()
    out.print("wrote /data/[/]/model.tflite", highlight=False)
    assert out.file.getvalue() == "wrote /data/[/]/model.tflite\n"


def test_a_text_from_outside_makes_no_link():
    out = console(force_terminal=True, color_system="truecolor")
    out.print("[link=https://evil.example]a board[/link]")
    assert "evil.example" not in out.file.getvalue()
    assert "a board" in out.file.getvalue()


def test_half_a_character_does_not_stop_a_print():
    raw = io.BytesIO()
    out = Console(file=io.TextIOWrapper(raw, "utf-8"), width=200)
    out.print("a file named \udcff", highlight=False)
    assert raw.getvalue().decode() == "a file named \ufffd\n"


def test_printable_text_is_left_alone():
    assert printable("Übung: 50 % – 表情 😀\tx\ny") == "Übung: 50 % – 表情 😀\tx\ny"
