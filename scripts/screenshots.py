"""Take the pictures of docs/viewer.md: `python scripts/screenshots.py`. For maintainers; needs Chromium, and a minute.

A virtual board looks at drawn people and at last at NASA's portrait of Eileen Collins, which is in the public domain;
no picture of a data set. Prints how long a prediction takes from its arrival to the page, too.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import environment

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from tests.host.browser import Browser

    from microfer.viewer.view import View

SCENE_S, ALL_S = 48.0, 62.0
PAGE = (1280, 1180)
COLUMNS, LINES = 156, 40


class PeopleThenPortrait:
    """What the camera sees: drawn people who come and go, and then the portrait."""

    name = "drawn people and a portrait"

    def __init__(self) -> None:
        from microfer.pictures.pictures import astronaut_path
        from microfer.virtual_board.frame_source import PictureSource, SceneSource

        self._scene, self._portrait = SceneSource(1), PictureSource([astronaut_path()])

    def frame(self, time_s: float) -> npt.NDArray[np.uint8]:
        """Return what is seen at that time."""
        return (self._scene if time_s < SCENE_S else self._portrait).frame(time_s)

    def close(self) -> None:
        """Do nothing."""


def main() -> None:
    """Watch for a minute, then take all pictures of one moment."""
    from tests.host.browser import Browser, browser_path

    from microfer.console import console
    from microfer.errors import MicroferError
    from microfer.link.connection import Connection
    from microfer.link.source import LiveSource
    from microfer.viewer.picture import png
    from microfer.viewer.viewer import Viewer
    from microfer.viewer.web import WebServer
    from microfer.virtual_board.virtual_board import BoardSettings, VirtualBoard

    if browser_path() is None:
        raise MicroferError("there is no Chromium to look at the page with: install chromium")
    docs = environment.ROOT / "docs"
    with (
        VirtualBoard(BoardSettings(fps=15), PeopleThenPortrait()) as board,
        Viewer(LiveSource(connection := Connection(board.url)), previews=True) as viewer,
        WebServer(viewer) as server,
        Browser(*PAGE) as browser,
    ):
        connection.open()
        viewer.start()
        browser.look(width=PAGE[0], height=PAGE[1])
        browser.open(server.url)
        console.print(f"watching for {ALL_S:.0f} s")
        time.sleep(ALL_S)
        console.print(f"on this computer, with the board on it, {browser.text('#latency')}")
        viewer.pause(True)
        view = replace(viewer.view(), paused=False, notice="")
        viewer.pause(False)
        save(docs / "viewer-page.png", shot(browser))
        save(docs / "viewer-window.png", png(view))
        viewer.set_previews(False)
        browser.look(dark=True)
        browser.wait_for("!document.getElementById('no-crop').hidden && !document.title.startsWith('paused')")
        time.sleep(1)
        save(docs / "viewer-page-dark.png", shot(browser))
        save(docs / "viewer-terminal.png", terminal_picture(browser, view))


def shot(browser: Browser) -> bytes:
    """Return what the browser shows, as a PNG file's content."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shot.png"
        browser.screenshot(path)
        return path.read_bytes()


def terminal_picture(browser: Browser, view: View) -> bytes:
    """Return what a terminal shows of the view."""
    from rich.console import Console
    from rich.terminal_theme import MONOKAI

    from microfer.viewer import terminal

    file = io.StringIO()
    console = Console(
        width=COLUMNS, record=True, file=file, force_terminal=True, color_system="truecolor", legacy_windows=False
    )
    console.print(terminal.render(view, COLUMNS, LINES))
    svg = console.export_svg(title="microfer view --headless", theme=MONOKAI)
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # those would be loaded from the network
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    if found is None:
        raise ValueError("rich's SVG has no viewBox")
    width, height = map(float, found.groups())
    with tempfile.NamedTemporaryFile("w", suffix=".svg", encoding="utf-8") as image:
        image.write(svg)
        image.flush()
        browser.look(width=1280, height=round(1280 * height / width))
        browser.open(f"file://{image.name}")
        time.sleep(1)
        return shot(browser)


def save(path: Path, content: bytes) -> None:
    """Write the picture, as small as a PNG gets without loss."""
    from PIL import Image

    from microfer.console import console
    from microfer.files import write_bytes

    small = io.BytesIO()
    Image.open(io.BytesIO(content)).convert("RGB").save(small, "PNG", optimize=True)
    write_bytes(path, small.getvalue())
    console.print(f"{path.relative_to(environment.ROOT)}: {len(small.getvalue()) / 1000:.0f} kB")


if __name__ == "__main__":
    environment.enter("run")
    sys.path[:0] = [str(environment.ROOT / "host"), str(environment.ROOT)]
    from microfer.cli.command import run

    run(main)
