"""Bytes from the link to events: messages, and everything that was not one, told apart and counted."""

import enum
from collections import Counter
from dataclasses import dataclass, field

from microfer.link.layout import Message
from microfer.link.messages import FROM_HOST, MAX_ENCODED_BYTES, PROTOCOL_VERSION, Hello
from microfer.link.protocol import (
    DELIMITER,
    DamagedFrameError,
    Frame,
    PayloadError,
    decode_frame,
    fixed_hello,
    next_sequence,
    unpack_payload,
)

_TEXT = frozenset(range(0x20, 0x7F)) | {0x09, 0x0A, 0x0D, 0x1B}
_SHOWN_BYTES = 32


class Cause(enum.StrEnum):
    """Why bytes between two delimiters are no frame."""

    COBS = "cobs"
    SHORT = "short"
    CRC = "crc"
    CUT = "cut"
    """It began before the reader did, or had no end when the stream ended: nobody's fault."""


@dataclass(frozen=True)
class Received:
    """An intact message of this protocol version. `missed` frames before it never arrived intact."""

    message: Message
    sequence: int
    missed: int


@dataclass(frozen=True)
class Damaged:
    """Bytes between two delimiters that are neither a frame nor text: a damaged frame, or noise."""

    cause: Cause
    size_bytes: int
    begin: bytes
    """The first bytes, at most 32, for diagnosis."""


@dataclass(frozen=True)
class TooLong:
    """More bytes without a delimiter than any frame has; all that follows up to the next delimiter is dropped."""


@dataclass(frozen=True)
class OtherVersion:
    """An intact frame of another protocol version. Only a hello tells more: firmware version and board."""

    version: int
    type: int
    firmware_version: str | None
    board: str | None

    def explain(self) -> str:
        """Return what a person should read and do."""
        who = f"the board ({self.board}, firmware {self.firmware_version})" if self.board else "the other end"
        newer = self.version > PROTOCOL_VERSION
        do = "update microfer on this computer" if newer else "flash the firmware of this microfer onto the board"
        return f"{who} speaks protocol version {self.version}, this microfer speaks {PROTOCOL_VERSION}: {do}"


@dataclass(frozen=True)
class UnknownType:
    """An intact frame whose type is none that the other end may send."""

    type: int


@dataclass(frozen=True)
class Malformed:
    """An intact frame of a known type whose payload no correct sender writes. `reason` names the field."""

    type: int
    reason: str


@dataclass(frozen=True)
class Text:
    """Boot messages, log lines or a panic's report between frames. A long text comes in several pieces."""

    text: str


Event = Received | Damaged | TooLong | OtherVersion | UnknownType | Malformed | Text


@dataclass
class LinkCounters:
    """What a reader has seen. Every byte is counted once: in frames, discarded, text, delimiters, or still pending."""

    frame_bytes: int = 0
    discarded_bytes: int = 0
    text_bytes: int = 0
    delimiter_bytes: int = 0
    received: int = 0
    damaged: Counter[Cause] = field(default_factory=Counter)
    too_long: int = 0
    other_version: int = 0
    unknown_type: int = 0
    malformed: int = 0
    texts: int = 0
    missed: int = 0
    """Gaps in the sequence: frames that were lost on the way, or dropped by a sender whose port was full."""
    restarts: int = 0
    """Times that the sequence began anew: the sender restarted."""

    @property
    def intact(self) -> int:
        """Frames whose CRC was right."""
        return self.received + self.other_version + self.unknown_type + self.malformed

    @property
    def bytes(self) -> int:
        """All bytes that were dealt with, those that are still pending not included."""
        return self.frame_bytes + self.discarded_bytes + self.text_bytes + self.delimiter_bytes


class LinkReader:
    """Takes bytes as they come, in pieces of any size, and gives events in their order.

    It keeps at most the longest frame, whatever arrives, and finds its place again at the next delimiter. It raises
    nothing for what it reads.
    """

    def __init__(self, from_host: bool = False) -> None:
        """Read what a board sends, or with `from_host` what a host sends: the other direction's types are refused."""
        self.counters = LinkCounters()
        self._direction = FROM_HOST if from_host else 0
        self._pending = bytearray()
        self._skipping = False
        self._joined = False
        self._sequence: int | None = None

    @property
    def pending_bytes(self) -> int:
        """Bytes after the last delimiter that wait for the next one."""
        return len(self._pending)

    def feed(self, content: bytes) -> list[Event]:
        """Return the events that these bytes complete, none where a frame is still under way."""
        events: list[Event] = []
        begin = 0
        while (end := content.find(DELIMITER, begin)) >= 0:
            self._collect(content, begin, end, events)
            self._end_segment(events)
            self.counters.delimiter_bytes += 1
            begin = end + 1
        self._collect(content, begin, len(content), events)
        return events

    def close(self) -> list[Event]:
        """Return what the end of the stream makes of the bytes after the last delimiter: text, or a cut frame.

        The reader may go on with another stream of the same sender, whose first bytes may be cut as at its own start.
        """
        events: list[Event] = []
        if self._pending:
            segment = self._take()
            events.append(self._text(segment) if _is_text(segment) else self._damaged(Cause.CUT, segment))
        self._skipping = self._joined = False
        return events

    def _collect(self, content: bytes, begin: int, end: int, events: list[Event]) -> None:
        """Keep bytes that hold no delimiter, at most as many as a frame has."""
        while begin < end and not self._skipping:
            piece = content[begin : min(end, begin + MAX_ENCODED_BYTES + 1 - len(self._pending))]
            self._pending += piece
            begin += len(piece)
            if len(self._pending) > MAX_ENCODED_BYTES:
                self._overflow(events)
        self.counters.discarded_bytes += end - begin

    def _overflow(self, events: list[Event]) -> None:
        segment = self._take()
        if _is_text(segment):
            events.append(self._text(segment))
            return
        self.counters.discarded_bytes += len(segment)
        self.counters.too_long += 1
        self._skipping = True
        events.append(TooLong())

    def _end_segment(self, events: list[Event]) -> None:
        if self._pending:
            events.append(self._segment(self._take()))
        self._skipping = False
        self._joined = True

    def _segment(self, segment: bytes) -> Event:
        try:
            frame = decode_frame(segment)
        except DamagedFrameError as error:
            if _is_text(segment):
                return self._text(segment)
            return self._damaged(Cause(str(error)) if self._joined else Cause.CUT, segment)
        self.counters.frame_bytes += len(segment)
        missed = self._gap(frame.sequence)
        return self._intact(frame, missed)

    def _intact(self, frame: Frame, missed: int) -> Event:
        if frame.version != PROTOCOL_VERSION:
            self.counters.other_version += 1
            return _other_version(frame)
        try:
            if frame.type & FROM_HOST != self._direction:
                raise KeyError(frame.type)
            message = unpack_payload(frame.type, frame.payload)
        except KeyError:
            self.counters.unknown_type += 1
            return UnknownType(frame.type)
        except PayloadError as error:
            self.counters.malformed += 1
            return Malformed(frame.type, str(error))
        self.counters.received += 1
        return Received(message, frame.sequence, missed)

    def _gap(self, sequence: int) -> int:
        """Return how many frames are missing before this one; a number that goes back means a restart."""
        last, self._sequence = self._sequence, sequence
        if last is None:
            return 0
        missed = (sequence - next_sequence(last)) % 0xFFFF
        if sequence == 0 or missed > 0x7FFF:
            self.counters.restarts += 1
            return 0
        self.counters.missed += missed
        return missed

    def _damaged(self, cause: Cause, segment: bytes) -> Damaged:
        self.counters.damaged[cause] += 1
        self.counters.discarded_bytes += len(segment)
        return Damaged(cause, len(segment), segment[:_SHOWN_BYTES])

    def _text(self, segment: bytes) -> Text:
        self.counters.texts += 1
        self.counters.text_bytes += len(segment)
        return Text(segment.decode("ascii"))

    def _take(self) -> bytes:
        segment = bytes(self._pending)
        self._pending.clear()
        return segment


def _is_text(segment: bytes) -> bool:
    return _TEXT.issuperset(segment)


def _other_version(frame: Frame) -> OtherVersion:
    said: dict[str, str] = {}
    if frame.type == Hello.TYPE:
        try:
            said = fixed_hello(frame.payload)
        except PayloadError:
            said = {}
    return OtherVersion(frame.version, frame.type, said.get("firmware_version"), said.get("board"))
