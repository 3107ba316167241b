"""The view in a terminal: crop in half blocks, a bar for each class, last minute, figures, keys. 80x24 are enough."""

import textwrap
import time
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from rich.color import Color
from rich.console import ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.measure import Measurement
from rich.panel import Panel
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from microfer.console import Console
from microfer.contract import CROP_SIZE, LABELS
from microfer.viewer.facts import fact_groups, rate_text
from microfer.viewer.keys import terminal_keys
from microfer.viewer.picture import color_of, no_crop_title
from microfer.viewer.view import CropView, FrameView, LinkState, Shown, Slot, View
from microfer.viewer.viewer import KEYS, Viewer

REDRAW_S = 0.1
"""How often the view is drawn where nothing new arrives, so that its ages and rates stay true."""

LEAST_REDRAW_S = 0.02
"""Between two drawings, so that a fast board does not keep the terminal busy."""

FRAME_WIDTH = 4
"""Columns that a panel takes beside its content; and two lines."""
SCORES_WIDTH = 46
SCORES_LINES = 5 + 2 * len(LABELS)
"""With seven classes: each takes two, for its smoothed and its raw score."""

OTHER_LINES = 3
"""Header, timeline and keys."""

FIGURES_WIDTH = 34
NAMES_WIDTH = 17
ROOMY_HEIGHT = 34
IMPORTANT = ("speed", "frames", "link", "board")
"""Groups of figures, as they are chosen where not all have room."""

KEPT_STYLES = 8192
"""Of half blocks, most that are kept: of a face's crops few more come again, and all 65,536 take 50 MB."""

BAR_WIDTH = 24
HALVES = " ▏▎▍▌▋▊▉█"
SPARKS = "▁▂▃▄▅▆▇█"

_STATE_COLORS = {
    LinkState.CONNECTED: "green",
    LinkState.WAITING: "yellow",
    LinkState.LOST: "bold red",
    LinkState.REFUSED: "bold red",
}


def show(
    viewer: Viewer,
    console: Console | None = None,
    drawn: Callable[[View], None] | None = None,
    sum_up: bool = True,
) -> None:
    """Start the viewer and show it until it has finished; keys work where standard input is a terminal.

    Where standard output is none, as in a script, only changes of the link's state are printed, and the view at the
    end. drawn: is told of each view once it is on the terminal. sum_up: whether to print the figures at the end.
    """
    console = console or Console()
    viewer.start()
    with terminal_keys() as keys:
        if console.is_terminal:
            with Live(console=console, screen=True, auto_refresh=False) as live:
                while not viewer.finished.is_set():
                    viewer.news.wait(REDRAW_S)
                    viewer.news.clear()
                    begin_s = time.monotonic()
                    for key in keys.pressed():
                        viewer.press(key)
                    view = viewer.view()
                    live.update(render(view, console.width, console.height), refresh=True)
                    if drawn is not None:
                        drawn(view)
                    viewer.finished.wait(max(0.0, LEAST_REDRAW_S - (time.monotonic() - begin_s)))
        else:
            _print_changes(viewer, console)
    if sum_up:
        console.print(summary(viewer.view()))


def render(view: View, width: int, height: int) -> RenderableType:
    """Return the view for a terminal of this size; what has no room is left out, the figures first, then the crop."""
    middle = Table.grid(padding=(0, 1), pad_edge=False)
    columns: list[RenderableType] = []
    space = [Text()] if height >= ROOMY_HEIGHT else []
    said = _messages(view)
    lines = sum(max(1, len(textwrap.wrap(line, width))) for line in said.plain.splitlines())
    room = height - OTHER_LINES - lines - 2 * len(space)
    side = _crop_side(view, width, room)
    has_figures = width >= (side and side + FRAME_WIDTH) + SCORES_WIDTH + FIGURES_WIDTH
    if side:
        middle.add_column(width=side + FRAME_WIDTH)
        has_brief = not has_figures and room >= side // 2 + 5
        columns.append(Group(_crop(view, side), _brief(view)) if has_brief else _crop(view, side))
    middle.add_column(width=min(SCORES_WIDTH, width - 2))
    columns.append(scores(view.frame, room))
    if has_figures:
        middle.add_column()
        columns.append(figures(view, room - 1))
    middle.add_row(*columns)
    line = timeline(view.timeline, width - 6, view.labels)
    return Group(_header(view), *space, middle, *space, line, *([said] if said else []), _keys(view))


def summary(view: View) -> RenderableType:
    """Return what is printed when the viewer has ended: state, figures, where every frame went."""
    head = Text(f"{view.port}: {view.state_text}")
    return Group(head, figures(view, 99), _messages(view))


def _crop_side(view: View, width: int, room: int) -> int:
    """Return how many columns the crop takes: a pixel each, or one for 2x2 pixels, or 0 where it is not shown.

    room: lines that it may take. Where previews are asked for it keeps its place, so that nothing jumps when a face
    comes or goes.
    """
    if view.crop is None and not view.previews:
        return 0
    for side in (CROP_SIZE, CROP_SIZE // 2):
        if width >= side + FRAME_WIDTH + SCORES_WIDTH + 2 and room >= side // 2 + 2:
            return side
    return 0


def _crop(view: View, side: int) -> Panel:
    """Return the crop, `side` columns wide, in its frame; or why there is none."""
    content: RenderableType = Text(no_crop_title(view), "dim")
    title = "what the network sees"
    if view.crop is not None:
        content = HalfBlocks(view.crop, side)
        title += f", frame {view.crop.frame}" if side == CROP_SIZE else ""
    return Panel(content, title=title, width=side + FRAME_WIDTH, height=side // 2 + 2)


def _brief(view: View) -> Text:
    """Return the figures that matter most, in three short lines."""
    frames = view.frames
    lines = [f"{rate_text(view.fps_board)} predictions/s"]
    if view.frame is not None:
        lines.append(f"{view.frame.total_ms:.1f} ms a frame")
    lines.append(f"{frames.shown:,} of {frames.captured:,} frames shown")
    return Text("\n".join(f"  {line}" for line in lines), "dim")


class HalfBlocks:
    """A crop in half blocks, the upper pixel in front, the lower one behind: 48 in a line, or 24 of 2x2 pixels each."""

    def __init__(self, crop: CropView, side: int = CROP_SIZE) -> None:
        pixels = np.frombuffer(crop.pixels, np.uint8).reshape(side, CROP_SIZE // side, side, CROP_SIZE // side)
        self._pixels = pixels.mean((1, 3)).astype(np.uint8).tobytes()
        self._side = side

    def __rich_console__(self, console: object, options: ConsoleOptions) -> RenderResult:
        """Yield one segment a block; made by hand, because text of 1152 styles takes rich far longer."""
        side = self._side
        for top in range(0, side, 2):
            begin, middle = top * side, (top + 1) * side
            for upper, lower in zip(self._pixels[begin:middle], self._pixels[middle : middle + side], strict=True):
                yield Segment("▀", gray_style(upper, lower))
            yield Segment.line()

    def __rich_measure__(self, console: object, options: ConsoleOptions) -> Measurement:
        """Return its fixed width."""
        return Measurement(self._side, self._side)


@lru_cache(maxsize=KEPT_STYLES)
def gray_style(upper: int, lower: int) -> Style:
    """Return the style of a half block: `upper` in front, `lower` behind, gray levels."""
    return Style(color=Color.from_rgb(upper, upper, upper), bgcolor=Color.from_rgb(lower, lower, lower))


def scores(frame: FrameView | None, room: int = SCORES_LINES) -> RenderableType:
    """Return the answer and a bar for each class: in blocks the smoothed score, in a line below the raw one.

    room: lines that it may take; with fewer than it needs it leaves out the legend, then the raw scores.
    """
    if frame is None:
        return Panel(Text("no prediction yet", "dim"), width=SCORES_WIDTH, title="perceived expression")
    color = color_of(frame.answer, frame.label, frame.labels)
    head = Text(f"{frame.headline}  ", f"bold {color}" if frame.answer == Shown.LABEL else "bold")
    if frame.answer != Shown.NO_FACE:
        head.append(f"{100 * frame.confidence:.0f} %", "bold")
    if frame.answer == Shown.UNCERTAIN:
        head.append(f"  most likely {frame.label}", "dim")
    table = Table.grid(padding=(0, 1))
    needed = SCORES_LINES + 2 * (len(frame.labels) - len(LABELS))
    has_raw = room >= needed - 2
    for index, label in enumerate(frame.labels):
        is_best = label == frame.label
        style = f"bold {color_of(Shown.LABEL, label, frame.labels)}" if is_best else ""
        smoothed, raw = frame.smoothed[index], frame.raw[index]
        table.add_row(Text(label, style), _bar(smoothed, style or "grey62"), Text(f"{100 * smoothed:4.0f} %", style))
        if has_raw:
            line = Text("─" * round(raw * BAR_WIDTH), "cyan")
            table.add_row("", line, Text(f"{100 * raw:4.0f} %", "cyan dim"))
    note = Text.assemble(("█", "grey62"), " smoothed   ", ("─", "cyan"), " this frame alone", style="dim")
    parts = (head, Text(), table, note) if room >= needed else (head, table)
    return Panel(Group(*parts), title=f"frame {frame.number}", width=SCORES_WIDTH)


def figures(view: View, height: int) -> RenderableType:
    """Return the figures as a table of names and values; in a low terminal the groups that matter most."""
    groups, left = fact_groups(view), height
    shown = set()
    for title, facts in sorted(groups, key=lambda group: IMPORTANT.index(group[0])):
        if len(facts) < left:
            shown.add(title)
            left -= len(facts) + 1
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True, min_width=NAMES_WIDTH)
    table.add_column(no_wrap=True, overflow="ellipsis")
    for title, facts in groups:
        if title not in shown:
            continue
        table.add_row(Text(title, "bold"), "")
        for name, value in facts:
            table.add_row(Text(f" {name}", "dim"), Text(value, "bold red" if value.startswith("FAILED") else ""))
    return table


def timeline(slots: tuple[Slot, ...], width: int, labels: Sequence[str] = LABELS) -> Text:
    """Return the last minute as one line of at most `width` characters, coloured by answer, as high as it was sure."""
    per = max(1, -(-len(slots) // max(1, width)))
    text = Text(" ", no_wrap=True)
    for begin in range(0, len(slots), per):
        slot = max(slots[begin : begin + per], key=lambda slot: slot.frames)
        if not slot.frames:
            text.append(" ")
        elif slot.answer == Shown.LABEL:
            text.append(SPARKS[min(7, int(slot.confidence * 8))], color_of(slot.answer, slot.label, labels))
        else:
            text.append("?" if slot.answer == Shown.UNCERTAIN else "·", "dim")
    text.append(" now", "dim")
    return text


def _header(view: View) -> Text:
    text = Text(" ", no_wrap=True, overflow="ellipsis")
    text.append(f"● {view.state} ", _STATE_COLORS.get(view.state, "dim"))
    if view.source != "live":
        text.append(f"[{view.source}] ", "magenta")
    if view.paused:
        text.append("PAUSED ", "bold yellow")
    if view.recording:
        text.append("● REC ", "bold red")
    if view.board is not None:
        board = view.board
        text.append(f"{board.name}  {board.model_id}  firmware {board.firmware_version}  ", "bold")
        text.append(
            f"self-test {'passed' if board.self_test_ok else 'FAILED'}", "" if board.self_test_ok else "bold red"
        )
    text.append(f"  {view.port}", "dim")
    return text


def _messages(view: View) -> Text:
    """Return what a person should read, the most important first: state, warnings, errors, the board's last words."""
    lines = []
    if view.state not in {LinkState.CONNECTED, LinkState.CLOSED}:
        lines.append((view.state_text, _STATE_COLORS.get(view.state, "")))
    lines += [(warning, "yellow") for warning in view.warnings]
    for error in view.errors[-3:]:
        lines.append((f"{error.name} ({error.count} x): {error.advice}. {error.text}", "red"))
    if view.notice:
        lines.append((view.notice, "green"))
    lines += [(f"board: {line}", "dim") for line in view.log[-2:]]
    return Text("\n").join(Text(f" {line}", style) for line, style in lines)


def _keys(view: View) -> Text:
    text = Text(" ", no_wrap=True, overflow="ellipsis")
    for key, name, _ in KEYS:
        if name == "step" and "step" not in view.source:
            continue
        text.append(f" {key} ", "reverse")
        shown = f" {name} (on)" if name == "previews" and view.previews else f" {name}"
        text.append(f"{shown}  ", "dim")
    return text


def _bar(score: float, style: str) -> Text:
    eighths = round(score * BAR_WIDTH * 8)
    return Text(("█" * (eighths // 8) + HALVES[eighths % 8]).strip().ljust(BAR_WIDTH), style)


def _print_changes(viewer: Viewer, console: Console) -> None:
    said = ""
    while not viewer.finished.is_set():
        text = viewer.view().state_text
        if text != said:
            console.print(text, highlight=False, soft_wrap=True)
            said = text
        time.sleep(REDRAW_S)
