"""What every command line in `host/` shares: parsing, the console, and how it ends."""

import argparse
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any

import rich.console
from rich.errors import MarkupError
from rich.markup import escape
from rich.prompt import Confirm
from rich.segment import Segment
from rich.text import Text

from microfer.errors import MicroferError

_NOT_SHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""C0 but tab and line feed, DEL and C1, which command a terminal, and what turns the direction of writing."""

_HALF_CHARACTERS = re.compile("[\ud800-\udfff]")


class Console(rich.console.Console):  # noqa: TID251 - the one place
    """The one place that prints for people; what comes from outside cannot command the terminal.

    Names, ports and texts come from recordings, archives, boards and USB devices. Control characters in them are left
    out, half characters are shown as U+FFFD, links are no links, and what looks like markup but is none is printed as
    it is. Rich's own colours and movements of the cursor are not touched.
    """

    def render_str(self, text: str, **options: Any) -> Text:
        """Return the text with its markup, or as it is where that is none."""
        try:
            return super().render_str(text, **options)
        except MarkupError:
            return super().render_str(text, **options | {"markup": False})

    def _render_buffer(self, buffer: Iterable[Segment]) -> str:
        return super()._render_buffer(map(_shown, buffer))


def printable(text: str) -> str:
    """Return `text` without what commands a terminal; line feeds and tabs stay."""
    if text.isprintable():
        return text
    return _HALF_CHARACTERS.sub("\ufffd", _NOT_SHOWN.sub("", text))


def _shown(segment: Segment) -> Segment:
    text, style, control = segment
    if control:
        return segment
    if style is not None and style.link:
        style = style.update_link(None)
    return Segment(printable(text), style)


console = Console(stderr=True)
"""People read this one: progress, tables, errors. Standard output is left to `--json`."""


def warn(text: str) -> None:
    """Print what a person should know before believing the figures; `text` is plain, without markup."""
    console.print(escape(text), style="yellow", soft_wrap=True)


def parser(description: str, examples: str = "") -> argparse.ArgumentParser:
    """Return an argument parser whose `--help` shows defaults' meaning in prose and ends with `examples`."""
    epilog = f"examples:\n{examples.strip(chr(10))}" if examples else None
    return argparse.ArgumentParser(
        description=description, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def add_data_options(parser: argparse.ArgumentParser, doing: str) -> None:
    """Add --data and --synthetic, of which one must be given. doing: what is done with the faces, for the help."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="FER-2013: Kaggle's CSV, an image folder, or a zip of either")
    source.add_argument("--synthetic", action="store_true", help=f"{doing} drawn faces instead of FER-2013")


def add_limit_option(parser: argparse.ArgumentParser) -> None:
    """Add --limit, for a trial of what trains or heals a network."""
    parser.add_argument("--limit", type=positive, help="use only this many images of each split, for a trial")


def add_gate_options(parser: argparse.ArgumentParser, drop_points: float, agreement: float) -> None:
    """Add --max-drop and --min-agreement, with these defaults: how far int8 may be from float."""
    parser.add_argument(
        "--max-drop",
        type=float,
        default=drop_points,
        metavar="POINTS",
        help=f"accuracy that int8 may lose, in points, percent of the images (default: {drop_points:g})",
    )
    parser.add_argument(
        "--min-agreement",
        type=share,
        default=agreement,
        metavar="SHARE",
        help=f"share of images, 0..1, on which float and int8 put the same class first (default: {agreement:g})",
    )


def share(text: str) -> float:
    """Return an option's text as a number from 0 to 1, for `add_argument(type=...)`."""
    number = float(text)
    if not 0 <= number <= 1:
        meant = f": for {number:g} % write {number / 100:g}" if 1 < number <= 100 else ""
        raise argparse.ArgumentTypeError(f"{text} is no share from 0 to 1{meant}")
    return number


def positive(text: str) -> int:
    """Return an option's text as a whole number of at least 1, for `add_argument(type=...)`."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is below 1")
    return number


def add_force_option(parser: argparse.ArgumentParser) -> None:
    """Add --force, for `confirm_overwrite`."""
    parser.add_argument("--force", action="store_true", help="overwrite what is in the folder already, without asking")


def confirm_overwrite(path: Path, force: bool) -> None:
    """Ask whether `path` may be overwritten where it is there; without a terminal to ask on, only `force` allows it.

    Raises:
        MicroferError: it may not.
    """
    if force or not path.exists():
        return
    is_asked = console.is_terminal and sys.stdin is not None and sys.stdin.isatty()
    question = f"{escape(str(path))} is there already: overwrite it?"
    if not is_asked or not Confirm.ask(question, console=console, default=False):
        raise MicroferError(f"{path} is there already: choose another folder with --out, or overwrite it with --force")


def run(main: Callable[[], int | None]) -> None:
    """Run a command's `main` and exit: its status, 2 for a MicroferError, 130 for Ctrl-C, 141 for a closed pipe."""
    try:
        status = main() or 0
        sys.stdout.flush()
    except MicroferError as error:
        console.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        status = 2
    except KeyboardInterrupt:
        console.print("stopped")
        status = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141
    sys.exit(status)


class CtrlC:
    """Ctrl-C that cannot get lost while long work runs inside this context.

    Python raises KeyboardInterrupt wherever it happens to be. Inside a destructor or a callback from a library's
    C code that is printed or swallowed, and the work goes on; `check`, called between two steps, raises it again.
    Where Ctrl-C is not left to Python, as in a job that a shell started in the background, it does nothing, and
    nothing outside the main thread, which alone may handle signals.
    """

    def __init__(self) -> None:
        self._pressed = self._handles = False

    def __enter__(self) -> "CtrlC":
        is_main = threading.current_thread() is threading.main_thread()
        self._handles = is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self._handles:
            signal.signal(signal.SIGINT, self._press)
        return self

    def __exit__(self, *_: object) -> None:
        if self._handles:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was pressed."""
        if self._pressed:
            raise KeyboardInterrupt

    def _press(self, _: int, __: FrameType | None) -> None:
        self._pressed = True
        raise KeyboardInterrupt
