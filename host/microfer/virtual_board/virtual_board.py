"""A board without hardware: the firmware's own core, compiled for this computer, behind a loopback TCP port.

Everything between the camera and the serial port is the firmware's code: the newest frame, the camera's keeper, face
tracker and detector, crop, tensor, predictor, the device's behaviour, the link. From this computer come the frames
(`frame_source`), the network's arithmetic (`board_parts`) and the line with its faults (`board_port`).
"""

import ctypes
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np

from microfer import __version__
from microfer.contract import CROP_SIZE, SEND_BUFFER_BYTES
from microfer.errors import MicroferError
from microfer.link.messages import ResetReason
from microfer.release import default_model
from microfer.virtual_board.core_build import Progress
from microfer.virtual_board.core_interface import CFacts, parts_of
from microfer.virtual_board.firmware_core import CoreBoard, open_core
from microfer.virtual_board.frame_source import HEIGHT_PX, WIDTH_PX, FrameSource, SceneSource
from microfer.virtual_board.parts import (
    FAULT_BYTES,
    BoardNetwork,
    CameraFaults,
    LoadOutcome,
    PacedCamera,
    SimulatedClock,
)
from microfer.virtual_board.port import BoardPort, Tell
from microfer.virtual_board.wire_faults import WireFaults

DEFAULT_PORT = 5333
DEFAULT_FPS = 10.0
BOARD_NAME = "virtual board"

_REST_S = 0.005
_T = TypeVar("_T")


@dataclass(frozen=True)
class BoardSettings:
    """What a virtual board is like.

    model: the .tflite that it runs, the default release when None. built_for: the model that its firmware was
    exported for, the same one when None; another one is a fault that the board must find.
    fps: frames a second that the camera gives. frames: how many it gives until the next restart; None = for ever.
    fast: as fast as this computer can, frame after frame, by a simulated clock, and with a line that waits for the
    host: the same bytes at each run. The board then starts when the first host connects.
    tcp_port: 0 = any free one. send_buffer_bytes: of the serial port.
    arena_bytes: of TFLM; None = ample. invoke_fails_every: every nth run of the network fails; 0 = none.
    """

    model: Path | None = None
    built_for: Path | None = None
    fps: float = DEFAULT_FPS
    frames: int | None = None
    fast: bool = False
    tcp_port: int = 0
    send_buffer_bytes: int = SEND_BUFFER_BYTES
    arena_bytes: int | None = None
    invoke_fails_every: int = 0
    wire: WireFaults = field(default_factory=WireFaults)
    camera: CameraFaults = field(default_factory=CameraFaults)

    def __post_init__(self) -> None:
        if not 0.1 <= self.fps <= 1000:
            raise MicroferError(f"fps is {self.fps}, expected 0.1 to 1000")


class VirtualBoard:
    """A board that is switched on by `start` or `with`, and off by `close`.

    Raises:
        MicroferError: the model, the core or the TCP port cannot be used.
    """

    def __init__(
        self,
        settings: BoardSettings | None = None,
        source: FrameSource | None = None,
        *,
        progress: Progress | None = None,
        tell: Tell | None = None,
    ) -> None:
        """Build all parts. source: what the camera sees, a drawn scene when None; it is not closed by the board.

        progress: told before the core is compiled. tell: told when a host comes or goes and when the board restarts.
        """
        self.settings = settings or BoardSettings()
        self.source: FrameSource = source or SceneSource(self.settings.wire.seed)
        self.restarts = 0
        self.fault: BaseException | None = None
        """What went wrong inside the board's parts, and ended it; that is a bug."""
        model = self.settings.model or default_model()
        self.network = BoardNetwork(model, self.settings.arena_bytes, self.settings.invoke_fails_every)
        self._core = open_core(self.settings.built_for or model, progress)
        self._tell: Tell = tell or (lambda _: None)
        self.port = BoardPort(
            self.settings.tcp_port,
            self.settings.wire,
            wait_for_room=self.settings.fast,
            send_buffer_bytes=self.settings.send_buffer_bytes,
            tell=tell,
        )
        self.camera: PacedCamera | None = None
        """The camera since the last start."""
        self._halt = threading.Event()  # the board goes off, or restarts
        self._off = threading.Event()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="virtual-board", daemon=True)

    @property
    def url(self) -> str:
        """What to give to the viewer's --port."""
        return self.port.url

    @property
    def kernels(self) -> str:
        """Which kernels compute."""
        return self.network.kernels

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Switch on."""
        self.port.start()
        self._thread.start()

    def close(self) -> None:
        """Switch off: send what is still to be sent, end the threads, free the TCP port."""
        self._off.set()
        self._halt.set()
        self.port.arrived.set()
        self.port.had_host.set()
        if self._thread.ident is not None:
            self._thread.join()
        self.port.close()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until all frames that were asked for are dealt with; return whether they are.

        Raises:
            MicroferError: the board has broken down; the cause is its `__cause__`.
        """
        self._done.wait(timeout_s)
        if self.fault is not None:
            raise MicroferError(f"the virtual board broke down: {self.fault!r}; please report this") from self.fault
        return self._done.is_set()

    # ---- Its threads

    def _run(self) -> None:
        try:
            if self.settings.fast:
                self.port.had_host.wait()
            reason = ResetReason.POWER_ON
            while not self._off.is_set():
                self._halt.clear()
                if self._off.is_set():  # set between the two lines above
                    break
                self._live(reason)
                reason = ResetReason.SOFTWARE
                if not self._off.is_set():
                    self.restarts += 1
                    self._tell("the board restarts")
        except BaseException as error:
            self._break_down(error)

    def _live(self, reason: ResetReason) -> None:
        """Be a board, from its start to the next one or to the end."""
        settings = self.settings
        clock = SimulatedClock() if settings.fast else None
        self.camera = PacedCamera(
            self.source,
            settings.fps,
            self._halt,
            faults=settings.camera,
            frames=settings.frames,
            clock=clock,
            tell=self._tell,
        )
        self.port.power_on()
        board = self._core.board(parts_of(self._functions(self.camera, clock)), self._facts(reason))
        capture = threading.Thread(target=self._capture, args=(board,), name="virtual-board-camera", daemon=True)
        try:
            board.start()
            if settings.fast:
                self._in_turn(board, self.camera, clock)
                return
            capture.start()
            self._side_by_side(board, self.camera)
        finally:
            self._halt.set()
            if capture.ident is not None:
                capture.join()
            board.close()

    def _side_by_side(self, board: CoreBoard, camera: PacedCamera) -> None:
        while not self._halt.is_set():
            was_done = camera.is_done.is_set()
            if board.step():
                continue
            if was_done:
                self._done.set()
            self.port.arrived.wait(_REST_S)

    def _capture(self, board: CoreBoard) -> None:
        try:
            while not self._halt.is_set():
                self._halt.wait(board.capture() / 1000)
        except BaseException as error:
            self._break_down(error)

    def _in_turn(self, board: CoreBoard, camera: PacedCamera, clock: SimulatedClock | None) -> None:
        frames = self.settings.frames
        while not self._halt.is_set():
            is_done = frames is not None and camera.given >= frames
            if not is_done:
                wait_ms = board.capture()
                if clock is not None:
                    clock.sleep(wait_ms / 1000)
            while board.step() and not self._halt.is_set():
                pass
            if is_done:
                self._done.set()
                self.port.arrived.wait(_REST_S)

    def _break_down(self, error: BaseException) -> None:
        self.fault = error
        self._off.set()
        self._halt.set()
        self._done.set()

    # ---- Its parts, for the firmware

    def _facts(self, reason: ResetReason) -> CFacts:
        return CFacts(
            name=BOARD_NAME.encode(),
            firmware_version=__version__.encode(),
            kernels=self.kernels.encode(),
            frame_width_px=WIDTH_PX,
            frame_height_px=HEIGHT_PX,
            reset_reason=int(reason),
        )

    def _functions(self, camera: PacedCamera, clock: SimulatedClock | None) -> dict[str, Callable[..., Any]]:
        functions: dict[str, Callable[..., Any]] = {
            "camera_start": self._guarded(camera.start, 0),
            "camera_capture": self._guarded(camera.capture, 0),
            "camera_release": self._guarded(camera.release, None),
            "camera_stop": self._guarded(camera.stop, None),
            "classifier_load": self._guarded(self._load, int(LoadOutcome.REFUSED)),
            "classifier_invoke": self._guarded(self._invoke, 0),
            "serial_read": self._guarded(self._read, 0),
            "serial_write": self._guarded(self._write, 0),
            "system_state": self._guarded(self._system_state, None),
            "system_restart": self._guarded(self._halt.set, None),
        }
        return functions if clock is None else functions | {"clock_now_us": clock.now_us}

    def _guarded(self, function: Callable[..., _T], failed: _T) -> Callable[..., _T]:
        """Return a function that raises nothing: no exception may pass through C++."""

        def call(*arguments: Any) -> _T:
            try:
                return function(*arguments)
            except BaseException as error:
                self._break_down(error)
                return failed

        return call

    def _load(self, model: Any, fault: int, fault_size: int) -> int:
        outcome, text = self.network.load()
        if outcome == LoadOutcome.OK and (text := self.network.describe(model[0])):
            outcome = LoadOutcome.REFUSED
        encoded = text.encode("ascii", "replace")[: min(fault_size, FAULT_BYTES)]
        ctypes.memmove(fault, encoded, len(encoded))
        return int(outcome)

    def _invoke(self, tensor: Any, scores: Any) -> int:
        given = np.ctypeslib.as_array(tensor, (CROP_SIZE * CROP_SIZE,))
        result = self.network.invoke(given)
        if result is None:
            return 0
        np.ctypeslib.as_array(scores, result.shape)[:] = result
        return 1

    def _read(self, out: Any, size: int) -> int:
        content = self.port.read(size)
        ctypes.memmove(out, content, len(content))
        return len(content)

    def _write(self, frame: Any, size: int) -> int:
        return int(self.port.write(ctypes.string_at(frame, size)))

    def _system_state(self, state: Any) -> None:
        state[0].temperature_c = -128  # not measured; the rest is 0: not known
