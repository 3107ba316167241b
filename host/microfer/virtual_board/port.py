"""The virtual board's serial port: a bounded send buffer, a line with faults, and a TCP server on the loopback address.

The board does not know of connections, as one with a UART does not: without a host its bytes go nowhere, and a new
host finds the stream where it is. One host at a time.
"""

import contextlib
import errno
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from microfer.contract import RECEIVE_BUFFER_BYTES, SEND_BUFFER_BYTES
from microfer.errors import MicroferError
from microfer.virtual_board.wire_faults import BOOT_TEXT, FaultyWire, WireFaults, WireTimes

LOOPBACK = "127.0.0.1"
WAIT_FOR_ROOM_S = 5.0
FLUSH_S = 2.0
TICK_S = 0.01
"""How finely stalls and a slow line are timed."""

BUSY_TEXT = b"\0the virtual board serves one host at a time: close the other viewer\r\n\0"

Tell = Callable[[str], None]


@dataclass
class PortCounters:
    """What became of the frames that the board wrote, and of the hosts."""

    written: int = 0
    refused: int = 0
    """There was no room for them: the board counts them as dropped."""
    without_host: int = 0
    """Sent when nobody listened."""
    hosts: int = 0
    hosts_refused: int = 0
    disconnects: int = 0
    """Connections that a fault closed."""


class BoardPort:
    """What `serial_read` and `serial_write` of the board's parts do, and the server's thread.

    Raises:
        MicroferError: the TCP port is taken.
    """

    def __init__(
        self,
        tcp_port: int = 0,
        faults: WireFaults | None = None,
        *,
        wait_for_room: bool = False,
        send_buffer_bytes: int = SEND_BUFFER_BYTES,
        tell: Tell | None = None,
    ) -> None:
        """Bind the TCP port on the loopback address; `start` begins to serve.

        tcp_port: 0 = any free one; see `url`. wait_for_room: where the buffer is full and a host is there, wait for it
        instead of refusing the frame, which a board never does. tell: told when a host comes and goes, for people.
        """
        self.counters = PortCounters()
        faults = faults or WireFaults()
        self.to_host = FaultyWire(faults, to_host=True)
        self.to_board = FaultyWire(faults, to_host=False)
        self.had_host = threading.Event()
        self.arrived = threading.Event()
        """Set when bytes for the board have come."""
        self._faults = faults
        self._wait_for_room = wait_for_room
        self._capacity = send_buffer_bytes
        self._tell: Tell = tell or (lambda _: None)
        self._room = threading.Condition()
        self._frames: deque[bytes] = deque()
        self._queued = 0
        self._incoming = bytearray()
        self._sending = b""
        self._client: socket.socket | None = None
        self._closing = False
        self._abandon = 0.0
        self.times = WireTimes(faults)
        self._listener = _listen(tcp_port)
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_write.setblocking(False)
        self._thread = threading.Thread(target=self._serve, name="virtual-board-port", daemon=True)

    @property
    def url(self) -> str:
        """What pyserial and the viewer's --port take."""
        return f"socket://{LOOPBACK}:{self._listener.getsockname()[1]}"

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def close(self) -> None:
        """Send what is still to be sent, two seconds at most, then close everything."""
        with self._room:
            self._closing, self._abandon = True, time.monotonic() + FLUSH_S
            self._room.notify_all()
        self._wake()
        if self._thread.ident is not None:
            self._thread.join()
        for one in (self._client, self._listener, self._wake_read, self._wake_write):
            if one is not None:
                one.close()
        self._client = None

    # ---- The board's side

    def write(self, frame: bytes) -> bool:
        """Take a whole frame for sending, or nothing of it where there is no room."""
        with self._room:
            if self._wait_for_room:
                self._room.wait_for(lambda: self._fits(frame) or self._closing, WAIT_FOR_ROOM_S)
            if not self._fits(frame):
                self.counters.refused += 1
                return False
            self._frames.append(frame)
            self._queued += len(frame)
            self.counters.written += 1
        self._wake()
        return True

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes that the host has sent."""
        with self._room:
            content = bytes(self._incoming[:size])
            del self._incoming[:size]
            if not self._incoming:
                self.arrived.clear()
        return content

    def power_on(self) -> None:
        """Begin as a board does that starts: what is not read yet is lost, and the ROM says its text."""
        with self._room:
            self._incoming.clear()
            if self._faults.boot_text:
                text = self.to_host.text(BOOT_TEXT)
                self._frames.append(text)
                self._queued += len(text)
        self._wake()

    def _fits(self, frame: bytes) -> bool:
        return self._queued + len(frame) <= self._capacity

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # it is awake already, or closed
            self._wake_write.send(b"\0")

    # ---- The server's thread

    def _serve(self) -> None:
        while not (self._closing and self._is_done()):
            self.times.tick()
            if self._client is not None and self.times.is_disconnect_due():
                self.counters.disconnects += 1
                self._drop("a fault closed the connection")
            ready = self._wait()
            if self._wake_read in ready:
                self._wake_read.recv(4096)
            if self._client in ready:
                self._receive()
            if self._listener in ready:
                self._accept()
            self._send()
        if self._client is not None:
            self._drop("the board is switched off")

    def _is_done(self) -> bool:
        nothing_left = not self._sending and not self._frames
        return self._client is None or nothing_left or time.monotonic() > self._abandon

    def _wait(self) -> list[socket.socket]:
        """Return the sockets that have something, after waiting for that or for the next tick."""
        to_read: list[socket.socket] = [self._wake_read, self._listener]
        to_write: list[socket.socket] = []
        if self._client is not None and not self.times.is_stalled:
            if len(self._incoming) < RECEIVE_BUFFER_BYTES:
                to_read.append(self._client)
            if self._sending and self.times.allowed_bytes() > 0:
                to_write.append(self._client)
        is_timed = self.times.needs_ticks or self._closing or len(self._incoming) >= RECEIVE_BUFFER_BYTES
        readable, _, _ = select.select(to_read, to_write, [], TICK_S if is_timed else 1.0)
        return readable

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:
            return  # it was gone before it was taken
        if self._is_gone():  # and the next host connects before this one's end is noticed
            self._drop("the host is gone")
        if self._client is not None or self._closing:
            self.counters.hosts_refused += 1
            with contextlib.suppress(OSError):
                client.sendall(BUSY_TEXT)
            client.close()
            return
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client = client
        self.counters.hosts += 1
        self.times.connected()
        self.had_host.set()
        self._tell("a host is connected")

    def _is_gone(self) -> bool:
        """Return whether the host has closed the connection and all that it sent is read."""
        if self._client is None:
            return False
        try:
            return self._client.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _receive(self) -> None:
        if self._client is None:
            return
        try:
            content = self._client.recv(RECEIVE_BUFFER_BYTES)
        except BlockingIOError:
            return
        except OSError:
            content = b""
        if not content:
            self._drop("the host is gone")
            return
        with self._room:
            self._incoming += self.to_board.carry(content)
            self.arrived.set()

    def _send(self) -> None:
        if self.times.is_stalled and self._client is not None:
            return
        if not self._sending:
            self._refill()
        if self._client is None:
            self._sending = b""
            return
        while self._sending and (allowed := self.times.allowed_bytes()) > 0:
            try:
                count = self._client.send(self._sending[:allowed])
            except BlockingIOError:
                return
            except OSError:
                self._drop("the host is gone")
                return
            self.times.sent(count)
            self._sending = self._sending[count:]
            if not self._sending:
                self._refill()

    def _refill(self) -> None:
        """Move what waits from the board's buffer onto the line."""
        with self._room:
            frames, self._frames, self._queued = self._frames, deque(), 0
            self._room.notify_all()
        if self._client is None:
            self.counters.without_host += len(frames)
            return
        self._sending = b"".join(
            self.to_host.carry_frame(frame) if frame[:1] == b"\0" else self.to_host.carry(frame) for frame in frames
        )

    def _drop(self, reason: str) -> None:
        client, self._client = self._client, None
        self._sending = b""
        if client is not None:
            with contextlib.suppress(OSError):  # the other end may have been quicker
                client.shutdown(socket.SHUT_WR)
            client.close()
        self._tell(reason)


def _listen(tcp_port: int) -> socket.socket:
    try:
        return socket.create_server((LOOPBACK, tcp_port), backlog=4)
    except OverflowError as error:
        raise MicroferError(
            f"there is no TCP port {tcp_port}; ports go from 1 to 65535, and 0 takes any free one"
        ) from error
    except OSError as error:
        why = "is taken by another program" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
        raise MicroferError(f"TCP port {tcp_port} {why}; choose another with --port, 0 takes any free one") from error
