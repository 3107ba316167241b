"""Where a viewer's events come from: a board, or a recording that is played as if it were one."""

import math
import time
from contextlib import suppress
from typing import Protocol

from microfer.errors import MicroferError
from microfer.link.connection import Connection
from microfer.link.events import NANOSECONDS, Instant, Timed
from microfer.link.layout import Message
from microfer.link.messages import Prediction, Statistics
from microfer.link.reader import LinkReader, Received
from microfer.link.recording import Recording, events_of
from microfer.link.stream import settings

LAST_WORD_S = 1.0
"""How long a viewer that ends waits for the board to say that its crops end too."""


class Source(Protocol):
    """What `microfer.viewer.viewer.Viewer` reads."""

    @property
    def port(self) -> str:
        """The port's or the file's name."""

    @property
    def kind(self) -> str:
        """Which source this is, for people: "live", "replay" and the like."""

    @property
    def ended(self) -> str:
        """Why no event will follow; empty while one may."""

    def now(self) -> Instant:
        """Return the present, in the time of the events."""

    def poll(self, timeout_s: float) -> list[Timed]:
        """Return what arrived, after waiting for at most about `timeout_s`."""

    def send(self, message: Message) -> None:
        """Send a command to the board, if there is one."""

    def end_previews(self) -> None:
        """Have the board send no more crops, if there is one."""

    def pause(self, on: bool) -> None:
        """Hold the source, where it can be held."""

    def close(self) -> None:
        """Let go of port or file."""


class LiveSource:
    """A board. It cannot be held: what arrives during a pause is counted all the same."""

    kind = "live"
    ended = ""

    def __init__(self, connection: Connection) -> None:
        """Take a connection; whoever made it opens it, before the first `poll`."""
        self.connection = connection

    @property
    def port(self) -> str:
        """The port's name now."""
        return self.connection.port

    def now(self) -> Instant:
        """Return the present."""
        return Instant.now()

    def poll(self, timeout_s: float) -> list[Timed]:
        """Return what arrived; see `Connection.poll`."""
        return self.connection.poll(timeout_s)

    def send(self, message: Message) -> None:
        """Send a command; one that does not get through is sent again by who wants it when the link is back."""
        with suppress(MicroferError):
            self.connection.send(message)

    def end_previews(self) -> None:
        """Send the settings without crops and wait for the board's word, `LAST_WORD_S` at most.

        A port that is closed at once may drop what it has not sent yet, and the crops would go on unseen.
        """
        if self.connection.is_open:
            with suppress(MicroferError):
                self.connection.ask(
                    settings(previews=False), Statistics, LAST_WORD_S, tries=1, wanted=lambda found: not found.previews
                )

    def pause(self, on: bool) -> None:
        """Do nothing: a board goes on."""

    def close(self) -> None:
        """Close the port."""
        self.connection.close()


class Replay:
    """A recording, played: at the speed that it was made with, at another, at once, or prediction by prediction."""

    def __init__(self, recording: Recording, speed: float = 1.0, step: bool = False) -> None:
        """Play it from its start.

        speed: 1 = as it was, 2 = twice as fast, infinity = at once. step: after each prediction wait for `advance`.

        Raises:
            MicroferError: the speed is not above 0.
        """
        _check_speed(speed)
        self.recording, self.speed, self.step = recording, speed, step
        self.port = str(recording.path)
        self._reader = LinkReader()
        self._position = 0
        self._now = recording.chunks[0].at if recording.chunks else Instant(0, 0)
        self._played_s = 0.0
        self._resumed_s: float | None = None
        self._steps = 1
        self._paused = False
        self._pending: list[Timed] = []
        self._next_speed: float | None = None

    @property
    def kind(self) -> str:
        """How it is played."""
        if self.step:
            return "replay, step by step"
        return f"replay, {self.speed:g} x" if math.isfinite(self.speed) else "replay, at once"

    @property
    def ended(self) -> str:
        """Why it is over; empty before."""
        if self._pending or self._position < len(self.recording.chunks):
            return ""
        return f"the recording is over. {self.recording.cut}".rstrip()

    def advance(self) -> None:
        """Let one more prediction through, where it is played step by step."""
        self._steps += 1

    def set_speed(self, speed: float) -> None:
        """Play on at another speed from where it is; 0 = step by step. Takes effect at the next `poll`.

        Raises:
            MicroferError: the speed is below 0.
        """
        if speed != 0:
            _check_speed(speed)
        self._next_speed = speed

    def now(self) -> Instant:
        """Return the recording's time, which stands still during a pause and between steps."""
        return self._now

    def poll(self, timeout_s: float) -> list[Timed]:
        """Return the events whose time has come; after the wait for them, `timeout_s` at most."""
        if self._next_speed is not None:
            self._change_speed(self._next_speed)
        if self._paused or self.ended or (self.step and self._steps == 0):
            self._hold()
            time.sleep(timeout_s)
            return []
        if self.step:
            return self._one_step()
        if self._pending:
            events, self._pending = self._pending, []
            return events
        if self._resumed_s is None:
            self._resumed_s = time.monotonic()
        chunk = self.recording.chunks[self._position]
        due_s = self._resumed_s + (chunk.at.since(self.recording.chunks[0].at) / self.speed - self._played_s)
        wait_s = due_s - time.monotonic()
        if wait_s > 0:
            time.sleep(min(wait_s, timeout_s))
            if wait_s > timeout_s:
                self._move_clock()
                return []
        self._position += 1
        self._now = chunk.at
        return events_of(self._reader, chunk)

    def send(self, message: Message) -> None:
        """Do nothing: there is no board."""

    def end_previews(self) -> None:
        """Do nothing: there is no board."""

    def pause(self, on: bool) -> None:
        """Hold the recording, or go on from where it was held."""
        self._paused = on

    def close(self) -> None:
        """Do nothing: the file was read as a whole."""

    def _hold(self) -> None:
        if self._resumed_s is not None:
            self._played_s += time.monotonic() - self._resumed_s
            self._resumed_s = None

    def _change_speed(self, speed: float) -> None:
        self._next_speed, self.step, self._steps = None, speed == 0, 0
        if speed:
            self.speed = speed
            is_begun = self._position > 0
            self._played_s = self._now.since(self.recording.chunks[0].at) / speed if is_begun else 0.0
            self._resumed_s = None

    def _move_clock(self) -> None:
        """Let the recording's time run on between two chunks."""
        if self._resumed_s is not None:
            played_s = (self._played_s + time.monotonic() - self._resumed_s) * self.speed
            first = self.recording.chunks[0].at
            moved = round(played_s * NANOSECONDS)
            self._now = max(self._now, Instant(first.monotonic_ns + moved, first.wall_ns + moved))

    def _one_step(self) -> list[Timed]:
        """Return the events up to the next prediction and what follows it in no time, such as its preview."""
        found: list[Timed] = []
        while self._pending or self._position < len(self.recording.chunks):
            if not self._pending:
                self._pending = events_of(self._reader, self.recording.chunks[self._position])
                self._position += 1
            while self._pending:
                timed = self._pending[0]
                is_prediction = isinstance(timed.event, Received) and isinstance(timed.event.message, Prediction)
                if is_prediction and self._steps == 0:
                    return found
                self._steps -= is_prediction
                found.append(self._pending.pop(0))
                self._now = timed.at
        return found


def _check_speed(speed: float) -> None:
    if not speed > 0:
        raise MicroferError(f"the speed of a replay is {speed:g}, expected above 0")
