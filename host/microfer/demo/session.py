"""The demo's run: a virtual board and a viewer that watches it through a TCP port of this computer, for a while."""

import argparse
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

from rich.markup import escape

from microfer.command import console
from microfer.demo import scenes
from microfer.demo.account import Account
from microfer.demo.options import FPS, LEAST_SECONDS, PICTURE_SECONDS, SECONDS
from microfer.demo.scenes import Scene, Scenery
from microfer.demo.summary import Outcome, print_json, print_people, this_python
from microfer.errors import MicroferError
from microfer.files import write_bytes
from microfer.link.connection import Connection
from microfer.link.ports import PortError
from microfer.link.source import LiveSource
from microfer.pictures import pictures
from microfer.viewer import terminal, web, window
from microfer.viewer.displays import why_no_window
from microfer.viewer.picture import png
from microfer.viewer.viewer import Viewer
from microfer.virtual_board.core_build import find_compiler
from microfer.virtual_board.frame_source import VIDEO_SUFFIXES
from microfer.virtual_board.virtual_board import BoardSettings, VirtualBoard

SCREENSHOT = "demo.png"
GRACE_S = 15.0
"""How much longer than planned the demo waits for its last frame: for a slow computer, or a webcam that is gone."""

LAST_WORD_S = 3.0
"""How long the board has for its statistics at the end."""

LOOK_AGAIN_S = 0.1
PROGRESS_S = 1.0


def run(options: argparse.Namespace) -> int:
    """Run the demo and print its summary; return the exit status, which `options.EXAMPLES` tells.

    options: as `microfer.demo.options.parse` returns them.

    Raises:
        MicroferError: there is no compiler, no model, nothing to see, or the screenshot cannot be written.
    """
    _check_compiler()
    scenery = Scenery(_scenes(options))
    try:
        outcome = _watch(options, scenery)
    finally:
        scenery.close()
    if options.json:
        print_json(outcome)
    else:
        print_people(outcome)
    return outcome.status


def _scenes(options: argparse.Namespace) -> list[Scene]:
    frames = round(FPS * (options.seconds or SECONDS))
    if options.webcam is not None:
        return scenes.webcam_scene(options.webcam, frames)
    if not options.sources:
        return scenes.own_scenes(frames)
    if options.seconds is None and not any(path.suffix.lower() in VIDEO_SUFFIXES for path in options.sources):
        count = len(pictures.expand(options.sources))
        frames = round(FPS * max(LEAST_SECONDS, count * PICTURE_SECONDS))
    return scenes.named_scenes(options.sources, frames)


def _check_compiler() -> None:
    try:
        find_compiler()
    except MicroferError as error:
        raise MicroferError(
            f"{error}. Until then, without a compiler: {this_python()} host/classify_pictures.py finds the faces in "
            "pictures and says what the network perceives"
        ) from error


def _watch(options: argparse.Namespace, scenery: Scenery) -> Outcome:
    """Watch the board until it has dealt with all frames, or somebody ends it; return what came of it."""
    settings = BoardSettings(model=options.model, fps=FPS, frames=scenery.frames)
    account = Account(scenery.seen, scenery.frames)
    is_stopped = False
    with ExitStack() as stack:
        board = stack.enter_context(VirtualBoard(settings, scenery, progress=_say))
        _make(options.out)
        connection = Connection(board.url)
        viewer = Viewer(
            LiveSource(connection), previews=True, snapshots=options.out, seconds=scenery.frames / FPS + GRACE_S
        )
        stack.enter_context(viewer)
        viewer.listener = account.take
        _open(connection)
        _say(
            f"the virtual board at {board.url} looks at {scenery.name} for {scenery.frames / FPS:.0f} s; "
            "Ctrl-C ends it, and so does q where it is shown"
        )
        try:
            ending = threading.Thread(target=_end, args=(board, viewer, account), name="demo-end", daemon=True)
            ending.start()
            _show(viewer, options, account)
        except KeyboardInterrupt:
            is_stopped = True
        viewer.pause(False)
        viewer.close()  # before the last view, so that nothing arrives any more that one has and the account has not
        view, given = viewer.view(), board.camera.given if board.camera else 0
        viewer.check()
        board.wait(0)  # raises what broke it
        screenshot = options.out / SCREENSHOT
        write_bytes(screenshot, png(view))
        return Outcome(view, account, given, scenery, screenshot, is_stopped)


def _open(connection: Connection) -> None:
    try:
        connection.open()
    except PortError as error:
        raise MicroferError(
            f"the viewer cannot reach the virtual board, in this very process ({error.__cause__ or error}): is "
            "this computer's loopback interface up, and no firewall in between? On Linux: sudo ip link set lo up"
        ) from error


def _make(folder: Path) -> None:
    """Make the folder of the screenshot, now rather than when all is over."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MicroferError(f"cannot write into {folder}: {error.strerror or error}; choose another --out") from error


def _end(board: VirtualBoard, viewer: Viewer, account: Account) -> None:
    """End the viewer once the board has dealt with all frames and has said so."""
    try:
        while not viewer.finished.is_set() and not board.wait(LOOK_AGAIN_S):
            pass
        viewer.set_previews(True)  # which the board answers with its statistics
        account.complete.wait(LAST_WORD_S)
    except MicroferError:
        pass  # a board that broke down: `_watch` asks it again
    finally:
        viewer.quit()


def _show(viewer: Viewer, options: argparse.Namespace, account: Account) -> None:
    """Show the view on what this computer has, until it has finished."""
    if options.web:
        web.serve(viewer, browser=not options.no_browser)
    elif not (options.json or options.headless) and not why_no_window():
        window.show(viewer)
    elif sys.stdout.isatty() and not options.json:
        terminal.show(viewer, sum_up=False)
    else:
        _show_progress(viewer, account)


def _show_progress(viewer: Viewer, account: Account) -> None:
    """Print a line whenever the answer has changed, at most one a second."""
    said = ""
    viewer.start()
    while not viewer.finished.wait(PROGRESS_S if said else LOOK_AGAIN_S):
        if account.latest is None:
            continue
        name, frame = account.latest
        if f"{name}: {frame.headline}" != said:
            said = f"{name}: {frame.headline}"
            _say(f"  {said}" + (f" {100 * frame.confidence:.0f} %" if frame.label else ""))


def _say(text: str) -> None:
    console.print(escape(text), highlight=False, soft_wrap=True)
