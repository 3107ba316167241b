"""The virtual board end to end: the compiled core, real TFLM, real TCP."""

import time

import numpy as np
import pytest
from tests.host.board_client import ACCOUNT, BoardClient, Tap, fast, needs_compiler

from microfer.data.synthetic import synthetic_dataset
from microfer.errors import MicroferError
from microfer.link.messages import (
    PROTOCOL_VERSION,
    Answer,
    AskHello,
    BoardError,
    CropPreview,
    ErrorCode,
    FaceSource,
    Hello,
    InferCrop,
    InferResult,
    Prediction,
    Reboot,
    ResetReason,
    Statistics,
    StreamSettings,
    padded,
)
from microfer.link.protocol import encode
from microfer.link.reader import LinkReader, OtherVersion, Received, Text
from microfer.pictures import pictures
from microfer.release import default_model
from microfer.runtimes.runners import TFLITE_RUNNERS, has_tflm, open_tflite
from microfer.virtual_board import parts as board_parts
from microfer.virtual_board.frame_source import PictureSource, SceneSource
from microfer.virtual_board.virtual_board import BoardSettings, VirtualBoard
from microfer.virtual_board.wire_faults import WireFaults

pytestmark = needs_compiler


@pytest.fixture(scope="module")
def astronaut():
    return PictureSource([pictures.astronaut_path()])


def oracle(path):
    """What computes the same bits as the board: TFLM, or where it has no wheel LiteRT's reference kernels."""
    return open_tflite(path, "tflm" if has_tflm() else TFLITE_RUNNERS[0])


# What a board says of itself


def test_the_released_model_passes_the_boards_self_test():
    with VirtualBoard() as board, BoardClient(board.url) as client:
        hello = client.hello()
        assert hello.self_test_total > 0
        assert (hello.self_test_equal, hello.self_test_faces_found) == (
            hello.self_test_total,
            hello.self_test_faces_total,
        )
        assert hello.model_id == default_model().parent.name
        assert hello.kernels == board.kernels == ("tflm host" if has_tflm() else "litert reference")
        assert (hello.frame_width_px, hello.frame_height_px) == (320, 240)
        assert hello.reset_reason == ResetReason.POWER_ON
        assert not client.messages(BoardError)


@pytest.mark.parametrize("version", [PROTOCOL_VERSION - 1, PROTOCOL_VERSION + 1, 255])
def test_a_host_of_another_protocol_version_is_answered_with_the_hello(tiny, version):
    with VirtualBoard(BoardSettings(model=tiny)) as board, BoardClient(board.url) as client:
        client.hello()
        client.socket.sendall(encode(AskHello(), 7, version))
        client.next(Hello)
        client.socket.sendall(encode(StreamSettings(1000, predictions=True, previews=True), 8, version))
        client.next(Hello)
        assert not client.next(Statistics).previews


@pytest.mark.parametrize(("version", "advice"), [(PROTOCOL_VERSION + 1, "update microfer"), (0, "flash the firmware")])
def test_a_board_of_another_protocol_version_is_refused_with_what_to_do(tiny, version, advice):
    settings = BoardSettings(model=tiny, wire=WireFaults(speak_version=version))
    with VirtualBoard(settings) as board, BoardClient(board.url) as client:
        client.send(AskHello())  # a board of another version answers this one with its hello
        client.until(lambda: any(isinstance(event, OtherVersion) and event.board for event in client.events))
        event = next(event for event in client.events if isinstance(event, OtherVersion) and event.board)
        assert advice in event.explain()
        assert "virtual board" in event.explain()
        assert client.reader.counters.received == 0


def test_where_tflm_has_no_wheel_litert_gives_the_same_bits(monkeypatch):
    monkeypatch.setattr(board_parts, "has_tflm", lambda: False)
    with VirtualBoard() as board, BoardClient(board.url) as client:
        hello = client.hello()
        assert hello.kernels == "litert reference"
        assert hello.self_test_equal == hello.self_test_total > 0
        assert client.next(Statistics).arena_size_bytes == 0  # LiteRT has none


# Predictions


def test_the_scores_are_tflms_on_the_very_crop_that_the_preview_shows(astronaut):
    with VirtualBoard(BoardSettings(fps=20), astronaut) as board, BoardClient(board.url) as client:
        client.send(StreamSettings(0, predictions=True, previews=True))
        client.until(lambda: len(client.messages(CropPreview)) >= 5)
        predictions = {message.frame: message for message in client.messages(Prediction)}
        runner = oracle(default_model())
        for preview in client.messages(CropPreview):
            crop = np.frombuffer(preview.pixels, np.uint8).reshape(1, 48, 48)
            assert predictions[preview.frame].raw_scores == padded(*runner.raw(crop)[0].tolist())
        assert {message.answer for message in predictions.values()} <= {Answer.LABEL, Answer.UNCERTAIN}


def test_drawn_faces_are_found_and_followed_and_left(tiny):
    scene = SceneSource(3)
    with VirtualBoard(fast(tiny, frames=200, fps=10), scene) as board, BoardClient(board.url) as client:
        client.until(lambda: board.wait(0), timeout_s=60)
        client.until(lambda: len(client.messages(Prediction)) == 200)
        by_frame = {message.frame: message for message in client.messages(Prediction)}
        there = [n for n in range(200) if (n + 1) / 10 / scene.PERSON_S % 1 < 1 - scene.EMPTY_PART]
        found = [n for n in there if by_frame[n].answer != Answer.NO_FACE]
        assert len(found) / len(there) > 0.95
        sources = {message.face_source for message in by_frame.values()}
        assert sources == {FaceSource.DETECTED, FaceSource.TRACKED, FaceSource.NONE}


def test_nobody_is_found_on_an_empty_scene(tiny):
    scene = SceneSource(1, is_empty=True)
    with VirtualBoard(fast(tiny, frames=50), scene) as board, BoardClient(board.url) as client:
        client.until(lambda: len(client.messages(Prediction)) == 50)
        assert {message.answer for message in client.messages(Prediction)} == {Answer.NO_FACE}
        assert board.network.invokes == 5  # those of the self-test


def test_a_crop_of_the_host_gets_tflms_output_bit_for_bit():
    crops = synthetic_dataset(2, 5).images
    with VirtualBoard(source=SceneSource(is_empty=True)) as board, BoardClient(board.url) as client:
        expected = oracle(default_model()).raw(crops)
        for number, crop in enumerate(crops):
            result = client.ask(InferCrop(1000 + number, crop.tobytes()), InferResult)
            assert (result.request, result.raw_scores) == (1000 + number, padded(*expected[number].tolist()))


# Commands


def test_stream_settings_are_kept_and_refused_with_their_reason(tiny):
    with VirtualBoard(BoardSettings(model=tiny, fps=50)) as board, BoardClient(board.url) as client:
        statistics = client.ask(StreamSettings(0, predictions=False, previews=False), Statistics)
        assert (statistics.statistics_period_ms, statistics.predictions) == (0, False)
        client.read_for(0.2)
        before = len(client.messages())
        client.read_for(0.5)
        assert len(client.messages()) == before
        error = client.ask(StreamSettings(99, predictions=True, previews=False), BoardError)
        assert (error.code, error.command_type) == (ErrorCode.COMMAND_REFUSED, StreamSettings.TYPE)
        assert "99" in error.text
        assert client.ask(StreamSettings(100, predictions=True, previews=False), Statistics).predictions
        client.next(Prediction)


def test_reboot_ends_in_a_hello_with_sequence_0_on_the_same_connection(tiny):
    with VirtualBoard(BoardSettings(model=tiny)) as board, BoardClient(board.url) as client:
        client.hello()
        client.ask(StreamSettings(0, predictions=True, previews=True), Statistics)
        client.send(Reboot())
        client.until(lambda: any(hello.reset_reason == ResetReason.SOFTWARE for hello in client.messages(Hello)))
        after = [e for e in client.events if isinstance(e, Received) and isinstance(e.message, Hello)][-1]
        assert after.sequence == 0
        assert client.reader.counters.restarts == 1
        assert not client.next(Statistics).previews  # off again, so that no pixel leaves unasked
        assert client.next(Prediction).frame < 20
        assert board.restarts == 1


# Every frame accounted for


def test_of_1000_frames_every_one_is_accounted_for(tiny):
    board = VirtualBoard(fast(tiny, frames=1000), SceneSource(2))
    tap = Tap(board)
    with board, BoardClient(board.url) as client:
        client.until(lambda: board.wait(0), timeout_s=120)
        last = client.ask(ACCOUNT, Statistics)
        client.read_for(0.2)
        assert last.frames_captured == 1000 == board.camera.given
        assert last.frames_predicted + last.dropped_busy + last.dropped_invoke == last.frames_captured
        assert [message.frame for message in client.messages(Prediction)] == list(range(1000))
        assert (client.reader.counters.missed, sum(client.reader.counters.damaged.values())) == (0, 0)
        assert client.reader.counters.received == board.port.counters.written == len(tap.order)
        tap.check(client)


def test_a_paced_board_whose_host_reads_late_accounts_for_what_it_dropped(tiny):
    settings = BoardSettings(model=tiny, fps=400, frames=600, wire=WireFaults(bytes_per_s=6000), send_buffer_bytes=2600)
    board = VirtualBoard(settings, SceneSource(2))
    tap = Tap(board)
    with board, BoardClient(board.url) as client:
        client.until(lambda: board.wait(0), timeout_s=60)
        last = client.ask(ACCOUNT, Statistics)
        counters = client.reader.counters
        assert last.frames_captured == last.frames_predicted + last.dropped_busy + last.dropped_invoke == 600
        assert last.link_dropped > 0
        assert counters.missed == last.link_dropped  # gaps are what the board says it dropped, nothing else
        tap.check(client)


def test_the_same_seed_gives_the_same_bytes(tiny):
    streams = []
    for _ in range(2):
        with VirtualBoard(fast(tiny, frames=60), SceneSource(4)) as board, BoardClient(board.url) as client:
            client.until(lambda: board.wait(0))
            client.until(lambda: len(client.messages(Prediction)) == 60)
            streams.append(bytes(client.raw))
    size = min(map(len, streams))
    assert streams[0][:size] == streams[1][:size]


# Private by default


def test_no_byte_of_a_default_session_is_of_a_pixel(tiny, astronaut):
    with VirtualBoard(BoardSettings(model=tiny, fps=50), astronaut) as board:
        with BoardClient(board.url) as client:
            client.hello()
            client.until(lambda: len(client.messages(Prediction)) >= 40)
        with BoardClient(board.url) as asking:
            asking.send(StreamSettings(0, predictions=True, previews=True))
            crop = asking.next(CropPreview).pixels
    assert {type(message) for message in client.messages()} <= {Hello, Prediction, Statistics}
    assert client.reader.counters.received * 2 == client.reader.counters.delimiter_bytes
    assert client.reader.counters.discarded_bytes == client.reader.counters.text_bytes == 0
    for begin in range(0, len(crop), 8):
        assert crop[begin : begin + 8] not in client.raw
    assert all(crop[begin : begin + 8] in asking.raw for begin in range(0, 200, 8))  # the search can find it


# Hosts that come and go


def test_the_board_goes_on_when_the_host_is_gone_and_the_next_one_sees_the_gap(tiny):
    reader = LinkReader()
    with VirtualBoard(BoardSettings(model=tiny, fps=100)) as board:
        with BoardClient(board.url, reader) as first:
            first.until(lambda: len(first.messages(Prediction)) >= 10)
        reader.close()
        time.sleep(0.5)
        with BoardClient(board.url, reader) as second:
            second.until(lambda: len(second.messages(Prediction)) >= 10)
            assert second.messages(Prediction)[0].frame > first.messages(Prediction)[-1].frame + 20
            assert reader.counters.missed > 20
            assert reader.counters.restarts == 0
        assert board.port.counters.without_host > 20
        assert board.port.counters.hosts == 2


def test_a_second_host_is_told_to_wait_and_the_first_one_notices_nothing(tiny):
    with VirtualBoard(BoardSettings(model=tiny, fps=50)) as board, BoardClient(board.url) as first:
        first.next(Prediction)
        with BoardClient(board.url) as second:
            second.read_to_end()
            assert "one host at a time" in "".join(e.text for e in second.events if isinstance(e, Text))
        first.next(Prediction)
        assert first.reader.counters.missed == 0


def test_a_host_may_come_back_at_once(tiny):
    with VirtualBoard(BoardSettings(model=tiny, fps=50)) as board:
        for _ in range(20):
            with BoardClient(board.url) as client:
                client.next(Prediction)
        assert (board.port.counters.hosts, board.port.counters.hosts_refused) == (20, 0)


def test_two_boards_do_not_share_a_tcp_port(tiny):
    with VirtualBoard(BoardSettings(model=tiny)) as board:
        number = int(board.url.rsplit(":", 1)[1])
        with pytest.raises(MicroferError, match=f"TCP port {number} is taken.*--port"):
            VirtualBoard(BoardSettings(model=tiny, tcp_port=number))
