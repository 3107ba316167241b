"""How long the viewer takes from a frame's last byte to the screen, with predictions and crops over a real socket."""

import io
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from rich.console import Console

from microfer.errors import MicroferError
from microfer.link.connection import Connection
from microfer.link.events import Timed
from microfer.link.messages import Prediction
from microfer.link.protocol import LinkWriter
from microfer.link.reader import Received
from microfer.link.source import LiveSource
from microfer.studies.link_speed import CROP_PREVIEW, PREDICTION
from microfer.viewer import terminal
from microfer.viewer.picture import draw
from microfer.viewer.view import View
from microfer.viewer.viewer import Viewer

PERIOD_S = 0.05
"""Between two frames of the camera, as of a board that runs at 20 frames a second."""

COLUMNS, LINES = 150, 46
"""Of the terminal: crop, bars and figures have room."""


@dataclass(frozen=True)
class Latency:
    """Milliseconds from the arrival of a prediction's last byte until something was done.

    frames: how many were seen in time; one that the next overtook before it was drawn is not among them.
    """

    until: str
    frames: int
    median_ms: float
    p99_ms: float


def measure_latency(frames: int) -> list[Latency]:
    """Return the time until the view is built, until it is on a terminal, and until its picture is drawn.

    Each is measured in a session of its own of `frames` frames, each frame with its crop. The terminal is one in
    memory: what a terminal program takes to show what it was given is not in the figures.

    Raises:
        MicroferError: fewer than half of the frames were seen: the computer is too busy to measure.
    """
    return [
        _measure("view built", frames, _build),
        _measure("terminal drawn", frames, _terminal),
        _measure("picture drawn", frames, _picture),
    ]


class _Watch:
    """Notes when each frame arrived, and how long after that it was first seen."""

    def __init__(self) -> None:
        self.arrived_ns: dict[int, int] = {}
        self.after_ms: dict[int, float] = {}

    def arrived(self, timed: Timed) -> None:
        if isinstance(timed.event, Received) and isinstance(timed.event.message, Prediction):
            self.arrived_ns[timed.event.message.frame] = timed.at.monotonic_ns

    def seen(self, view: View) -> None:
        if view.frame is not None and view.frame.number not in self.after_ms:
            self.after_ms[view.frame.number] = (time.monotonic_ns() - self.arrived_ns[view.frame.number]) / 1e6


Session = Callable[[Viewer, _Watch], None]


def _measure(until: str, frames: int, session: Session) -> Latency:
    watch = _Watch()
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_board, args=(server, frames), daemon=True).start()
        connection = Connection(f"socket://127.0.0.1:{server.getsockname()[1]}")
        with Viewer(LiveSource(connection), frames=frames, seconds=frames * PERIOD_S + 10) as viewer:
            viewer.listener = watch.arrived
            connection.open()
            session(viewer, watch)
            viewer.check()
    if 2 * len(watch.after_ms) < frames:
        raise MicroferError(
            f"only {len(watch.after_ms)} of {frames} frames were seen: is this computer busy? Try again"
        )
    times = np.array(list(watch.after_ms.values()))
    return Latency(until, len(times), float(np.median(times)), float(np.percentile(times, 99)))


def _build(viewer: Viewer, watch: _Watch) -> None:
    while not viewer.finished.is_set():
        if viewer.poll():
            watch.seen(viewer.view())


def _terminal(viewer: Viewer, watch: _Watch) -> None:
    console = Console(
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        width=COLUMNS,
        height=LINES,
        legacy_windows=False,
    )
    terminal.show(viewer, console, watch.seen)


def _picture(viewer: Viewer, watch: _Watch) -> None:
    viewer.start()
    while not viewer.finished.is_set():
        if viewer.news.wait(0.1):
            viewer.news.clear()
            view = viewer.view()
            draw(view)
            watch.seen(view)


def _board(server: socket.socket, frames: int) -> None:
    """Send `frames` predictions, each with its crop, one every `PERIOD_S`; take no commands."""
    writer = LinkWriter()
    client, _ = server.accept()
    with client, suppress(OSError):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        time.sleep(0.2)
        for number in range(frames):
            numbered = replace(PREDICTION, frame=number, capture_time_us=round(number * PERIOD_S * 1e6))
            client.sendall(writer.frame(numbered))
            client.sendall(writer.frame(replace(CROP_PREVIEW, frame=number)))
            time.sleep(PERIOD_S)
        client.recv(1)
