"""What the virtual board's line does to bytes, without a board."""

import numpy as np
import pytest

from microfer.errors import MicroferError
from microfer.link.messages import PROTOCOL_VERSION, AskHello, StreamSettings
from microfer.link.protocol import encode
from microfer.link.reader import LinkReader, OtherVersion, Received, Text
from microfer.virtual_board.wire_faults import BOOT_TEXT, FaultyWire, WireFaults

SETTINGS = StreamSettings(1000, predictions=True, previews=False)


def frames(count):
    return [encode(SETTINGS, number) for number in range(count)]


def test_without_a_fault_nothing_changes():
    wire = FaultyWire(WireFaults(), to_host=True)
    content = bytes(range(256))
    assert wire.carry_frame(content) == wire.carry(content) == content
    assert (wire.counters.bytes_in, wire.counters.bytes_out) == (512, 512)


@pytest.mark.parametrize("rate", [0.001, 0.05])
def test_as_many_bytes_get_lost_as_the_rate_says(rate):
    wire = FaultyWire(WireFaults(lose_bytes=rate), to_host=True)
    size = sum(len(wire.carry(bytes(1000))) for _ in range(200))
    assert wire.counters.lost_bytes == 200_000 - size
    assert wire.counters.lost_bytes == pytest.approx(200_000 * rate, rel=0.3)


def test_as_many_bits_are_flipped_as_the_rate_says():
    wire = FaultyWire(WireFaults(flip_bits=0.001), to_host=True)
    flipped = np.frombuffer(b"".join(wire.carry(bytes(1000)) for _ in range(200)), np.uint8)
    assert np.unpackbits(flipped).sum() == wire.counters.flipped_bits == pytest.approx(1600, rel=0.2)


def test_bursts_leave_most_frames_readable():
    wire = FaultyWire(WireFaults(bursts=0.3), to_host=True)
    reader = LinkReader(from_host=True)
    events = reader.feed(b"".join(map(wire.carry_frame, frames(500))))
    assert wire.counters.bursts == pytest.approx(150, rel=0.3)
    intact = [event for event in events if isinstance(event, Received)]
    # A burst before or after a frame leaves it whole; one of three falls inside.
    assert len(intact) == pytest.approx(500 - wire.counters.bursts / 3, abs=20)
    assert all(event.message == SETTINGS for event in intact)


def test_text_stands_between_frames_and_costs_none():
    wire = FaultyWire(WireFaults(boot_text=True), to_host=True)
    reader = LinkReader(from_host=True)
    events = reader.feed(wire.text(BOOT_TEXT) + b"".join(map(wire.carry_frame, frames(200))))
    assert sum(isinstance(event, Received) for event in events) == 200
    assert events[0] == Text(BOOT_TEXT)
    assert sum(isinstance(event, Text) for event in events) == wire.counters.texts > 3


def test_the_same_seed_does_the_same():
    faults = WireFaults(lose_bytes=0.01, flip_bits=0.01, bursts=0.2, boot_text=True, seed=5)
    one, two = (b"".join(map(FaultyWire(faults, to_host=True).carry_frame, frames(50))) for _ in range(2))
    assert one == two


def test_versions_are_exchanged_both_ways_and_in_pieces():
    faults = WireFaults(speak_version=9)
    to_host, to_board = FaultyWire(faults, to_host=True), FaultyWire(faults, to_host=False)
    seen = LinkReader(from_host=True).feed(to_host.carry_frame(encode(AskHello(), 4)))
    assert [event.version for event in seen if isinstance(event, OtherVersion)] == [9]
    content = encode(AskHello(), 4) + encode(SETTINGS, 5, version=9)
    arrived = b"".join(to_board.carry(content[at : at + 3]) for at in range(0, len(content), 3))
    events = LinkReader(from_host=True).feed(arrived + b"\0")
    assert [event.version for event in events if isinstance(event, OtherVersion)] == [9]
    assert [event.message for event in events if isinstance(event, Received)] == [SETTINGS]
    assert PROTOCOL_VERSION != 9


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"lose_bytes": 1.5}, "lose_bytes is 1.5"),
        ({"flip_bits": -0.1}, "flip_bits is -0.1"),
        ({"stall_s": -1}, "stall_s is -1"),
        ({"stall_every_s": 0}, "stall_every_s is 0"),
        ({"speak_version": 256}, "speak_version is 256"),
    ],
)
def test_settings_out_of_range_are_named(changes, expected):
    with pytest.raises(MicroferError, match=expected):
        WireFaults(**changes)
