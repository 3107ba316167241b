"""What the virtual board is made of beside the firmware: its camera, its network, its simulated clock."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from microfer.contract import LOAD_OUTCOMES
from microfer.errors import MicroferError
from microfer.runtimes.runners import TFLM_ARENA_BYTES, LiteRTRunner, TflmRunner, has_tflm, open_tflite
from microfer.tflite import tflite_file
from microfer.tflite.metadata import ENTRY_NAME, read_metadata
from microfer.virtual_board.core_interface import CFrame, CModel
from microfer.virtual_board.firmware_core import view_of
from microfer.virtual_board.frame_source import FrameSource

CAMERA_TIMEOUT_S = 4.0
"""How long the driver of a real camera waits for a frame."""

FAULT_BYTES = 80
"""What the link's error message has room for."""


class LoadOutcome(IntEnum):
    """The firmware's LoadOutcome: `contract.LOAD_OUTCOMES` with their numbers."""

    OK = LOAD_OUTCOMES.index("ok")
    REFUSED = LOAD_OUTCOMES.index("refused")
    ARENA_TOO_SMALL = LOAD_OUTCOMES.index("arena_too_small")
    OUT_OF_MEMORY = LOAD_OUTCOMES.index("out_of_memory")


@dataclass(frozen=True)
class CameraFaults:
    """What is wrong with the camera; nothing by default.

    is_dead: it never answers. stops_after: it sends nothing more after so many frames, until it is started again;
    0 = never. wrong_size_every: every nth frame is half the size; 0 = none.
    """

    is_dead: bool = False
    stops_after: int = 0
    wrong_size_every: int = 0

    def __post_init__(self) -> None:
        for name in ("stops_after", "wrong_size_every"):
            if getattr(self, name) < 0:
                raise MicroferError(f"{name} is {getattr(self, name)}, expected 0 (never) or a number of frames")


class SimulatedClock:
    """A clock that goes on by a microsecond at each look, and by what it is told: the same at each run."""

    def __init__(self) -> None:
        self._now_us = 0

    def now_us(self) -> int:
        """Return the time since the start."""
        self._now_us += 1
        return self._now_us

    def go_to(self, now_us: int) -> None:
        """Go on to a time, unless it is past."""
        self._now_us = max(self._now_us, now_us)

    def sleep(self, seconds: float) -> None:
        """Go on."""
        self._now_us += round(seconds * 1e6)


class PacedCamera:
    """A camera that shows what a source gives, `fps` frames a second: of real time, or of a simulated clock.

    Its methods are the camera's functions of the board's parts; one thread calls them. After `frames` frames it gives
    no more: it waits for `halt`, and `is_done` is set.
    """

    def __init__(
        self,
        source: FrameSource,
        fps: float,
        halt: threading.Event,
        *,
        faults: CameraFaults | None = None,
        frames: int | None = None,
        clock: SimulatedClock | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        """Remember what to show; `tell` is told why the source has nothing to see, and when it has again."""
        self.given = 0
        self.is_done = threading.Event()
        self._problem = ""
        self._tell = tell or (lambda _: None)
        self._source = source
        self._period_s = 1 / fps
        self._halt = halt
        self._faults = faults or CameraFaults()
        self._frames = frames
        self._clock = clock
        self._since_start = 0
        self._held: npt.NDArray[np.uint8] | None = None
        self._begin_s = time.monotonic()
        self._next_s = 0.0

    def start(self) -> int:
        """Return whether it answers."""
        self._since_start = 0
        return int(not self._faults.is_dead)

    def stop(self) -> None:
        """Do nothing: a source stays open."""

    def capture(self, out: Any) -> int:
        """Wait for the next frame; return 1 and fill `out`, a pointer to a CFrame, or 0 after a timeout."""
        if self._frames is not None and self.given >= self._frames:
            self.is_done.set()
            self._halt.wait()
            return 0
        if self._faults.stops_after and self._since_start >= self._faults.stops_after:
            self._sleep(CAMERA_TIMEOUT_S)
            return 0
        self._wait_for_turn()
        try:
            frame = self._source.frame(self._next_s)
        except MicroferError as error:
            self._explain(str(error))
            self._sleep(CAMERA_TIMEOUT_S)
            return 0
        self._explain("")
        self.given += 1
        self._since_start += 1
        if self._faults.wrong_size_every and self.given % self._faults.wrong_size_every == 0:
            frame = np.ascontiguousarray(frame[::2, ::2])
        self._held = frame
        view: CFrame = view_of(frame)
        out[0] = view
        return 1

    def release(self) -> None:
        """Take the frame back."""
        self._held = None

    def _explain(self, problem: str) -> None:
        if problem != self._problem:
            self._tell(f"the camera sees nothing: {problem}" if problem else "the camera sees something again")
        self._problem = problem

    def _wait_for_turn(self) -> None:
        if self._clock is not None:
            self._next_s += self._period_s
            self._clock.go_to(round(self._next_s * 1e6))
            return
        now_s = time.monotonic() - self._begin_s
        # A camera that was not asked in time does not hurry afterwards.
        self._next_s = max(self._next_s + self._period_s, now_s)
        self._halt.wait(max(0.0, self._next_s - now_s))

    def _sleep(self, seconds: float) -> None:
        if self._clock is None:
            self._halt.wait(seconds)
        else:
            self._clock.sleep(seconds)
            self._next_s += seconds


class BoardNetwork:
    """The network that the board runs: TFLM, or LiteRT's reference kernels where TFLM has no wheel, the same bits."""

    def __init__(self, path: Path, arena_bytes: int | None = None, fails_every: int = 0) -> None:
        """Load the model, unless its arena is to be found too small by the board itself.

        arena_bytes: TFLM's tensor arena, ample when not given. fails_every: every nth run fails; 0 = none.

        Raises:
            MicroferError: the .tflite is missing, corrupt, or not full int8.
        """
        self._path = path
        self._model = tflite_file.read(path)
        self._arena_bytes = arena_bytes or TFLM_ARENA_BYTES
        self._fails_every = fails_every
        self.invokes = 0
        # Also with TFLM: LiteRT verifies the file, TFLM trusts it and a corrupt one would crash it.
        self._runner: LiteRTRunner | TflmRunner = open_tflite(path)
        self.is_tflm = has_tflm()

    @property
    def kernels(self) -> str:
        """Which kernels compute, as the hello says it."""
        return "tflm host" if self.is_tflm else "litert reference"

    def load(self) -> tuple[LoadOutcome, str]:
        """Make the interpreter; return how that ended and, for people, why it failed."""
        if self.is_tflm:
            try:
                self._runner = TflmRunner(self._model.content, self._path.name, self._arena_bytes)
            except MicroferError as error:
                outcome = LoadOutcome.ARENA_TOO_SMALL if self._arena_bytes < TFLM_ARENA_BYTES else LoadOutcome.REFUSED
                return outcome, f"{self._arena_bytes} bytes: {error}"[:FAULT_BYTES]
        return LoadOutcome.OK, ""

    def describe(self, out: CModel) -> str:
        """Fill in what the network says of its ends; return what no CModel can say, for people, or nothing."""
        model = self._model
        ends = [model.tensors[index] for index in (*model.inputs[:1], *model.outputs[:1])]
        if any(end.type != "INT8" for end in ends):
            return "the model's input or output is not int8"
        if [len(end.shape) for end in ends] != [4, 2]:
            return "the model's input or output has another rank than contract.h"
        out.input_shape[:], out.output_shape[:] = ends[0].shape, ends[1].shape
        out.input_scale, out.input_zero_point = ends[0].scales[0], ends[0].zero_points[0]
        out.output_scale, out.output_zero_point = ends[1].scales[0], ends[1].zero_points[0]
        out.arena_size_bytes = self._arena_bytes if self.is_tflm else 0
        arena = read_metadata(model).arena if self.is_tflm and ENTRY_NAME in model.metadata else None
        out.arena_used_bytes = arena.bytes if arena else 0
        return ""

    def invoke(self, tensor: npt.NDArray[np.int8]) -> npt.NDArray[np.int8] | None:
        """Return the output, int8 (classes,), for the input tensor, int8, flat; None where the fault lets it fail."""
        self.invokes += 1
        if self._fails_every and self.invokes % self._fails_every == 0:
            return None
        shape = self._model.tensors[self._model.inputs[0]].shape
        return np.asarray(self._runner.invoke(tensor.reshape(shape)), np.int8).ravel()
