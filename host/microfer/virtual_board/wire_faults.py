"""What a bad line does to the bytes between board and host: losses, flips, noise, text between frames; and in time.

`FaultyWire` is pure: bytes in, bytes out, by a seed. `WireTimes` looks at the clock: stalls, disconnects, a slow line.
"""

import time
from dataclasses import dataclass, replace

import numpy as np

from microfer.errors import MicroferError
from microfer.link.messages import PROTOCOL_VERSION
from microfer.link.protocol import DELIMITER, DamagedFrameError, decode_frame, encode_frame

LONGEST_BURST_BYTES = 400
LOG_LINE_CHANCE = 0.05

BOOT_TEXT = (
    "ESP-ROM:esp32s3-20210327\r\n"
    "Build:Mar 27 2021\r\n"
    "rst:0x1 (POWERON),boot:0x8 (SPI_FAST_FLASH_BOOT)\r\n"
    "SPIWP:0xee\r\n"
    "mode:DIO, clock div:1\r\n"
    "load:0x3fce2820,len:0x158c\r\n"
    "entry 0x403c8924\r\n"
)
"""What the ROM of an ESP32-S3 prints at a reset, in its form: a reader finds it before the first frame."""

LOG_LINE = "\x1b[0;33mW ({ms}) cam_hal: FB-OVF\x1b[0m\r\n"


@dataclass(frozen=True)
class WireFaults:
    """What is wrong with the line; nothing by default. Rates are parts of 1, and hold for either direction.

    lose_bytes: part of the bytes that get lost. flip_bits: part of the bits that are turned over.
    bursts: chance of a burst of noise, 1 to 400 bytes, before, inside or after each frame to the host.
    stall_s, stall_every_s: the line stands still for so long, about every so often; nothing is lost by that alone.
    disconnect_every_s: the connection is closed as often; 0 = never.
    bytes_per_s: the host takes no more than this; 0 = all that comes.
    boot_text: the ROM's text at each start, and log lines now and then between frames.
    speak_version: the board speaks this version of the protocol; None = the present one.
    """

    lose_bytes: float = 0.0
    flip_bits: float = 0.0
    bursts: float = 0.0
    stall_s: float = 0.0
    stall_every_s: float = 10.0
    disconnect_every_s: float = 0.0
    bytes_per_s: int = 0
    boot_text: bool = False
    speak_version: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("lose_bytes", "flip_bits", "bursts"):
            if not 0 <= getattr(self, name) <= 1:
                raise MicroferError(f"{name} is {getattr(self, name)}; a rate is a part of 1, from 0 to 1")
        for name in ("stall_s", "disconnect_every_s", "bytes_per_s"):
            if getattr(self, name) < 0:
                raise MicroferError(f"{name} is {getattr(self, name)}, expected 0 or more")
        if self.stall_every_s <= 0:
            raise MicroferError(f"stall_every_s is {self.stall_every_s}, expected more than 0")
        if self.speak_version is not None and not 0 <= self.speak_version <= 255:
            raise MicroferError(f"speak_version is {self.speak_version}, expected 0 to 255")


@dataclass
class WireCounters:
    """What the wire did to the bytes of one direction."""

    bytes_in: int = 0
    bytes_out: int = 0
    lost_bytes: int = 0
    flipped_bits: int = 0
    bursts: int = 0
    noise_bytes: int = 0
    texts: int = 0


class FaultyWire:
    """One direction of the line."""

    def __init__(self, faults: WireFaults, *, to_host: bool) -> None:
        self.counters = WireCounters()
        self._faults = faults
        self._to_host = to_host
        self._rng = np.random.default_rng((faults.seed, int(to_host)))
        self._unfinished = b""  # of a frame whose version is to be changed
        self._log_lines = 0

    def carry_frame(self, content: bytes) -> bytes:
        """Return what arrives of one whole frame, with its delimiters, from the board."""
        faults = self._faults
        if faults.speak_version is not None:
            content = self._in_other_version(content)
        if faults.bursts and self._rng.random() < faults.bursts:
            at = (0, int(self._rng.integers(1, len(content))), len(content))[self._rng.integers(3)]
            content = content[:at] + self._noise() + content[at:]
        if faults.boot_text and self._rng.random() < LOG_LINE_CHANCE:
            self._log_lines += 1
            content += self.text(LOG_LINE.format(ms=1000 * self._log_lines))
        return self.carry(content)

    def carry(self, content: bytes) -> bytes:
        """Return what arrives of bytes that need not be whole frames."""
        faults = self._faults
        self.counters.bytes_in += len(content)
        if not self._to_host and faults.speak_version is not None:
            content = self._in_present_version(content)
        if content and faults.lose_bytes:
            values = np.frombuffer(content, np.uint8)
            kept = values[self._rng.random(values.size) >= faults.lose_bytes]
            self.counters.lost_bytes += values.size - kept.size
            content = kept.tobytes()
        if content and faults.flip_bits:
            flips = self._rng.random((len(content), 8)) < faults.flip_bits
            self.counters.flipped_bits += int(flips.sum())
            mask = np.packbits(flips, axis=1).ravel()
            content = (np.frombuffer(content, np.uint8) ^ mask).tobytes()
        self.counters.bytes_out += len(content)
        return content

    def text(self, text: str) -> bytes:
        """Return a text as it stands on the line."""
        self.counters.texts += 1
        return text.encode("ascii")

    def _noise(self) -> bytes:
        size = int(self._rng.integers(1, LONGEST_BURST_BYTES + 1))
        self.counters.bursts += 1
        self.counters.noise_bytes += size
        return self._rng.integers(0, 256, size, np.uint8).tobytes()

    def _in_other_version(self, content: bytes) -> bytes:
        version = self._faults.speak_version
        frame = decode_frame(content.strip(DELIMITER))
        return content if version is None else encode_frame(replace(frame, version=version))

    def _in_present_version(self, content: bytes) -> bytes:
        """Return the frames in `content` with the two versions exchanged: the core takes its own for another."""
        *segments, self._unfinished = (self._unfinished + content).split(DELIMITER)
        return b"".join(self._exchanged(segment) for segment in segments)

    def _exchanged(self, segment: bytes) -> bytes:
        try:
            frame = decode_frame(segment)
        except DamagedFrameError:
            return segment + DELIMITER
        other = self._faults.speak_version
        versions = {other: PROTOCOL_VERSION, PROTOCOL_VERSION: other}
        version = versions.get(frame.version, frame.version)
        return encode_frame(replace(frame, version=frame.version if version is None else version))


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
