"""How `--help` looks: wrapped at the terminal's width, with examples that can be pasted."""

import argparse
import re
import textwrap
from collections.abc import Callable

from microfer.cli.invocation import typed
from microfer.cli.verbs import STATUSES

MANY_CHARACTERS = 32
"""Choices of more than these stand in an option's help, not in its place."""


_STARTS = re.compile(r" +(\w+=\S+ )?(microfer|python|pip|pio|ssh) ")


class HelpFormatter(argparse.HelpFormatter):
    """Wraps prose, keeps examples whole, and says the default of each option that has one.

    Of a description or an epilog, lines that begin with two spaces are examples: a command, and what it does, after two
    spaces or more or in a line of its own that is indented further. Others that begin so stay as they are; everything
    else is prose.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)

    def _metavar_formatter(self, action: argparse.Action, default_metavar: str) -> Callable[[int], tuple[str, ...]]:
        if action.metavar is None and _has_many(action):
            return lambda count: (action.dest.upper(),) * count
        return super()._metavar_formatter(action, default_metavar)

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text = typed(action.help or "")
        if action.choices and action.metavar is None and _has_many(action):
            text += f": one of {', '.join(map(str, action.choices))}"
        if (
            action.option_strings
            and action.default not in (None, False, argparse.SUPPRESS, [], ())
            and ("default" not in text)
        ):
            text += " (default: %(default)s)"
        return text

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n\n".join(_block(block, width) for block in re.split(r"\n\s*\n", text.strip("\n")))


def _has_many(action: argparse.Action) -> bool:
    """Return whether the choices would fill the usage."""
    return len(",".join(map(str, action.choices or ()))) > MANY_CHARACTERS


def epilog(examples: str) -> str:
    """Return what stands after the options: the examples, notes, and the exit statuses."""
    text = "examples:\n" + examples.strip("\n") if examples.strip() else ""
    return text if "exit status:" in text else f"{text}\n\n{STATUSES}".strip("\n")


def _block(text: str, width: int) -> str:
    """Return a block of prose and examples, each wrapped."""
    lines: list[str] = []
    prose = ""
    for line in re.sub(r"(?<=\S)\n {6,}(?=\S)", " " * 6, text).split("\n"):
        if line.startswith("  "):
            lines += _wrapped(prose, width) + (_example(line, width) if _STARTS.match(line) else [line])
            prose = ""
        elif line.startswith("exit status:"):
            lines += _wrapped(prose, width)
            prose = line
        else:
            prose = f"{prose} {line}"
    return "\n".join(lines + _wrapped(prose, width))


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    text = typed(" ".join(text.split()))
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def _example(line: str, width: int) -> list[str]:
    """Return an example: what it does, then the command in lines that a shell reads as one."""
    command, *others = re.split(r" {2,}", line.strip())
    while others and others[0].startswith("-"):  # the command, which was continued in the source
        command += f" {others.pop(0)}"
    does = _wrapped(" ".join(others), width, "  ")
    indent = "    " if does else "  "
    pieces = textwrap.wrap(
        re.sub(r"(?<= )(--?\w[\w-]*) (?=[^-])", "\\1\xa0", typed(command)),  # an option stays beside its value
        width - len(" \\"),
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_on_hyphens=False,
        break_long_words=False,
    )
    pieces = [piece.replace("\xa0", " ") for piece in pieces]
    return [*does, *(f"{piece} \\" for piece in pieces[:-1]), pieces[-1]]
