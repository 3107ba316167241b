"""The ESP32-S3's memories as an estimate of time needs them: what fits where, and how fast a cache line arrives.

A line of 64 bytes takes, at 80 MHz: from quad flash 128 clocks of data and about 20 of command, address and wait; from
octal PSRAM, at two transfers a clock, 32 and about 20. The sizes are sdkconfig's (data cache of 64 KB in lines of 64).
"""

from dataclasses import dataclass

from microfer.contract import ARENA_RESERVE_BYTES

CLOCK_HZ = 240_000_000
BUS_HZ = 80_000_000
LINE_BYTES = 64

FLASH_BYTES_PER_S = LINE_BYTES * BUS_HZ // (128 + 20)
PSRAM_BYTES_PER_S = LINE_BYTES * BUS_HZ // (32 + 20)

KEPT_IN_CACHE_BYTES = 48 * 1024
"""A filter of at most three quarters of the data cache is fetched once an invoke, a larger one anew in each pass."""

LARGEST_INTERNAL_BYTES = 278_528
FREE_INTERNAL_BYTES = 341_255
"""Measured on an emulated ESP32-S3 with a program of TFLM alone; a camera and a link leave less."""


@dataclass(frozen=True)
class Placement:
    """Where the arena and the weights lie: "internal" or "psram", "flash" or "psram"."""

    arena: str
    weights: str = "flash"

    def __post_init__(self) -> None:
        if self.arena not in ("internal", "psram") or self.weights not in ("flash", "psram"):
            raise ValueError(f"no such placement: {self}")

    @property
    def weights_bytes_per_s(self) -> int:
        """How fast constants arrive in the cache."""
        return FLASH_BYTES_PER_S if self.weights == "flash" else PSRAM_BYTES_PER_S


def fits_internal(arena_bytes: int) -> bool:
    """Return whether the firmware would lay an arena of so many bytes in internal RAM."""
    return arena_bytes <= LARGEST_INTERNAL_BYTES and arena_bytes + ARENA_RESERVE_BYTES <= FREE_INTERNAL_BYTES
