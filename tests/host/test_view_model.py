"""From the link's events to what there is to see, and where every frame went."""

import base64
import json
import pickle
import random
from dataclasses import replace

import pytest
from tests.firmware.protocol_cases import damaged, random_message
from tests.host.fake_board import HELLO, STATISTICS, prediction, preview

from microfer.contract import CROP_SIZE, LABELS
from microfer.link.events import Instant, Lost, Opened, Timed
from microfer.link.messages import Answer, BoardError, ErrorCode, Hello, ResetReason
from microfer.link.protocol import encode, next_sequence
from microfer.link.reader import Cause, Damaged, LinkReader, OtherVersion, Received, Text
from microfer.link.warnings import warnings_of
from microfer.viewer.view import SLOTS, LinkState, Shown
from microfer.viewer.view_model import MOST_TICKS, ViewModel

MILLISECOND = 1_000_000


def at(ms):
    return Instant(10**12 + ms * MILLISECOND, 1_700_000_000 * 10**9 + ms * MILLISECOND)


class Feed:
    """A model and the board at its other end, which numbers its frames."""

    def __init__(self):
        self.model, self.sequence, self.ms = ViewModel(), 0, 0
        self.event(Opened("socket://board"))

    def event(self, event):
        self.model.update(Timed(at(self.ms), event))

    def message(self, message, missed=0, after_ms=0):
        self.ms += after_ms
        self.sequence += missed
        self.event(Received(message, self.sequence, missed))
        self.sequence += 1

    def view(self, after_ms=0):
        self.ms += after_ms
        return self.model.view(at(self.ms))


def test_an_empty_model_has_a_view_that_says_so():
    view = ViewModel().view(at(0))
    assert (view.state, view.board, view.frame, view.crop) == (LinkState.CLOSED, None, None, None)
    assert len(view.timeline) == SLOTS == 120
    json.dumps(view.as_dict())


def test_hello_prediction_and_preview_become_board_scores_and_crop():
    feed = Feed()
    assert feed.view().state == LinkState.WAITING
    feed.message(HELLO)
    feed.message(prediction(5))
    feed.message(preview(5))
    view = feed.view(after_ms=40)
    assert (view.state, view.state_text) == (LinkState.CONNECTED, "connected to test-board")
    assert view.board.self_test == "70 of 70 scores, 2 of 2 faces"
    assert view.board.self_test_ok
    assert view.frame.answer == Shown.LABEL
    assert view.frame.headline == view.frame.label == LABELS[3] == "happiness"
    assert view.frame.raw == (0, 1 / 256, 8 / 256, 218 / 256, 2 / 256, 28 / 256, 68 / 256)
    assert view.frame.confidence == view.frame.smoothed[3] == 50_000 / 65_536
    assert view.frame.face_px == (40, 20, 64, 64)
    assert view.frame.stages_ms["invoke"] == 31.0
    assert view.frame.total_ms == pytest.approx(4 + 5 + 0.3 + 0.05 + 31 + 0.02)
    assert view.frame_age_s == pytest.approx(0.04)
    assert view.crop.frame == 5
    assert len(view.crop.pixels) == CROP_SIZE**2
    content = json.loads(json.dumps(view.as_dict()))
    assert base64.b64decode(content["crop"]["pixels"]) == preview(5).pixels
    assert content["labels"] == list(LABELS)


def test_where_there_is_no_face_there_is_no_crop():
    feed = Feed()
    feed.message(prediction(1))
    feed.message(preview(1))
    feed.message(prediction(2, Answer.UNCERTAIN))
    assert feed.view().crop.frame == 1
    feed.message(prediction(3, Answer.NO_FACE))
    assert feed.view().crop is None


def test_no_face_has_neither_scores_nor_label_and_uncertain_keeps_its_best_one():
    feed = Feed()
    feed.message(prediction(1, Answer.NO_FACE))
    view = feed.view()
    assert (view.frame.headline, view.frame.label, view.frame.face_px) == ("no face", None, None)
    assert view.frame.raw == view.frame.smoothed == (0.0,) * 7
    feed.message(prediction(2, Answer.UNCERTAIN))
    view = feed.view()
    assert (view.frame.headline, view.frame.label) == ("uncertain", "happiness")


def test_every_frame_number_is_shown_or_dropped_with_its_cause():
    feed = Feed()
    feed.message(HELLO)
    feed.message(replace(STATISTICS, dropped_busy=10))
    feed.message(prediction(10))
    feed.message(prediction(11))
    feed.message(prediction(14))  # 12 and 13: the board never sent them
    feed.message(prediction(17), missed=2)  # 15 and 16: lost on the way
    feed.message(prediction(20), missed=1)  # 18 or 19: one on the way, one never sent
    feed.event(Lost("socket://board", "unplugged"))
    feed.event(Opened("socket://board", again=True))
    feed.message(prediction(31), missed=5)  # 21 to 30: nobody looked
    feed.message(replace(STATISTICS, uptime_us=7_000_000, dropped_busy=12, dropped_invoke=1))
    frames = feed.view().frames
    assert frames.captured == 31 - 10 + 1
    assert frames.shown == 6
    assert frames.dropped_on_board == 2 + 1
    assert frames.lost_on_link == 2 + 1
    assert frames.lost_while_disconnected == 10
    assert frames.board_says == {"busy": 2, "size": 0, "invoke": 1}
    assert feed.view().link.missed == 8


def test_a_restart_of_the_board_loses_no_frame():
    feed = Feed()
    for frame in range(100, 105):
        feed.message(prediction(frame))
    feed.sequence = 0
    feed.message(HELLO)
    for frame in range(3):
        feed.message(prediction(frame))
    view = feed.view()
    assert (view.frames.captured, view.frames.shown, view.link.restarts) == (8, 8, 1)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_damaged_on_the_way_shown_and_lost_add_up(seed):
    source = random.Random(seed)
    stream, count = bytearray(b"\0"), 1000
    for sequence in range(count):
        frame = encode(prediction(sequence), sequence)
        is_end = sequence in {0, count - 1}
        stream += frame if is_end or source.random() < 0.9 else damaged(source, frame)
    model, reader = ViewModel(), LinkReader()
    for event in reader.feed(bytes(stream)):
        model.update(Timed(at(0), event))
    view = model.view(at(0))
    assert view.frames.captured == count == view.frames.shown + view.frames.lost_on_link
    assert view.link.received == view.frames.shown < count
    assert sum(view.link.damaged.values()) == reader.counters.damaged.total() > 0


def test_frames_a_second_come_from_capture_times_and_from_arrival():
    feed = Feed()
    for number in range(40):
        feed.message(prediction(2 * number), after_ms=80)  # captured every 100 ms
    view = feed.view()
    assert view.fps_board == pytest.approx(10)
    assert view.fps_arrival == pytest.approx(12.5)
    assert view.fps_camera == pytest.approx(20)
    assert feed.view(after_ms=6000).fps_arrival is None


def test_the_timeline_holds_the_last_minute_in_slots():
    feed = Feed()
    for number in range(20):
        feed.message(prediction(number, Answer.NO_FACE if number % 4 == 0 else Answer.LABEL), after_ms=50)
    timeline = feed.view().timeline
    assert sum(slot.frames for slot in timeline) == 20
    last = next(slot for slot in reversed(timeline) if slot.frames)
    assert (last.answer, last.label) == (Shown.LABEL, "happiness")
    assert last.confidence == pytest.approx(50_000 / 65_536)
    for number in range(20, 1320):
        feed.message(prediction(number), after_ms=50)
    assert sum(slot.frames for slot in feed.view().timeline) <= 1200
    assert feed.view(after_ms=60_000).timeline[:-1] == feed.view().timeline[1:]


def test_errors_say_what_to_do_and_are_counted():
    feed = Feed()
    for _ in range(3):
        feed.message(BoardError(ErrorCode.CAMERA_STOPPED, 0, 0, "no frame for 4 s"))
    (error,) = feed.view().errors
    assert (error.name, error.count, error.text) == ("CAMERA_STOPPED", 3, "no frame for 4 s")
    assert error.advice == ErrorCode.CAMERA_STOPPED.doc


@pytest.mark.parametrize(
    ("message", "warning"),
    [
        (replace(HELLO, self_test_equal=69), "1 of 70 scores differ"),
        (replace(HELLO, self_test_equal=0, self_test_total=0), "did not run"),
        (replace(HELLO, self_test_faces_found=1), "1 of 2 faces found"),
        (replace(HELLO, reset_reason=ResetReason.BROWNOUT), "try another cable or port"),
        (replace(STATISTICS, temperature_c=90), "90 °C"),
        (replace(STATISTICS, heap_free_bytes=8 * 1024), "8 KiB of internal RAM"),
        (replace(STATISTICS, predictions=False), "switched them off"),
        (replace(STATISTICS, camera_restarts=2), "ribbon"),
        (replace(STATISTICS, link_dropped=3), "dropped 3 messages"),
    ],
)
def test_what_is_wrong_with_a_board_is_a_warning_with_the_next_step(message, warning):
    feed = Feed()
    feed.message(HELLO if not isinstance(message, Hello) else message)
    feed.message(message)
    (found,) = feed.view().warnings
    assert warning in found


def test_a_healthy_board_has_no_warning_and_a_silent_one_has():
    feed = Feed()
    feed.message(HELLO)
    feed.message(replace(STATISTICS, temperature_c=-128))
    assert feed.view().warnings == ()
    assert "nothing has arrived for 5 s" in feed.view(after_ms=5000).warnings[0]


def test_another_version_is_refused_in_words():
    feed = Feed()
    feed.event(OtherVersion(9, 2, None, None))
    feed.event(OtherVersion(9, 1, "3.0", "new-board"))
    feed.event(OtherVersion(9, 2, None, None))
    assert feed.view().state == LinkState.REFUSED
    assert feed.model.refusal.startswith("the board (new-board, firmware 3.0) speaks protocol version 9")


def test_what_the_board_prints_is_kept_without_its_colours():
    feed = Feed()
    feed.event(Text("ESP-ROM:esp32s3\r\n\x1b[0;32mI (31) boot: ready\x1b[0m\n"))
    assert feed.view().log == ("ESP-ROM:esp32s3", "I (31) boot: ready")


def test_any_message_that_may_arrive_makes_a_view():
    source = random.Random(5)
    feed = Feed()
    for _ in range(500):
        feed.message(random_message(source), missed=source.randrange(3), after_ms=source.randrange(40))
        if source.random() < 0.1:
            feed.event(Damaged("crc", 10, b""))
        json.dumps(feed.view().as_dict())


def test_a_model_holds_no_more_after_thousands_of_frames_than_after_hundreds():
    """In bytes of all that it holds, without a clock: ten minutes, then half an hour of a board with all its events."""
    source, feed, sizes = random.Random(4), Feed(), []
    for number in range(4500):
        feed.message(prediction(number, label=source.randrange(7)), missed=number % 50 == 0, after_ms=400)
        feed.message(BoardError(source.choice(list(ErrorCode)), 0, 0, f"frame {number % 10}"))
        feed.event(Text(f"I ({number:06}) camera: frame\n"))
        feed.event(Damaged(source.choice(list(Cause)), 9, b""))
        if number in (1500, 4499):
            feed.view()
            sizes.append(len(pickle.dumps(vars(feed.model))))
    assert sizes[1] <= 1.01 * sizes[0] + 100


def test_a_recording_whose_times_jump_about_fills_no_memory():
    source, model = random.Random(5), ViewModel()
    for number in range(3 * MOST_TICKS):
        moment = at(source.randrange(10**9) if number % 2 else -number)
        model.update(Timed(moment, Received(prediction(number), number + 1, 0)))
    assert len(model._ticks) <= MOST_TICKS
    assert len(model._slots) <= 2 * SLOTS
    assert len(model._confidence) <= 2 * SLOTS
    json.dumps(model.view(at(0)).as_dict())


def test_a_chip_is_hot_and_a_heap_is_low_from_their_limits_on():
    for temperature_c, heap_bytes, count in (
        (84, 16 * 1024, 0),
        (85, 16 * 1024, 1),
        (84, 16 * 1024 - 1, 1),
        (84, 0, 0),
    ):
        statistics = replace(STATISTICS, temperature_c=temperature_c, heap_free_bytes=heap_bytes)
        assert len(warnings_of(True, HELLO, statistics, None)) == count
    assert warnings_of(True, HELLO, STATISTICS, 3.0) == ()
    assert len(warnings_of(True, HELLO, STATISTICS, 3.001)) == 1


def test_a_frame_that_comes_twice_takes_none_away():
    feed = Feed()
    for frame in (5, 5, 6):
        feed.message(prediction(frame))
    frames = feed.view().frames
    assert (frames.captured, frames.shown, frames.dropped_on_board) == (3, 3, 0)


def test_statistics_of_one_moment_count_what_they_grew_by_and_earlier_ones_do_not():
    feed = Feed()
    for uptime_us, busy in ((1000, 10), (1000, 12), (900, 50), (2000, 51)):
        feed.message(replace(STATISTICS, uptime_us=uptime_us, dropped_busy=busy))
    assert feed.view().frames.board_says["busy"] == 2 + 1


def test_a_prediction_as_old_as_the_window_still_counts_and_an_older_one_does_not():
    for gap_ms, is_counted in ((5000, True), (5001, False)):
        feed = Feed()
        feed.message(prediction(0))
        feed.message(prediction(100), after_ms=gap_ms)
        assert (feed.view().fps_arrival is not None) == is_counted


@pytest.mark.parametrize("first", [1, 2, 400, 0x7FFF, 0x8000, 40_000, 0xFFFE, 0xFFFF])
@pytest.mark.parametrize("gap", [0, 1, 0x7FFE, 0x7FFF, 0x8000, 0xFFFE])
def test_the_view_takes_for_a_restart_what_the_reader_takes_for_one(first, gap):
    second = first
    for _ in range(gap + 1):
        second = next_sequence(second)
    reader, model = LinkReader(), ViewModel()
    for sequence in (first, second):
        for event in reader.feed(encode(prediction(7), sequence)):
            model.update(Timed(at(0), event))
    link = model.view(at(0)).link
    assert (link.restarts, link.missed) == (reader.counters.restarts, reader.counters.missed)
    assert (link.restarts, link.missed) == ((0, gap) if gap <= 0x7FFF else (1, 0))


def test_a_self_test_that_compared_nothing_has_not_passed():
    feed = Feed()
    feed.message(replace(HELLO, self_test_equal=0, self_test_total=0))
    assert not feed.view().board.self_test_ok
    assert "the self-test did not run" in feed.view().warnings[0]


def test_a_recording_whose_time_runs_backwards_fills_no_memory():
    model = ViewModel()
    for number in range(MOST_TICKS + 100):
        model.update(Timed(at(-number), Received(prediction(number), number + 1, 0)))
    assert len(model._ticks) == MOST_TICKS
