"""The ESP32-S3's memories as an estimate of time needs them: what fits where, and how fast a cache line arrives.

Speeds are those that others measured on chips; `Speed.source` says who. The sizes are sdkconfig's (data cache: 64 KB).
"""

from dataclasses import dataclass

from microfer.contract import ARENA_RESERVE_BYTES

CLOCK_HZ = 240_000_000


@dataclass(frozen=True)
class Speed:
    """How fast lines of the data cache are filled, and who measured that on which chip."""

    line_bytes: int
    line_s: float
    source: str

    @property
    def bytes_per_s(self) -> float:
        """Bytes a second, line after line."""
        return self.line_bytes / self.line_s


SPEEDS = {
    "flash": Speed(32, 259 / CLOCK_HZ, "quad flash at 80 MHz, 259 cycles a line, reported from a chip in 2026"),
    "psram": Speed(64, 328e-9 + 64 * 6.8e-9, "octal PSRAM at 80 MHz, project-x51/esp32-s3-memorycopy#2"),
}
"""Memory -> its speed."""

KEPT_IN_CACHE_BYTES = 48 * 1024
"""A filter of at most three quarters of the data cache is fetched once an invoke, a larger one anew in each pass."""

LARGEST_INTERNAL_BYTES = 278_528
FREE_INTERNAL_BYTES = 341_255
"""Measured on an emulated ESP32-S3 with a program of TFLM alone; a camera and a link leave less."""


@dataclass(frozen=True)
class Placement:
    """Where the arena and the weights lie: "internal", "psram" or "unknown"; "flash" or "psram"."""

    arena: str
    weights: str = "flash"

    def __post_init__(self) -> None:
        if self.arena not in ("internal", "psram", "unknown") or self.weights not in SPEEDS:
            raise ValueError(f"no such placement: {self}")

    @property
    def weights_bytes_per_s(self) -> float:
        """How fast constants arrive in the cache."""
        return SPEEDS[self.weights].bytes_per_s


def fits_internal(arena_bytes: int) -> bool:
    """Return whether the firmware would lay an arena of so many bytes in internal RAM."""
    return arena_bytes <= LARGEST_INTERNAL_BYTES and arena_bytes + ARENA_RESERVE_BYTES <= FREE_INTERNAL_BYTES
