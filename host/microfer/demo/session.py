"""The demo's run: a virtual board and a viewer that watches it through a TCP port of this computer, for a while."""

import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from microfer.demo import scenes
from microfer.demo.account import Account
from microfer.demo.scenes import Scene, Scenery
from microfer.demo.settings import FPS, LEAST_SECONDS, PICTURE_SECONDS, SECONDS, DemoSettings
from microfer.demo.summary import Outcome
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


def run(settings: DemoSettings, tell: Callable[[str], None]) -> Outcome:
    """Run the demo and return what came of it. tell: is given what happens meanwhile, a line each.

    Raises:
        MicroferError: there is no compiler, no model, nothing to see, or the screenshot cannot be written.
    """
    _check_compiler()
    scenery = Scenery(_scenes(settings))
    try:
        return _watch(settings, scenery, tell)
    finally:
        scenery.close()


def _scenes(settings: DemoSettings) -> list[Scene]:
    frames = round(FPS * (settings.seconds or SECONDS))
    if settings.webcam is not None:
        return scenes.webcam_scene(settings.webcam, frames)
    if not settings.sources:
        return scenes.own_scenes(frames)
    if settings.seconds is None and not any(path.suffix.lower() in VIDEO_SUFFIXES for path in settings.sources):
        count = len(pictures.expand(list(settings.sources)))
        frames = round(FPS * max(LEAST_SECONDS, count * PICTURE_SECONDS))
    return scenes.named_scenes(settings.sources, frames)


def _check_compiler() -> None:
    try:
        find_compiler()
    except MicroferError as error:
        raise MicroferError(
            f"{error}. Until then, without a compiler: microfer classify finds the faces in "
            "pictures and says what the network perceives"
        ) from error


def _watch(settings: DemoSettings, scenery: Scenery, tell: Callable[[str], None]) -> Outcome:
    """Watch the board until it has dealt with all frames, or somebody ends it; return what came of it."""
    looks = BoardSettings(model=settings.model, fps=FPS, frames=scenery.frames)
    account = Account(scenery.seen, scenery.frames)
    is_stopped = False
    with ExitStack() as stack:
        board = stack.enter_context(VirtualBoard(looks, scenery, progress=tell))
        _make(settings.out)
        connection = Connection(board.url)
        viewer = Viewer(
            LiveSource(connection), previews=True, snapshots=settings.out, seconds=scenery.frames / FPS + GRACE_S
        )
        stack.enter_context(viewer)
        viewer.listener = account.take
        _open(connection)
        tell(
            f"the virtual board at {board.url} looks at {scenery.name} for {scenery.frames / FPS:.0f} s; "
            "Ctrl-C ends it, and so does q where it is shown"
        )
        try:
            ending = threading.Thread(target=_end, args=(board, viewer, account), name="demo-end", daemon=True)
            ending.start()
            _show(viewer, settings, account, tell)
        except KeyboardInterrupt:
            is_stopped = True
        viewer.pause(False)
        viewer.close()  # before the last view, so that nothing arrives any more that one has and the account has not
        view, given = viewer.view(), board.camera.given if board.camera else 0
        viewer.check()
        board.wait(0)  # raises what broke it
        screenshot = settings.out / SCREENSHOT
        write_bytes(screenshot, png(view))
        return Outcome(view, account, given, scenery, screenshot, is_stopped)


def _open(connection: Connection) -> None:
    try:
        connection.open()
    except PortError as error:
        raise MicroferError(
            f"the viewer cannot reach the virtual board in its own process ({error.__cause__ or error}): is "
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


def _show(viewer: Viewer, settings: DemoSettings, account: Account, tell: Callable[[str], None]) -> None:
    """Show the view on what this computer has, until it has finished."""
    if settings.display == "web":
        web.serve(viewer, browser=settings.browser)
    elif settings.display == "best" and not why_no_window():
        window.show(viewer)
    elif settings.display != "progress" and sys.stdout.isatty():
        terminal.show(viewer, sum_up=False)
    else:
        _show_progress(viewer, account, tell)


def _show_progress(viewer: Viewer, account: Account, tell: Callable[[str], None]) -> None:
    """Print a line whenever the answer has changed, at most one a second."""
    said = ""
    viewer.start()
    while not viewer.finished.wait(PROGRESS_S if said else LOOK_AGAIN_S):
        if account.latest is None:
            continue
        name, frame = account.latest
        if f"{name}: {frame.headline}" != said:
            said = f"{name}: {frame.headline}"
            tell(f"  {said}" + (f" {100 * frame.confidence:.0f} %" if frame.label else ""))
