"""A board, the link with faults, a recording, and the viewer in a terminal and on a page, at full rate for an hour.

pytest tests/host/test_viewer_soak.py --soak -s                          an hour, with figures
MICROFER_HOUR_S=300 pytest tests/host/test_viewer_soak.py --soak -s      five minutes
"""

import http.client
import io
import json
import os
import threading
from pathlib import Path

import pytest
from tests.host.board_client import needs_compiler

from microfer.console import Console
from microfer.link.connection import Connection
from microfer.link.messages import Prediction
from microfer.link.reader import Received
from microfer.link.recording import read_recording
from microfer.link.source import LiveSource
from microfer.viewer import terminal
from microfer.viewer.viewer import Viewer
from microfer.viewer.web import HOST, WebServer
from microfer.virtual_board.frame_source import SceneSource
from microfer.virtual_board.parts import CameraFaults
from microfer.virtual_board.virtual_board import BoardSettings, VirtualBoard
from microfer.virtual_board.wire_faults import WireFaults

HOUR_S = float(os.environ.get("MICROFER_HOUR_S", "3600"))
FPS = 60
SAMPLES = 60
MOST_GROWTH_MIB = 4.0
"""Between the second and the last quarter: pages of the allocator come and go, a leak of a byte a frame does not."""

FAULTS = {
    "wire": WireFaults(
        lose_bytes=2e-5, flip_bits=2e-6, bursts=0.01, stall_s=0.5, stall_every_s=20, disconnect_every_s=45
    ),
    "camera": CameraFaults(wrong_size_every=200),
    "invoke_fails_every": 300,
}


class Nowhere(io.StringIO):
    """A terminal of which nothing is kept."""

    def write(self, text: str) -> int:
        return len(text)


class Page(threading.Thread):
    """A browser that reads every view of the page and keeps none."""

    def __init__(self, server: WebServer) -> None:
        super().__init__(daemon=True)
        self._address, self._path = server.server_address[1], f"/{server.key}/events"
        self.views = 0

    def run(self) -> None:
        connection = http.client.HTTPConnection(HOST, self._address, timeout=60)
        connection.request("GET", self._path)
        answer = connection.getresponse()
        while line := answer.readline():
            if line.startswith(b"data: "):
                json.loads(line[6:])
                self.views += 1
        connection.close()


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def sampled(viewer: Viewer, samples: list[float]) -> None:
    """Take the process's memory SAMPLES times in HOUR_S, then end the viewer."""
    for _ in range(SAMPLES):
        if viewer.finished.wait(HOUR_S / SAMPLES):
            return
        samples.append(resident_mib())
    viewer.quit()


@pytest.mark.soak
@needs_compiler
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the memory of a process is read from /proc")
def test_for_an_hour_the_memory_is_flat_and_every_frame_is_accounted_for(tiny, tmp_path, capsys):
    samples: list[float] = []
    board = VirtualBoard(BoardSettings(model=tiny, fps=FPS, **FAULTS), SceneSource(2))
    with board:
        source = LiveSource(Connection(board.url))
        with Viewer(source, previews=True, record=tmp_path / "hour.mfrec") as viewer:
            seen: dict[str, int] = {"count": 0, "first": -1, "last": -1}

            def count(timed):
                message = timed.event.message if isinstance(timed.event, Received) else None
                if isinstance(message, Prediction):
                    seen["count"] += 1
                    seen["first"] = message.frame if seen["first"] < 0 else seen["first"]
                    seen["last"] = message.frame

            viewer.listener = count
            source.connection.open()
            with WebServer(viewer) as server:
                page = Page(server)
                page.start()
                threading.Thread(target=sampled, args=(viewer, samples), daemon=True).start()
                screen = Console(file=Nowhere(), force_terminal=True, color_system="truecolor", width=150, height=50)
                terminal.show(viewer, screen, sum_up=False)
                view = viewer.view()
        viewer.check()
        board.wait(0)
    page.join(10)
    frames, quarter = view.frames, SAMPLES // 4
    growth = max(samples[-quarter:]) - max(samples[quarter : 2 * quarter])
    with capsys.disabled():
        print(
            f"\n{HOUR_S:g} s: {frames.captured:,} frames: {frames.shown:,} shown, {frames.lost_on_link:,} lost on the "
            f"link, {frames.lost_while_disconnected:,} while it was away, {frames.dropped_on_board:,} dropped on "
            f"the board; {view.link.losses} losses, {page.views:,} views of the page; {samples[0]:.1f} MiB at first, "
            f"{samples[-1]:.1f} at the end, {growth:+.1f} from the second quarter to the last"
        )
    assert frames.shown == seen["count"] > HOUR_S
    assert frames.captured == seen["last"] - seen["first"] + 1
    accounted = frames.shown + frames.lost_on_link + frames.lost_while_disconnected + frames.dropped_on_board
    assert accounted == frames.captured
    assert view.link.losses >= HOUR_S // 60
    assert frames.lost_on_link > 0
    assert page.views > HOUR_S
    assert len(samples) == SAMPLES
    assert growth < MOST_GROWTH_MIB
    recording = read_recording(tmp_path / "hour.mfrec")
    assert not recording.cut
    recorded = [t.event.message for t in recording.events() if isinstance(t.event, Received)]
    numbers = [message.frame for message in recorded if isinstance(message, Prediction)]
    assert len(numbers) == seen["count"]
    assert (numbers[0], numbers[-1]) == (seen["first"], seen["last"])
