"""The connection to a board: opens the port, gives events with their times, sends commands, comes back after a loss.

Pulled by its user, in one thread: nothing happens outside `poll`, `send` and `ask`. So a program needs no locks, and
Ctrl-C leaves nothing behind. `microfer.viewer.viewer` puts a thread around it.
"""

import select
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self, TypeVar

import serial

from microfer.link.errors import LinkLostError, NoAnswerError, OtherVersionError, is_to_be_sent_again
from microfer.link.events import Instant, LinkChange, Lost, Opened, Timed
from microfer.link.layout import Message
from microfer.link.messages import AskHello, BoardError, Hello
from microfer.link.ports import (
    DEFAULT_BAUD,
    PORT_ERRORS,
    FoundPort,
    PortError,
    find_ports,
    full_name,
    open_port,
    same_device,
)
from microfer.link.protocol import LinkWriter
from microfer.link.reader import LinkCounters, LinkReader, OtherVersion, Received

READ_BYTES = 65_536
HELLO_PERIOD_S = 1.0
"""How often a board is asked who it is, until it answers: the first question may come while it boots."""

WAITS_S = (0.2, 0.5, 1.0, 2.0)
"""Before each try to open a lost port again; the last one from then on."""

KEPT_EVENTS = 10_000
"""What `ask` keeps for the next `poll`; of more, the oldest go."""

M = TypeVar("M", bound=Message)
Tap = Callable[[Instant, bytes | LinkChange], None]


class Connection:
    """A link to one board, for one thread.

    `poll` gives what arrived, the link's loss and return included. A lost port is opened again by itself, under its new
    name where it is a USB port that got another.
    """

    def __init__(
        self,
        port: str,
        baud: int = DEFAULT_BAUD,
        tap: Tap | None = None,
        give_up_after_s: float | None = None,
    ) -> None:
        """Remember what to open; `open` or `with` opens it.

        port: as `microfer.link.ports.open_port` takes it. tap: is given every byte as it was read, and every change
        of the link, with its time. give_up_after_s: how long a lost port is waited for; None = for ever.
        """
        self.port = full_name(port)
        self.tap = tap
        self.losses = 0
        self.forgotten = 0
        """Events that nobody polled and that `KEPT_EVENTS` had no room for."""
        self.problem = ""
        """Why the port is not open, and what to do; empty while it is."""
        self._baud = baud
        self._give_up_after_s = give_up_after_s
        self._usb: FoundPort | None = None
        self._serial: Any = None
        self._selectable = False
        self._reader = LinkReader()
        self._writer = LinkWriter()
        self._kept: deque[Timed] = deque()
        self._other: OtherVersion | None = None
        self._greeted = False
        self._next_hello_s = 0.0
        self._lost_s = 0.0
        self._tries = 0
        self._next_try_s = 0.0

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def counters(self) -> LinkCounters:
        """What was read since the first opening, over all reconnections."""
        return self._reader.counters

    @property
    def is_open(self) -> bool:
        """Whether the port is open now."""
        return self._serial is not None

    def open(self) -> None:
        """Open the port and ask the board who it is. Raises PortError, which says what to do."""
        if self._serial is None:
            self._usb = next((found for found in find_ports() if found.device == self.port), None)
            self._keep(self._opened(again=False))

    def close(self) -> None:
        """Close the port; do nothing where it is closed."""
        port, self._serial = self._serial, None
        if port is not None:
            with suppress(*PORT_ERRORS):  # it may be gone already
                port.close()

    def poll(self, timeout_s: float = 0.1) -> list[Timed]:
        """Return the events that arrived, after waiting for them for at most about `timeout_s`; maybe none.

        While the port is lost, tries to open it again from time to time.

        Raises:
            LinkLostError: the port has been lost for longer than `give_up_after_s`.
        """
        if self._kept:
            events = list(self._kept)
            self._kept.clear()
            return events
        return self._receive(timeout_s)

    def send(self, message: Message) -> int:
        """Send a message and return its sequence number.

        Raises:
            NoAnswerError: the port takes no bytes.
            LinkLostError: the port is not open, or was lost while writing; `poll` then gives Lost and opens it again.
            MicroferError: a field does not fit its type.
        """
        if self._serial is None:
            raise LinkLostError(f"{self.port} is not connected: {self.problem or 'it was not opened'}")
        sequence = self._writer.sequence
        frame = self._writer.frame(message)
        try:
            self._serial.write(frame)
        except serial.SerialTimeoutException as error:
            raise NoAnswerError(f"{self.port} accepts no bytes: has the board hung? Press its reset button") from error
        except PORT_ERRORS as error:
            self._keep(self._gone(error))
            raise LinkLostError(f"{self.port} was lost while sending: {error}") from error
        return sequence

    def ask(
        self,
        message: Message,
        expecting: type[M],
        timeout_s: float = 1.0,
        tries: int = 3,
        wanted: Callable[[M], bool] | None = None,
    ) -> M:
        """Send a message and return the answer to it: the next message of the class `expecting`.

        It is sent at most `tries` times, each time waiting `timeout_s` for the answer; the time in which a lost port
        comes back does not count. All that arrives meanwhile, the answer too, is kept for the next `poll`.

        wanted: tells whether a message of that class is the answer, such as by its number; None: every one is.

        Raises:
            NoAnswerError: no answer came.
            RefusedError: the board answered with an error.
            OtherVersionError: the board speaks another protocol version.
            LinkLostError: the port was lost and did not come back.
        """
        self._other = None
        for _ in range(tries):
            self._wait_until_open()
            try:
                sequence = self.send(message)
            except (LinkLostError, NoAnswerError):
                continue
            answer = self._answer(message, sequence, expecting, wanted, time.monotonic() + timeout_s)
            if answer is not None:
                return answer
        if self._other is not None:
            raise OtherVersionError(self._other.explain())
        raise NoAnswerError(
            f"{self.port} did not answer {type(message).__name__} in {tries} x {timeout_s:g} s: is this the board, and "
            "does it run microfer's firmware? Press its reset button, or see what arrives with microfer view"
        )

    def _answer(
        self, message: Message, sequence: int, expecting: type[M], wanted: Callable[[M], bool] | None, end_s: float
    ) -> M | None:
        """Return the answer; None where the time is over, the port is lost, or the message is to be sent again."""
        while self._serial is not None and (left_s := end_s - time.monotonic()) > 0:
            events = self._receive(left_s)
            self._keep(events)
            for event in (timed.event for timed in events):
                if isinstance(event, OtherVersion):
                    self._other = event
                    if event.type == Hello.TYPE:
                        raise OtherVersionError(event.explain())
                if not isinstance(event, Received):
                    continue
                answer = event.message
                if isinstance(answer, expecting) and (wanted is None or wanted(answer)):
                    return answer
                if isinstance(answer, BoardError) and is_to_be_sent_again(answer, message, sequence):
                    return None
        return None

    def _receive(self, timeout_s: float) -> list[Timed]:
        if self._serial is None:
            return self._reopen(timeout_s)
        self._greet()
        try:
            content = self._read(timeout_s)
        except PORT_ERRORS as error:
            return self._gone(error)
        if not content:
            return []
        at = Instant.now()
        if self.tap is not None:
            self.tap(at, content)
        events = self._reader.feed(content)
        self._greeted |= any(_is_hello(event) for event in events)
        return [Timed(at, event) for event in events]

    def _read(self, timeout_s: float) -> bytes:
        """Return what has arrived, as soon as anything has; nothing after `timeout_s`."""
        if self._selectable:
            ready, _, _ = select.select([self._serial], [], [], timeout_s)
            return bytes(self._serial.read(READ_BYTES)) if ready else b""
        content = bytes(self._serial.read(1))  # waits for READ_TIMEOUT_S at most
        return content + bytes(self._serial.read(self._serial.in_waiting)) if content else b""

    def _greet(self) -> None:
        """Ask who is there, until somebody says it."""
        if self._greeted or time.monotonic() < self._next_hello_s or self._serial is None:
            return
        self._next_hello_s = time.monotonic() + HELLO_PERIOD_S
        with suppress(*PORT_ERRORS):  # a port that is lost says so when it is read; one that is full is asked again
            self._serial.write(self._writer.frame(AskHello()))

    def _opened(self, again: bool) -> list[Timed]:
        self._serial = open_port(self.port, self._baud)
        self._selectable = _is_selectable(self._serial)
        if self._selectable:
            self._serial.timeout = 0
        self._writer = LinkWriter()
        self._greeted, self._next_hello_s, self.problem = False, 0.0, ""
        return [self._changed(Opened(self.port, again))]

    def _gone(self, error: Exception) -> list[Timed]:
        """Close the port that failed and plan to open it again."""
        self.close()
        self.losses += 1
        self.problem = str(error)
        self._lost_s = time.monotonic()
        self._tries, self._next_try_s = 0, self._lost_s + WAITS_S[0]
        lost = self._changed(Lost(self.port, str(error)))
        return [*(Timed(lost.at, event) for event in self._reader.close()), lost]

    def _reopen(self, timeout_s: float) -> list[Timed]:
        """Wait until it is time for the next try, `timeout_s` at most, and try."""
        now_s = time.monotonic()
        if not self._lost_s:
            raise LinkLostError(f"{self.port} is not open")
        if self._give_up_after_s is not None and now_s - self._lost_s > self._give_up_after_s:
            raise LinkLostError(f"{self.port} did not come back within {self._give_up_after_s:g} s: {self.problem}")
        wait_s = max(0.0, self._next_try_s - now_s)
        time.sleep(min(wait_s, timeout_s))
        if wait_s > timeout_s:
            return []
        if self._usb is not None and (moved := same_device(self._usb, find_ports())) is not None:
            self.port, self._usb = moved.device, moved
        try:
            return self._opened(again=True)
        except PortError as error:
            self.problem = str(error)
            self._tries += 1
            self._next_try_s = time.monotonic() + WAITS_S[min(self._tries, len(WAITS_S) - 1)]
            return []

    def _wait_until_open(self) -> None:
        limit_s = time.monotonic() + (30.0 if self._give_up_after_s is None else self._give_up_after_s)
        while self._serial is None:
            if time.monotonic() > limit_s:
                raise LinkLostError(f"{self.port} did not come back: {self.problem}")
            self._keep(self._receive(0.1))

    def _changed(self, change: LinkChange) -> Timed:
        at = Instant.now()
        if self.tap is not None:
            self.tap(at, change)
        return Timed(at, change)

    def _keep(self, events: Timed | list[Timed]) -> None:
        self._kept.extend([events] if isinstance(events, Timed) else events)
        while len(self._kept) > KEPT_EVENTS:
            self._kept.popleft()
            self.forgotten += 1


def _is_selectable(port: Any) -> bool:
    """Return whether the system can wait for this port: a POSIX device or a socket, but no COM port and no RFC 2217."""
    try:
        select.select([port], [], [], 0)
    except (OSError, ValueError, TypeError):
        return False
    return True


def _is_hello(event: object) -> bool:
    if isinstance(event, OtherVersion):
        return event.type == Hello.TYPE
    return isinstance(event, Received) and isinstance(event.message, Hello)
