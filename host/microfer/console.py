"""What people read: the one console, and Ctrl-C while long work runs."""

import re
import signal
import threading
from collections.abc import Iterable
from types import FrameType
from typing import Any

import rich.console
from rich.console import RenderableType
from rich.errors import MarkupError
from rich.markup import escape
from rich.segment import Segment
from rich.text import Text

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


class Bar:
    """A progress bar with the time left, on standard error; where that is no terminal, none is drawn.

    In a narrow terminal the bar itself is what gets shorter.

    title: what is done. total: how much of it, in any unit; None until `move` says so, and no bar is shown before.
    done: how much was done before. counted: whether people see the numbers, or a percentage. stays: whether the bar is
    still there at the end.
    """

    def __init__(
        self, title: str, total: float | None = None, *, done: int = 0, counted: bool = True, stays: bool = False
    ) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.table import Column

        class WithNote(Progress):
            """What else is to be shown has a line of its own: beside the bar it would leave no room for the time."""

            def get_renderables(self) -> Iterable[RenderableType]:
                yield from super().get_renderables()
                for task in self.tasks:
                    if task.fields["note"]:
                        yield Text(task.fields["note"], no_wrap=True, overflow="ellipsis")

        self._bar = WithNote(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(table_column=Column(no_wrap=True)) if counted else TaskProgressColumn(),
            TimeRemainingColumn(table_column=Column(no_wrap=True)),
            TextColumn("left"),
            console=console,
            transient=not stays,
            disable=not console.is_terminal,
            speed_estimate_period=600,
        )
        self._task = self._bar.add_task(escape(title), total=total, completed=done, note="")
        self._is_known = total is not None

    def __enter__(self) -> "Bar":
        if self._is_known:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def add(self, count: float) -> None:
        """Say that so much more is done."""
        self._bar.update(self._task, advance=count)

    def move(self, done: float, total: float | None = None, note: str = "") -> None:
        """Say how much is done by now, of how much where that was not known, and what else is to be shown."""
        if total is not None:
            self._bar.start()
        self._bar.update(self._task, completed=done, total=total, note=note)


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
