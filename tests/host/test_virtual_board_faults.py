"""The virtual board with each of its faults: of the line, and of the board itself."""

from pathlib import Path

import pytest
from tests.host.board_client import ACCOUNT, BoardClient, Tap, fast, needs_compiler

from microfer.errors import MicroferError
from microfer.link.messages import (
    BoardError,
    ErrorCode,
    InferCrop,
    InferResult,
    Statistics,
)
from microfer.link.reader import LinkReader, Text
from microfer.release import MODEL_FILE, MODELS
from microfer.runtimes.runners import has_tflm
from microfer.virtual_board.frame_source import SceneSource
from microfer.virtual_board.parts import CameraFaults
from microfer.virtual_board.virtual_board import BoardSettings, VirtualBoard
from microfer.virtual_board.wire_faults import WireFaults

GOLDEN = Path(__file__).resolve().parents[1] / "golden"

pytestmark = needs_compiler

# Faults of the line

LINE_FAULTS = {
    "lost bytes": WireFaults(lose_bytes=1e-3),
    "flipped bits": WireFaults(flip_bits=2e-4),
    "bursts": WireFaults(bursts=0.2),
    "text": WireFaults(boot_text=True),
    "everything": WireFaults(lose_bytes=3e-4, flip_bits=1e-4, bursts=0.1, boot_text=True),
}


@pytest.mark.parametrize("name", LINE_FAULTS)
def test_on_a_bad_line_nothing_damaged_is_accepted_and_nothing_intact_is_lost(tiny, name):
    faults = LINE_FAULTS[name]
    board = VirtualBoard(fast(tiny, frames=400, wire=faults), SceneSource(2))
    tap = Tap(board)
    with board, BoardClient(board.url) as client:
        client.until(lambda: board.wait(0), timeout_s=60)
        client.read_for(0.3)
        tap.check(client)
        counters, wire = client.reader.counters, board.port.to_host.counters
        assert counters.received > 200
        touched = wire.lost_bytes + wire.flipped_bits + wire.bursts
        assert (sum(counters.damaged.values()) + counters.too_long > 0) == (touched > 0)
        assert (counters.missed > 0) == (touched > 0)
        texts = "".join(event.text for event in client.events if isinstance(event, Text))
        assert ("ESP-ROM:esp32s3" in texts) == (name == "text") or faults.lose_bytes > 0


def test_a_command_that_arrives_damaged_is_reported_and_a_repeated_one_is_answered(tiny):
    settings = BoardSettings(model=tiny, wire=WireFaults(flip_bits=2e-5, seed=1))
    with VirtualBoard(settings, SceneSource(is_empty=True)) as board, BoardClient(board.url) as client:
        client.hello()
        crop = bytes(2304)
        for request in range(40):
            for _ in range(20):
                client.send(InferCrop(request, crop))
                client.read_for(0.03)
                if any(result.request == request for result in client.messages(InferResult)):
                    break
            else:
                pytest.fail(f"request {request} was never answered")
        statistics = client.ask(ACCOUNT, Statistics)
        assert statistics.commands_damaged > 0
        assert ErrorCode.COMMAND_DAMAGED in {error.code for error in client.messages(BoardError)}


def test_a_line_that_stands_still_loses_nothing_but_what_the_board_says_it_dropped(tiny):
    settings = BoardSettings(
        model=tiny, fps=100, wire=WireFaults(stall_s=0.5, stall_every_s=0.5), send_buffer_bytes=4000
    )
    board = VirtualBoard(settings, SceneSource(2))
    tap = Tap(board)
    with board, BoardClient(board.url) as client:
        client.read_for(4)
        assert board.port.times.stalls >= 2
        last = client.ask(ACCOUNT, Statistics)
        assert last.link_dropped > 0
        tap.check(client)
        assert not client.reader.counters.damaged


def test_a_connection_that_is_closed_again_and_again_costs_gaps_and_nothing_else(tiny):
    settings = BoardSettings(model=tiny, fps=100, wire=WireFaults(disconnect_every_s=0.4))
    board = VirtualBoard(settings, SceneSource(2))
    tap = Tap(board)
    reader, events, raw = LinkReader(), [], bytearray()
    with board:
        for _ in range(5):
            with BoardClient(board.url, reader) as client:
                client.read_to_end()
                events += client.events
                raw += client.raw
        client.events, client.raw = events, raw
        tap.check(client, lost_whole=tap.untouched)
        assert board.port.counters.disconnects == 5
        assert reader.counters.received > 100
        assert reader.counters.restarts == 0


# Faults of the board


def test_a_dead_camera_is_reported_and_commands_are_answered(tiny):
    settings = fast(tiny, camera=CameraFaults(is_dead=True))
    with VirtualBoard(settings) as board, BoardClient(board.url) as client:
        assert client.next(BoardError).code == ErrorCode.CAMERA_MISSING
        result = client.ask(InferCrop(5, bytes(2304)), InferResult)
        assert result.request == 5
        assert client.ask(ACCOUNT, Statistics).frames_captured == 0


def test_a_camera_that_stops_is_started_again(tiny):
    settings = fast(tiny, frames=100, camera=CameraFaults(stops_after=30))
    with VirtualBoard(settings) as board, BoardClient(board.url) as client:
        client.until(lambda: board.wait(0))
        statistics = client.ask(ACCOUNT, Statistics)
        assert statistics.frames_captured == 100
        assert statistics.camera_restarts == 3
        assert statistics.camera_timeouts == 2 * 3
        assert ErrorCode.CAMERA_STOPPED in {error.code for error in client.messages(BoardError)}


def test_a_source_that_has_nothing_to_see_is_a_camera_that_stopped_and_is_explained(tiny):
    class Unplugged(SceneSource):
        def frame(self, time_s):
            if 1 < time_s < 20:
                raise MicroferError("the webcam is gone")
            return super().frame(time_s)

    told = []
    with VirtualBoard(fast(tiny, frames=30), Unplugged(), tell=told.append) as board, BoardClient(board.url) as client:
        client.until(lambda: board.wait(0))
        statistics = client.ask(ACCOUNT, Statistics)
        assert statistics.frames_captured == 30
        assert statistics.camera_restarts > 1
        assert ErrorCode.CAMERA_STOPPED in {error.code for error in client.messages(BoardError)}
    assert [text for text in told if "camera" in text] == [
        "the camera sees nothing: the webcam is gone",
        "the camera sees something again",
    ]


def test_frames_of_a_wrong_size_are_dropped_and_counted(tiny):
    settings = fast(tiny, frames=100, camera=CameraFaults(wrong_size_every=10))
    with VirtualBoard(settings) as board, BoardClient(board.url) as client:
        client.until(lambda: board.wait(0))
        statistics = client.ask(ACCOUNT, Statistics)
        assert (statistics.frames_captured, statistics.dropped_size) == (90, 10)
        error = next(error for error in client.messages(BoardError) if error.code == ErrorCode.FRAME_SIZE)
        assert "160x120" in error.text


def test_a_network_that_sometimes_fails_is_reported_and_its_frames_are_counted(tiny):
    settings = fast(tiny, frames=100, invoke_fails_every=7)
    with VirtualBoard(settings, SceneSource(2)) as board, BoardClient(board.url) as client:
        client.until(lambda: board.wait(0))
        statistics = client.ask(ACCOUNT, Statistics)
        assert statistics.dropped_invoke > 5
        assert statistics.frames_predicted + statistics.dropped_invoke == 100
        assert ErrorCode.INVOKE_FAILED in {error.code for error in client.messages(BoardError)}


def test_firmware_built_for_another_model_finds_that_its_scores_differ(tiny):
    with (
        VirtualBoard(BoardSettings(model=tiny, built_for=MODELS / "thesis-bn-1" / MODEL_FILE)) as board,
        BoardClient(board.url) as client,
    ):
        hello = client.hello()
        assert hello.self_test_equal < hello.self_test_total
        assert client.first(BoardError).code == ErrorCode.SELF_TEST_FAILED


def test_a_model_of_another_kind_is_refused_and_frames_are_counted(tiny):
    settings = fast(GOLDEN / "tiny_float_io.tflite", built_for=tiny, frames=10)
    with VirtualBoard(settings) as board, BoardClient(board.url) as client:
        hello = client.hello()
        assert (hello.input_scale, hello.self_test_equal) == (0, 0)
        error = client.first(BoardError)
        assert (error.code, error.text) == (ErrorCode.MODEL_REFUSED, "the model's input or output is not int8")
        client.until(lambda: board.wait(0))
        assert client.ask(ACCOUNT, Statistics).dropped_invoke == 10
        assert client.ask(InferCrop(1, bytes(2304)), BoardError).code == ErrorCode.MODEL_REFUSED


@pytest.mark.skipif(not has_tflm(), reason="LiteRT has no arena")
def test_an_arena_that_is_too_small_is_reported(tiny):
    with VirtualBoard(BoardSettings(model=tiny, arena_bytes=1000)) as board, BoardClient(board.url) as client:
        client.hello()
        error = client.first(BoardError)
        assert error.code == ErrorCode.ARENA_TOO_SMALL
        assert "1000 bytes" in error.text


def test_a_fault_inside_the_boards_parts_is_told_and_does_not_hang(tiny):
    class Broken(SceneSource):
        def frame(self, time_s):
            raise ZeroDivisionError("on purpose")

    broken = VirtualBoard(BoardSettings(model=tiny), Broken())
    with broken as board, pytest.raises(MicroferError, match="ZeroDivisionError"):
        board.wait(10)
