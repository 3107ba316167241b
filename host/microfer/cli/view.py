"""Watch a board: what it sees, what it answers, how fast, and what got lost."""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack

from microfer.cli import command
from microfer.console import Bar, console
from microfer.current_model import current_model
from microfer.errors import MicroferError
from microfer.link.connection import Connection
from microfer.link.ports import find_ports, only_port
from microfer.link.recording import Recording, read_recording
from microfer.link.source import LiveSource, Replay, Source
from microfer.link.warnings import ExpectedModel
from microfer.viewer import export
from microfer.viewer.displays import choose_display
from microfer.viewer.json_lines import JsonLines, summary_of
from microfer.viewer.viewer import KEYS, Viewer

HIGHEST_PORT = 65_535

EXAMPLES = (
    """
  microfer view                                  the board on USB, in a window or the terminal
  microfer view --port 127.0.0.1:5333            a virtual board
  microfer view --web --previews                 a page in the browser, with the crops
  microfer view --json --frames 100              one JSON object a line, for scripts
  microfer view --record captures/morning.mfrec  keep the link's bytes and their times
  microfer view --replay captures/morning.mfrec --speed 4
  microfer view --replay morning.mfrec --export-csv x.csv --export-mp4 x.mp4

keys in the terminal, on the page and in the window (space: pause, or next step):
"""
    + "\n".join(f"  {key}  {doc}" for key, _, doc in KEYS)
    + """

exit status: 0 predictions arrived, 1 none did, 2 something cannot be used or the options are wrong, 130 Ctrl-C
"""
)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    recording = None if options.replay is None else read_recording(options.replay)
    if recording is not None and recording.cut:
        console.print(recording.cut, style="yellow", markup=False, highlight=False, soft_wrap=True)
    if recording is not None and (options.export_csv or options.export_mp4):
        return _export(recording, options)
    with ExitStack() as stack:
        show = _display(options)
        if options.step and not _has_keys(show):
            raise MicroferError(
                "--step waits for the key n, but there is no keyboard: standard input is not a terminal, or --json was "
                "asked for. Take --web, or leave out --step"
            )
        source = _source(options, recording)
        stack.callback(source.close)
        viewer = stack.enter_context(
            Viewer(
                source,
                previews=options.previews,
                record=options.record,
                snapshots=options.snapshots,
                frames=options.frames,
                seconds=options.seconds,
                linger=recording is not None and _has_keys(show),
                expected=None if recording is not None else _expected(),
            )
        )
        if isinstance(source, LiveSource):
            source.connection.open()
        _show(viewer, show, options)
    viewer.check()  # once all is closed: a full disk may show only then
    return 0 if viewer.arrived else 1


def _expected() -> ExpectedModel | None:
    """Return the current model where somebody chose or exported one."""
    try:
        chosen = current_model()
        return ExpectedModel(str(chosen.path), chosen.sha256) if chosen.is_own else None
    except MicroferError as error:
        console.print(f"the current model cannot be told: {error}", markup=False, soft_wrap=True)
        return None


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser(
        "Show what a board sees and answers. No picture leaves the board unless --previews or the key v asks for it. "
        "A lost board is connected again by itself.",
        EXAMPLES,
        verb="view",
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--replay", metavar="FILE", help="play a recording instead of watching a board")
    command.add_port_options(parser, "watch this board (default: auto)", source)
    display = parser.add_mutually_exclusive_group()
    display.add_argument("--headless", action="store_const", const="terminal", dest="display", help="the terminal view")
    display.add_argument("--web", action="store_const", const="web", dest="display", help="a page in the browser")
    display.add_argument("--window", action="store_const", const="window", dest="display", help="a window of OpenCV")
    display.add_argument("--json", action="store_const", const="json", dest="display", help="one JSON object a line")
    parser.add_argument("--web-port", type=int, default=0, metavar="N", help="of the page (default: any free one)")
    parser.add_argument("--no-browser", action="store_true", help="with --web: print the address and open nothing")
    parser.add_argument("--previews", action="store_true", help="ask the board for the 48x48 crops that it sees")
    parser.add_argument("--record", metavar="FILE", help="keep the link's bytes and their times in a new file")
    parser.add_argument("--snapshots", metavar="FOLDER", default="captures", help="where the keys s and r save")
    speed = parser.add_mutually_exclusive_group()
    speed.add_argument("--speed", type=float, default=1.0, help="of a replay: 2 = twice as fast, inf = at once")
    speed.add_argument("--step", action="store_true", help="replay prediction by prediction, at the key n")
    parser.add_argument("--frames", type=command.positive, help="end after this many predictions")
    parser.add_argument("--seconds", type=float, help="end after so long")
    parser.add_argument("--export-csv", metavar="FILE", help="with --replay: write one row a prediction")
    parser.add_argument("--export-mp4", metavar="FILE", help="with --replay: write a film of the view")
    options = parser.parse_args(arguments)
    if options.replay is None and (options.export_csv or options.export_mp4 or options.step or options.speed != 1):
        parser.error("--export-csv, --export-mp4, --speed and --step need --replay FILE")
    if options.replay is not None and options.record is not None:
        parser.error("--record keeps what a board sends: it does not go with --replay")
    if options.display != "web" and (options.web_port or options.no_browser):
        parser.error("--web-port and --no-browser need --web")
    if not 0 <= options.web_port <= HIGHEST_PORT:
        parser.error(
            f"--web-port {options.web_port} is not a TCP port: ports go up to {HIGHEST_PORT}, and 0 takes any free one"
        )
    if options.seconds is not None and not options.seconds > 0:
        parser.error(f"--seconds {options.seconds:g} is not above 0")
    return options


def _display(options: argparse.Namespace) -> str:
    if options.display is not None:
        return str(options.display)
    display, why = choose_display()
    console.print(why, highlight=False)
    return display


def _has_keys(display: str) -> bool:
    """Return whether somebody is there who can press keys."""
    return display in {"web", "window"} or (display == "terminal" and sys.stdin.isatty())


def _source(options: argparse.Namespace, recording: Recording | None) -> Source:
    if recording is not None:
        return Replay(recording, options.speed, options.step)
    port = options.port
    if port in {None, "auto"}:
        found = only_port(find_ports())
        console.print(f"found {found.describe()}", markup=False, highlight=False)
        port = found.device
    return LiveSource(Connection(port, options.baud))


def _show(viewer: Viewer, display: str, options: argparse.Namespace) -> None:
    if display == "json":
        lines = JsonLines()
        viewer.listener = lambda timed: print(json.dumps(lines.line(timed)), flush=True)
        while not viewer.finished.is_set():
            viewer.poll()
        print(json.dumps(summary_of(viewer.view())), flush=True)
        return
    if display == "web":
        from microfer.viewer import web

        web.serve(viewer, options.web_port, browser=not options.no_browser)
    elif display == "window":
        from microfer.viewer import window

        window.show(viewer)
    else:
        from microfer.viewer import terminal

        terminal.show(viewer)


def _export(recording: Recording, options: argparse.Namespace) -> int:
    if options.export_csv:
        rows = export.export_csv(recording, options.export_csv)
        console.print(f"{options.export_csv}: {rows:,} predictions")
    if options.export_mp4:
        with Bar("film", 1.0, counted=False) as bar:
            pictures = export.export_mp4(recording, options.export_mp4, progress=bar.move)
        console.print(f"{options.export_mp4}: {pictures:,} pictures, {recording.duration_s:.1f} s")
    return 0
