"""What happens on the link, each with its time: the reader's events, and the link's own coming and going."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from microfer.link.reader import Event

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, order=True)
class Instant:
    """A moment on this computer: of the clock that never goes back, and of the one that people read (Unix time)."""

    monotonic_ns: int
    wall_ns: int

    @classmethod
    def now(cls) -> "Instant":
        """Return the present."""
        return cls(time.monotonic_ns(), time.time_ns())

    def since(self, earlier: "Instant") -> float:
        """Return the seconds from `earlier` to this moment."""
        return (self.monotonic_ns - earlier.monotonic_ns) / NANOSECONDS

    def iso(self) -> str:
        """Return the wall time as ISO 8601 in UTC, with milliseconds."""
        return datetime.fromtimestamp(self.wall_ns / NANOSECONDS, UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True)
class Opened:
    """The port is open, for the first time or again."""

    port: str
    again: bool = False


@dataclass(frozen=True)
class Lost:
    """The port is gone: unplugged, closed at the other end, or not to be opened again. `reason` is for people."""

    port: str
    reason: str


LinkChange = Opened | Lost


@dataclass(frozen=True)
class Timed:
    """An event and when its last byte arrived on this computer."""

    at: Instant
    event: Event | LinkChange
