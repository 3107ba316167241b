"""What a bad line does in time: when it stands still, how much it may carry, when it is cut."""

import time

import numpy as np

from microfer.virtual_board.wire_faults import WireFaults


class WireTimes:
    """The faults of a line that depend on the clock. `stalls` counts how often it stood still."""

    def __init__(self, faults: WireFaults) -> None:
        self._faults = faults
        self._rng = np.random.default_rng((faults.seed, 2))
        self._now = time.monotonic()
        self._stall_begin = self._now + self._pause_s()
        self._connected = self._now
        self._credit = 0.0
        self.is_stalled = False
        self.stalls = 0

    @property
    def needs_ticks(self) -> bool:
        """Whether anything happens by itself."""
        return bool(self._faults.stall_s or self._faults.disconnect_every_s or self._faults.bytes_per_s)

    def tick(self) -> None:
        """Look at the clock."""
        before, self._now = self._now, time.monotonic()
        rate = self._faults.bytes_per_s
        self._credit = min(self._credit + rate * (self._now - before), max(1.0, rate * 0.1))
        if not self._faults.stall_s:
            return
        if not self.is_stalled and self._now >= self._stall_begin:
            self.is_stalled, self.stalls = True, self.stalls + 1
        elif self.is_stalled and self._now >= self._stall_begin + self._faults.stall_s:
            self.is_stalled = False
            self._stall_begin = self._now + self._pause_s()

    def allowed_bytes(self) -> int:
        """Return how much may be sent now."""
        return int(self._credit) if self._faults.bytes_per_s else 1 << 20

    def sent(self, count: int) -> None:
        """Count what was sent."""
        if self._faults.bytes_per_s:
            self._credit -= count

    def connected(self) -> None:
        """Begin to count the time to the next disconnect."""
        self._connected = time.monotonic()

    def is_disconnect_due(self) -> bool:
        """Return whether a fault closes the connection now."""
        every_s = self._faults.disconnect_every_s
        return every_s > 0 and self._now - self._connected >= every_s

    def _pause_s(self) -> float:
        return float(self._faults.stall_every_s * self._rng.uniform(0.5, 1.5))
