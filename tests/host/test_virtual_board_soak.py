"""Each fault of the virtual board for a while, with a host that sends commands and comes back after each loss.

MICROFER_SOAK_S=60 pytest tests/host/test_virtual_board_soak.py -s     a minute each, with figures
"""

import itertools
import os
import time

import pytest
from tests.host.board_client import BoardClient, Tap, needs_compiler

from microfer.link.messages import AskHello, BoardError, InferCrop, InferResult, Prediction, StreamSettings
from microfer.link.reader import LinkReader, Received
from microfer.virtual_board.frame_source import SceneSource
from microfer.virtual_board.parts import CameraFaults
from microfer.virtual_board.virtual_board import BoardSettings, VirtualBoard
from microfer.virtual_board.wire_faults import WireFaults

SECONDS = float(os.environ.get("MICROFER_SOAK_S", "4"))
FPS = 60

pytestmark = [needs_compiler, pytest.mark.slow]

FAULTS = {
    "none": {},
    "lose-bytes": {"wire": WireFaults(lose_bytes=5e-4)},
    "flip-bits": {"wire": WireFaults(flip_bits=5e-5)},
    "bursts": {"wire": WireFaults(bursts=0.1)},
    "stall": {"wire": WireFaults(stall_s=0.7, stall_every_s=1.5)},
    "disconnect": {"wire": WireFaults(disconnect_every_s=1.0)},
    "slow-host": {"wire": WireFaults(bytes_per_s=6000), "send_buffer_bytes": 2600},
    "boot-text": {"wire": WireFaults(boot_text=True)},
    "dead-camera": {"camera": CameraFaults(is_dead=True)},
    "camera-stops": {"camera": CameraFaults(stops_after=FPS)},
    "wrong-size": {"camera": CameraFaults(wrong_size_every=5)},
    "invoke-fails": {"invoke_fails_every": 5},
    "everything": {
        "wire": WireFaults(
            lose_bytes=2e-4, flip_bits=2e-5, bursts=0.05, stall_s=0.5, stall_every_s=3, disconnect_every_s=5,
            boot_text=True,
        ),
        "camera": CameraFaults(stops_after=100, wrong_size_every=20),
        "invoke_fails_every": 20,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_under_each_fault_every_frame_is_accounted_for(tiny, name, capsys):
    board = VirtualBoard(BoardSettings(model=tiny, fps=FPS, **FAULTS[name]), SceneSource(2))
    tap = Tap(board)
    reader, events, raw = LinkReader(), [], bytearray()
    with board:
        end_s = time.monotonic() + SECONDS
        while time.monotonic() < end_s:
            with BoardClient(board.url, reader) as client:
                _use(client, end_s)
                events += client.events
                raw += client.raw
            if not client.is_at_end:
                reader.close()
        board.wait(0)  # raises where the board has broken down
    client.events, client.raw = events, raw
    cut = board.port.counters.disconnects > 0
    tap.check(client, lost_whole=tap.untouched if cut else frozenset())

    wire, counters = board.port.to_host.counters, reader.counters
    damaged = {cause.value: count for cause, count in counters.damaged.items()}
    messages = [event.message for event in events if isinstance(event, Received)]
    touched = wire.lost_bytes + wire.flipped_bits + wire.bursts
    assert touched > 0 or sum(damaged.values()) <= damaged.get("cut", 0)
    assert any(isinstance(message, InferResult) for message in messages)
    assert (len([m for m in messages if isinstance(m, Prediction)]) > 0) == (name != "dead-camera")
    with capsys.disabled():
        print(f"\n{name:>13} {SECONDS:g} s: {_figures(board, counters, messages, damaged)}")


def _figures(board, counters, messages, damaged):
    port, wire = board.port.counters, board.port.to_host.counters
    errors = sorted({message.code.name for message in messages if isinstance(message, BoardError)})
    return (
        f"written {port.written}, refused {port.refused}; received {counters.received} + missed {counters.missed}, "
        f"damaged {damaged}, too long {counters.too_long}, texts {counters.texts}; "
        f"{wire.lost_bytes} bytes lost, {wire.flipped_bits} bits flipped, {wire.bursts} bursts, "
        f"{board.port.times.stalls} stalls, {port.disconnects} disconnects; errors {errors}"
    )


def _use(client, end_s):
    """Send one command after the other, of each kind, and read, until the time or the connection ends."""
    crop = bytes(range(256)) * 9
    commands = itertools.cycle(
        (
            AskHello(),
            StreamSettings(200, predictions=True, previews=True),
            InferCrop(1, crop),
            StreamSettings(1000, predictions=True, previews=False),
            InferCrop(2, crop),
        )
    )
    while time.monotonic() < end_s and not client.is_at_end:
        try:
            client.send(next(commands))
        except OSError:
            client.is_at_end = True
            client.events += client.reader.close()
            return
        client.read_for(min(0.1, max(0.0, end_s - time.monotonic())))
