"""A thousand frames through a real socket into the viewer, whole and under faults: each is accounted for."""

import random
import time

import pytest
from tests.firmware.protocol_cases import damaged
from tests.host.fake_board import FakeBoard, prediction

from microfer.link.connection import Connection
from microfer.link.messages import Prediction
from microfer.link.reader import Received
from microfer.link.source import LiveSource
from microfer.viewer.viewer import Viewer

FRAMES = 1000


def watch(mangle, first=5, last=FRAMES - 5):
    """Watch a thousand frames of which those between `first` and `last` are mangled; return board, events and view."""

    def fault(message, frame):
        is_hit = isinstance(message, Prediction) and first < message.frame < last
        return mangle(message, frame) if is_hit else frame

    events = []
    with FakeBoard(period_s=0.0005, frames=FRAMES, mangle=fault) as board:
        connection = Connection(board.port)
        with Viewer(LiveSource(connection), seconds=60) as viewer:
            viewer.listener = events.append
            connection.open()
            while viewer.arrived == 0 or viewer.view().frame.number < FRAMES - 1:
                viewer.poll()
                assert not viewer.finished.is_set(), viewer.view()
            return board, events, viewer.view()


def shown(events):
    got = [timed.event.message for timed in events if isinstance(timed.event, Received)]
    return [message for message in got if isinstance(message, Prediction)]


def check(events, view):
    """Every prediction that arrived is the one that was sent, and shown and lost ones add up to those sent."""
    got = shown(events)
    assert all(message == prediction(message.frame) for message in got)
    frames = view.frames
    assert frames.shown == len(got)
    assert frames.captured == FRAMES - got[0].frame
    assert (
        frames.shown + frames.lost_on_link + frames.lost_while_disconnected + frames.dropped_on_board == frames.captured
    )


def test_a_thousand_frames_are_all_shown():
    _, events, view = watch(lambda message, frame: frame)
    check(events, view)
    assert view.frames.shown == view.frames.captured
    assert view.link.missed == 0
    assert view.link.damaged == {}


def flip(source):
    def mangle(_, frame):
        content = bytearray(frame)
        if source.random() < 0.2:
            content[source.randrange(len(content))] ^= 1 << source.randrange(8)
        return bytes(content)

    return mangle


def lose(source):
    return lambda _, frame: bytes(byte for byte in frame if source.random() > 2e-3)


def burst(source):
    return lambda _, frame: damaged(source, frame) if source.random() < 0.15 else frame


def drop(source):
    return lambda _, frame: b"" if source.random() < 0.1 else frame


def noise(source):
    return lambda _, frame: source.choice((b"W (9) cam: late\r\n", bytes(40), b"")) + frame


@pytest.mark.parametrize("fault", [flip, lose, burst, drop])
def test_under_faults_every_frame_is_shown_or_lost_on_the_link(fault):
    _, events, view = watch(fault(random.Random(1)))
    check(events, view)
    assert view.frames.lost_on_link > 20
    assert view.frames.lost_while_disconnected == view.frames.dropped_on_board == 0
    assert view.link.missed == view.frames.lost_on_link
    assert (sum(view.link.damaged.values()) > 0) == (fault is not drop)


def test_text_and_noise_between_frames_cost_none():
    _, events, view = watch(noise(random.Random(1)))
    check(events, view)
    assert view.frames.shown == view.frames.captured
    assert view.link.texts > 100


def test_disconnects_lose_nothing_that_is_not_counted():
    cut_at = {150, 400, 401, 800}
    _, events, view = watch(lambda message, frame: None if message.frame in cut_at else frame)
    check(events, view)
    assert view.link.losses == 4
    assert view.frames.lost_while_disconnected >= 4
    assert view.frames.dropped_on_board == 0


def test_a_stall_costs_no_frame():
    def stall(message, frame):
        if message.frame % 300 == 0:
            time.sleep(0.3)
        return frame

    _, events, view = watch(stall)
    check(events, view)
    assert view.frames.shown == view.frames.captured
