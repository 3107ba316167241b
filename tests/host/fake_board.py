"""A board for tests of the link: it speaks the protocol over a TCP socket or a pseudo-terminal, as told by a script."""

import contextlib
import os
import select
import socket
import sys
import threading
from dataclasses import replace
from types import SimpleNamespace

from serial import serial_for_url
from serial.rfc2217 import PortManager

from microfer.contract import LABELS
from microfer.link.layout import Message
from microfer.link.messages import (
    CROP_BYTES,
    PROTOCOL_VERSION,
    Answer,
    AskHello,
    BoardError,
    CropPreview,
    ErrorCode,
    FaceSource,
    Hello,
    InferCrop,
    InferResult,
    Prediction,
    ResetReason,
    Statistics,
    StreamSettings,
    padded,
)
from microfer.link.protocol import encode, next_sequence
from microfer.link.reader import LinkReader, Received

HELLO = Hello(
    firmware_version="0.1.0",
    board="test-board",
    model_id="thesis-bn-1",
    kernels="esp-nn 1.2.3",
    model_sha256=bytes(range(32)),
    uptime_us=5_000_000,
    input_scale=1 / 256,  # exact as a float32
    self_test_equal=70,
    self_test_total=70,
    self_test_faces_found=2,
    self_test_faces_total=2,
    self_test_invoke_us=61_000,
    frame_width_px=160,
    frame_height_px=120,
    flash_size_bytes=8 << 20,
    psram_size_bytes=8 << 20,
    input_zero_point=-128,
    reset_reason=ResetReason.POWER_ON,
    labels=",".join(LABELS),
)

STATISTICS = Statistics(
    uptime_us=6_000_000,
    statistics_period_ms=1000,
    predictions=True,
    previews=False,
    heap_free_bytes=120_000,
    heap_min_free_bytes=100_000,
    heap_largest_block_bytes=90_000,
    psram_free_bytes=7_000_000,
    arena_used_bytes=200_000,
    arena_size_bytes=262_144,
    frames_captured=100,
    frames_predicted=90,
    dropped_busy=10,
    dropped_size=0,
    dropped_invoke=0,
    camera_timeouts=0,
    camera_restarts=0,
    link_sent=95,
    link_dropped=0,
    commands_received=2,
    commands_damaged=0,
    temperature_c=41,
)

_SCORES = padded(-128, -127, -120, 90, -126, -100, -60)
_SMOOTHED = padded(100, 200, 1500, 50_000, 500, 6000, 7236)


def infer_result(request: int, scores: tuple[int, ...], invoke_us: int) -> InferResult:
    """The answer to an infer command, of a network with so many classes as there are scores."""
    return InferResult(request, len(scores), padded(*scores), invoke_us)


def prediction(frame: int, answer: Answer = Answer.LABEL, label: int = 3) -> Prediction:
    """The answer to one frame, 50 ms after the one before."""
    face = answer != Answer.NO_FACE
    return Prediction(
        frame=frame,
        capture_time_us=1_000_000 + 50_000 * frame,
        face_x_px=40 if face else 0,
        face_y_px=20 if face else 0,
        face_width_px=64 if face else 0,
        face_height_px=64 if face else 0,
        smoothed_q16=_SMOOTHED if face else padded(),
        capture_us=4000,
        face_us=5000,
        crop_us=300,
        tensor_us=50,
        invoke_us=31_000 if face else 0,
        prediction_us=20,
        answer=answer,
        label=label if face else 255,
        face_source=FaceSource.DETECTED if face else FaceSource.NONE,
        classes=7,
        raw_scores=_SCORES if face else padded(),
    )


def preview(frame: int) -> CropPreview:
    """A crop whose pixels tell its frame."""
    return CropPreview(frame, bytes((frame + i * 5 + i // 48) % 256 for i in range(CROP_BYTES)))


class FakeBoard:
    """Answers like a board and streams predictions. `port` is what the host opens."""

    waits = False
    """Whether it streams only once the host has said something, after each opening."""

    def __init__(self, hello=HELLO, version=PROTOCOL_VERSION, period_s=0.005, frames=10**9, mute=(), mangle=None):
        self.hello, self.version, self.period_s, self.frames = hello, version, period_s, frames
        self.mute = list(mute)
        """Types of commands whose next frame is not answered, each taken off when it came."""
        self.mangle = mangle
        """Given each frame, returns what goes on the wire instead; None takes the connection away."""
        self.commands: list[Message] = []
        self.sent_bytes = bytearray()
        self.sent: list[Message] = []
        self.frame = 0
        self.previews = False
        self._sequence = 0
        self._stop = threading.Event()
        self._unplug = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._open()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(5)
        self._close()

    def unplug(self):
        """Close the connection; the next one is accepted again, as soon as anybody asks."""
        self._unplug.set()

    def restart(self):
        """Begin anew as after a power loss: with sequence 0, frame 0 and previews off."""
        self._sequence, self.frame, self.previews = 0, 0, False

    def _open(self):
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = f"socket://127.0.0.1:{self._server.getsockname()[1]}"

    def _close(self):
        self._server.close()

    def _run(self):
        while not self._stop.is_set():
            if not select.select([self._server], [], [], 0.02)[0]:
                continue
            client, _ = self._server.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with client, contextlib.suppress(OSError):
                self._serve(client.fileno(), client.recv, client.sendall)

    def _serve(self, handle, receive, send):
        self._unplug.clear()
        reader, spoken = LinkReader(from_host=True), not self.waits
        while not self._stop.is_set() and not self._unplug.is_set():
            if select.select([handle], [], [], self.period_s)[0]:
                content = receive(4096)
                if not content:
                    return
                for event in reader.feed(content):
                    spoken = True
                    if isinstance(event, Received):
                        self.commands.append(event.message)
                        self._answer(event.message, event.sequence, send)
                    elif hasattr(event, "version"):
                        self._send(self.hello, send)
                continue
            if spoken and self.frame < self.frames:
                self._send(prediction(self.frame), send)
                if self.previews:
                    self._send(preview(self.frame), send)
                self.frame += 1

    def _answer(self, message, sequence, send):
        if type(message) in self.mute:
            self.mute.remove(type(message))
            return
        if isinstance(message, AskHello):
            self._send(self.hello, send)
        elif isinstance(message, StreamSettings):
            self.previews = message.previews
            self._send(replace(STATISTICS, previews=message.previews), send)
        elif isinstance(message, InferCrop):
            scores = tuple(byte - 128 for byte in message.pixels[:7])
            self._send(infer_result(message.request, scores, 31_000), send)
        else:
            self._send(BoardError(ErrorCode.COMMAND_REFUSED, message.TYPE, sequence, "not here"), send)

    def _send(self, message, send):
        frame = encode(message, self._sequence, self.version)
        self._sequence = next_sequence(self._sequence)
        self.sent.append(message)
        self.sent_bytes += frame
        content = frame if self.mangle is None else self.mangle(message, frame)
        if content is None:
            self._unplug.set()
        else:
            with contextlib.suppress(ConnectionError):  # of a host that hung up: what it said before is still read
                send(content)


class RemoteBoard(FakeBoard):
    """The same behind RFC 2217, as a serial port of another computer.

    pyserial ends an opening by throwing away what has arrived, which may cut a frame: on a busy machine it would.
    """

    waits = True

    def _open(self):
        super()._open()
        self.port = self.port.replace("socket://", "rfc2217://")

    def _serve(self, handle, receive, send):
        manager = PortManager(serial_for_url("loop://"), SimpleNamespace(write=send))

        def filtered(size):
            content = receive(size)
            return content and (b"".join(manager.filter(content)) or b"\0")

        super()._serve(handle, filtered, lambda frame: send(b"".join(manager.escape(frame))))


class PtyBoard(FakeBoard):
    """The same behind a pseudo-terminal, which to pyserial is a serial device. Unplugging takes its end away."""

    def _open(self):
        self._handle, self._other_end = os.openpty()
        self.port = os.ttyname(self._other_end)

    def _close(self):
        for handle in (self._handle, self._other_end):
            with contextlib.suppress(OSError):
                os.close(handle)

    def _run(self):
        with contextlib.suppress(OSError):
            self._serve(self._handle, lambda size: os.read(self._handle, size), self._write)

    def _write(self, frame):
        view = memoryview(frame)
        while view and not self._stop.is_set():
            view = view[os.write(self._handle, view) :]


HAS_PTY = sys.platform != "win32"
