"""A host for tests of the virtual board: reads its link over TCP, keeps everything, and knows what the board wrote."""

import socket
import time
from collections import Counter

import pytest

from microfer.errors import MicroferError
from microfer.link.messages import AskHello, Hello, Statistics, StreamSettings
from microfer.link.protocol import DELIMITER, LinkWriter, decode_frame, pack_payload
from microfer.link.reader import LinkReader, Received
from microfer.virtual_board.core_build import find_compiler
from microfer.virtual_board.virtual_board import BoardSettings

ACCOUNT = StreamSettings(900, predictions=True, previews=False)
"""Asks for statistics, with a period that no board begins with: what was on its way before is not the answer."""


def has_compiler():
    try:
        find_compiler()
    except MicroferError:
        return False
    return True


needs_compiler = pytest.mark.skipif(not has_compiler(), reason="there is no C++ compiler here")


def fast(model, **changes):
    """Settings of a board that does not wait, and gives the same bytes at each run."""
    return BoardSettings(model=model, fast=True, **changes)


class BoardClient:
    """A connection to a board. `events` and `raw` hold all that has arrived."""

    def __init__(self, url, reader=None):
        host, port = url.removeprefix("socket://").split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=10)
        self.reader = reader or LinkReader()
        self.writer = LinkWriter()
        self.events = []
        self.raw = bytearray()
        self.is_at_end = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, message):
        self.socket.sendall(self.writer.frame(message))

    def poll(self, timeout_s=0.05):
        """Read what arrives within a time; return the new events."""
        self.socket.settimeout(timeout_s)
        try:
            content = self.socket.recv(1 << 16)
        except TimeoutError:
            return []
        except OSError:
            content = b""
        if not content:
            if not self.is_at_end:
                self.is_at_end = True
                self.events += self.reader.close()
            return []
        self.raw += content
        events = self.reader.feed(content)
        self.events += events
        return events

    def messages(self, kind=object):
        return [
            event.message for event in self.events if isinstance(event, Received) and isinstance(event.message, kind)
        ]

    def until(self, is_enough, timeout_s=40):
        """Read until `is_enough()`; fail after a time."""
        end_s = time.monotonic() + timeout_s
        while not is_enough():
            assert time.monotonic() < end_s, f"not within {timeout_s} s: {self.reader.counters}"
            assert not self.is_at_end, f"the connection ended: {self.reader.counters}"
            self.poll()

    def first(self, kind):
        """Return the first message of a kind, after waiting for it where none has arrived."""
        self.until(lambda: self.messages(kind))
        return self.messages(kind)[0]

    def next(self, kind, timeout_s=40):
        """Return the next message of a kind that arrives from now on."""
        before = len(self.messages(kind))
        self.until(lambda: len(self.messages(kind)) > before, timeout_s)
        return self.messages(kind)[before]

    def ask(self, command, kind, timeout_s=40):
        """Send a command; return the answer: the next message of a kind, of statistics those with its settings."""
        self.send(command)
        while True:
            answer = self.next(kind, timeout_s)
            if kind is not Statistics or _settings_of(answer) == command:
                return answer

    def hello(self):
        return self.ask(AskHello(), Hello)

    def read_for(self, seconds):
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s and not self.is_at_end:
            self.poll()

    def read_to_end(self, timeout_s=30):
        end_s = time.monotonic() + timeout_s
        while not self.is_at_end:
            assert time.monotonic() < end_s, "the board did not close the connection"
            self.poll(0.5)


def _settings_of(statistics):
    return StreamSettings(statistics.statistics_period_ms, statistics.predictions, statistics.previews)


class Tap:
    """What the board wrote and what the line made of it: put between a board and its port before it starts."""

    def __init__(self, board):
        self.written = {}
        """The payload of each frame written since the last start, by its sequence number."""
        self.untouched = set()
        """The numbers of those that came through the line whole, with their delimiters."""
        self.order = []
        write, carry = board.port.write, board.port.to_host.carry_frame

        def tapped_write(frame):
            decoded = decode_frame(frame.strip(DELIMITER))
            self.order.append(decoded.sequence)
            self.written[decoded.sequence] = (decoded.type, decoded.payload)  # before a host can have it
            if write(frame):
                return True
            del self.written[decoded.sequence]
            return False

        def tapped_carry(frame):
            arrived = carry(frame)
            if frame in arrived:
                self.untouched.add(decode_frame(frame.strip(DELIMITER)).sequence)
            return arrived

        board.port.write = tapped_write
        board.port.to_host.carry_frame = tapped_carry

    def check(self, client, *, lost_whole=frozenset()):
        """Assert that nothing damaged was accepted, nothing intact was lost, and every frame is accounted for.

        lost_whole: sequence numbers that may be missing though the line left them whole, as after a disconnect.
        """
        received = [event for event in client.events if isinstance(event, Received)]
        assert max(Counter(event.sequence for event in received).values()) == 1
        for event in received:
            assert (event.message.TYPE, pack_payload(event.message)) == self.written[event.sequence]
        arrived = {event.sequence for event in received}
        last = received[-1].sequence
        missing = {number for number in self.untouched - arrived if received[0].sequence <= number <= last}
        assert missing <= set(lost_whole), sorted(missing - set(lost_whole))[:20]
        counters = client.reader.counters
        used = [number for number in self.order if received[0].sequence <= number <= last]
        assert counters.received + counters.missed == len(used)
        assert counters.unknown_type == counters.malformed == counters.other_version == 0
        assert counters.bytes + client.reader.pending_bytes == len(client.raw)
