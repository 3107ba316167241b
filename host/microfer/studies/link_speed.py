"""How fast the link is: its codecs, the host's and the board's compiled for this computer, and the viewer behind it."""

import io
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from microfer.console import Console
from microfer.errors import MicroferError
from microfer.export.messages_header import messages_header
from microfer.files import write_text
from microfer.json_reader import parse
from microfer.link.connection import Connection
from microfer.link.events import Timed
from microfer.link.layout import Message
from microfer.link.messages import CROP_BYTES, Answer, CropPreview, FaceSource, Prediction, padded
from microfer.link.protocol import LinkWriter, encode
from microfer.link.reader import LinkReader, Received
from microfer.link.source import LiveSource
from microfer.release import REPOSITORY
from microfer.viewer import terminal
from microfer.viewer.picture import draw
from microfer.viewer.view import View
from microfer.viewer.viewer import Viewer

ROUNDS = 5
"""The fastest of them counts: the others were disturbed."""

CHUNK_BYTES = 4096
"""What a serial port gives at a time."""

PERIOD_S = 0.05
"""Between two frames of the camera, as of a board that runs at 20 frames a second."""

LONGEST_WAIT_S = 1.0
"""For a frame to be seen before the next one is sent."""

COLUMNS, LINES = 150, 46
"""Of the terminal: crop, bars and figures have room."""

CROP_PREVIEW = CropPreview(12_345, bytes(i * 7 % 256 for i in range(CROP_BYTES)))

PREDICTION = Prediction(
    frame=12_345,
    capture_time_us=617_250_000,
    face_x_px=-3,
    face_y_px=20,
    face_width_px=64,
    face_height_px=64,
    smoothed_q16=padded(1000, 2000, 3000, 50_000, 4000, 3000, 2536),
    capture_us=4000,
    face_us=5000,
    crop_us=300,
    tensor_us=50,
    invoke_us=61_234,
    prediction_us=20,
    answer=Answer.LABEL,
    label=3,
    face_source=FaceSource.TRACKED,
    classes=7,
    raw_scores=padded(-124, -120, -116, 67, -112, -116, -119),
)

MESSAGES: tuple[Message, ...] = (CROP_PREVIEW, PREDICTION)


@dataclass(frozen=True)
class Speed:
    """Megabytes (10^6 bytes on the wire) a second of one codec on one message."""

    codec: str
    message: str
    encode_mb_s: float
    decode_mb_s: float


def measure_python(frames: int) -> list[Speed]:
    """Return the speed of the host's codec, from `frames` frames of each message."""
    return [_measure(message, frames) for message in MESSAGES]


def measure_cpp() -> list[Speed]:
    """Return the speed of the board's codec on this computer; nothing where there is no C++ compiler.

    Raises:
        MicroferError: it does not compile or run; the text holds the compiler's last lines.
    """
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        return []
    library = REPOSITORY / "firmware" / "lib"
    with tempfile.TemporaryDirectory() as folder:
        write_text(Path(folder) / "generated" / "messages.h", messages_header())
        sources = [REPOSITORY / "tests" / "firmware" / "protocol_benchmark.cc", *(library / "protocol").glob("*.cc")]
        program = Path(folder) / "benchmark"
        _run([compiler, "-std=c++17", "-O2", "-I", folder, "-I", str(library), *map(str, sources), "-o", str(program)])
        lines = map(parse, _run([str(program)]).splitlines())
        return [Speed("C++", line["message"], line["encode"], line["decode"]) for line in lines]


def _measure(message: Message, frames: int) -> Speed:
    stream = b"".join(encode(message, sequence % 0xFFFF) for sequence in range(frames))

    def write() -> None:
        for sequence in range(frames):
            encode(message, sequence % 0xFFFF)

    def read() -> None:
        reader = LinkReader()
        for begin in range(0, len(stream), CHUNK_BYTES):
            reader.feed(stream[begin : begin + CHUNK_BYTES])
        if reader.counters.received != frames:
            raise MicroferError(f"{reader.counters.received} of {frames} frames came back: the codec has a fault")

    megabytes = len(stream) / 1e6
    return Speed("Python", type(message).__name__, megabytes / _fastest(write), megabytes / _fastest(read))


def _fastest(work: Callable[[], None]) -> float:
    """Return the shortest time of a few runs, in seconds."""
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times)


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MicroferError(f"{Path(command[0]).name} ended with status {done.returncode}: {done.stderr[-500:]}")
    return done.stdout


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
        _until("view built", frames, _build),
        _until("terminal drawn", frames, _terminal),
        _until("picture drawn", frames, _picture),
    ]


class _Watch:
    """Notes when each frame arrived, and how long after that it was first seen."""

    def __init__(self) -> None:
        self.arrived_ns: dict[int, int] = {}
        self.after_ms: dict[int, float] = {}
        self._news = threading.Condition()

    def arrived(self, timed: Timed) -> None:
        if isinstance(timed.event, Received) and isinstance(timed.event.message, Prediction):
            self.arrived_ns[timed.event.message.frame] = timed.at.monotonic_ns

    def seen(self, view: View) -> None:
        if view.frame is not None and view.frame.number not in self.after_ms:
            with self._news:
                self.after_ms[view.frame.number] = (time.monotonic_ns() - self.arrived_ns[view.frame.number]) / 1e6
                self._news.notify_all()

    def wait_for(self, frame: int) -> None:
        """Wait until a frame was seen, `LONGEST_WAIT_S` at most."""
        with self._news:
            self._news.wait_for(lambda: frame in self.after_ms, LONGEST_WAIT_S)


Session = Callable[[Viewer, _Watch], None]


def _until(until: str, frames: int, session: Session) -> Latency:
    watch = _Watch()
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_board, args=(server, frames, watch), daemon=True).start()
        connection = Connection(f"socket://127.0.0.1:{server.getsockname()[1]}")
        with Viewer(LiveSource(connection), frames=frames, seconds=frames * (PERIOD_S + LONGEST_WAIT_S) + 10) as viewer:
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


def _board(server: socket.socket, frames: int, watch: _Watch) -> None:
    """Send `frames` predictions, each with its crop, one every `PERIOD_S`, or later where one is seen late.

    So a computer that is busy with other things takes longer to measure, and its figures are of as many frames. It
    takes no commands.
    """
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
            watch.wait_for(number)
        client.recv(1)
