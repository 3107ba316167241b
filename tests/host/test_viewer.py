"""The viewer without a user interface: settings, pause, snapshot, recording, limits, failures."""

import json
import time

import cv2
import numpy as np
import pytest
from tests.host.fake_board import FakeBoard

from microfer.contract import CROP_SIZE
from microfer.errors import MicroferError
from microfer.link.connection import Connection
from microfer.link.messages import StreamSettings
from microfer.link.recording import read_recording
from microfer.link.source import LiveSource
from microfer.viewer.picture import CROP_CARD, HEIGHT, WIDTH, ZOOM, draw
from microfer.viewer.view import LinkState, View
from microfer.viewer.viewer import Viewer


def watch(board, **options):
    connection = Connection(board.port)
    viewer = Viewer(LiveSource(connection), **options)
    connection.open()
    return viewer


def wait_for(condition, timeout_s=5.0):
    end_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def test_a_viewer_feeds_its_view_in_a_thread_and_ends_after_the_frames_asked_for(tmp_path):
    with FakeBoard() as board, watch(board, frames=50) as viewer:
        viewer.start()
        assert viewer.finished.wait(5)
        viewer.check()
        view = viewer.view()
        assert viewer.arrived == view.frames.shown == view.frames.captured == 50
        assert view.state == LinkState.CONNECTED
        assert view.crop is None


def test_previews_are_asked_for_turned_off_again_and_off_by_default():
    with FakeBoard() as board, watch(board) as viewer:
        viewer.start()
        wait_for(lambda: viewer.view().statistics)
        assert not board.previews
        viewer.press("v")
        wait_for(lambda: viewer.view().crop is not None)
        assert viewer.view().previews
        viewer.press("v")
        wait_for(lambda: not board.previews)
        wait_for(lambda: viewer.view().crop is None)


def test_previews_end_with_the_viewer_that_asked_for_them():
    with FakeBoard() as board:
        with watch(board, previews=True) as viewer:
            viewer.start()
            wait_for(lambda: board.previews)
        assert not board.previews


def test_a_board_that_does_not_answer_holds_no_viewer_back():
    with FakeBoard() as board:
        with watch(board, previews=True) as viewer:
            viewer.start()
            wait_for(lambda: board.previews)
            board.mute.append(StreamSettings)
        assert not viewer.source.connection.is_open
        assert not board.mute


def test_previews_that_someone_else_left_on_are_switched_off():
    with FakeBoard() as board:
        board.previews = True
        with watch(board) as viewer:
            viewer.start()
            wait_for(lambda: not board.previews)


def test_a_setting_that_got_lost_is_sent_again():
    with FakeBoard(mute=[StreamSettings]) as board, watch(board, previews=True) as viewer:
        viewer.start()
        wait_for(lambda: board.previews)


def test_a_board_that_restarted_gets_the_settings_anew():
    with FakeBoard() as board, watch(board, previews=True) as viewer:
        viewer.start()
        wait_for(lambda: board.previews)
        board.unplug()
        board.restart()
        wait_for(lambda: viewer.view().link.losses == 1)
        wait_for(lambda: board.previews)
        assert viewer.view().state == LinkState.CONNECTED


def test_a_paused_view_stands_still_and_nothing_is_lost_meanwhile():
    with FakeBoard() as board, watch(board) as viewer:
        viewer.start()
        wait_for(lambda: viewer.arrived > 5)
        viewer.press(" ")
        held = viewer.view()
        arrived = viewer.arrived
        wait_for(lambda: viewer.arrived > arrived + 10)
        assert held.paused
        assert viewer.view().frame == held.frame
        viewer.press("p")
        view = viewer.view()
        assert view.frame.number > held.frame.number
        assert view.frames.captured == view.frames.shown


def test_a_snapshot_is_a_picture_and_its_figures(tmp_path):
    with FakeBoard() as board, watch(board, previews=True, snapshots=tmp_path) as viewer:
        viewer.start()
        wait_for(lambda: viewer.view().crop is not None)
        viewer.press("p")
        path = viewer.snapshot()
        view = viewer.view()
        assert str(path) in view.notice
    image = cv2.imread(str(path))
    assert image.shape == (HEIGHT, WIDTH, 3)
    corner = CROP_CARD[1] + 16 + ZOOM // 2, CROP_CARD[0] + 16 + ZOOM // 2
    shown = image[corner[0] :, corner[1] :, 0][: CROP_SIZE * ZOOM : ZOOM, : CROP_SIZE * ZOOM : ZOOM]
    crop = np.frombuffer(view.crop.pixels, np.uint8).reshape(CROP_SIZE, CROP_SIZE)
    assert np.array_equal(shown[2:-2, 2:-2], crop[2:-2, 2:-2])
    content = json.loads(path.with_suffix(".json").read_text())
    assert content["frame"]["number"] == view.frame.number
    assert sorted(file.suffix for file in tmp_path.iterdir()) == [".json", ".png"]


def test_a_snapshot_that_cannot_be_written_is_a_notice_and_no_end(tmp_path):
    (tmp_path / "file").write_text("")
    with FakeBoard() as board, watch(board, snapshots=tmp_path / "file") as viewer:
        viewer.start()
        viewer.press("s")
        assert "cannot write" in viewer.view().notice
        assert not viewer.finished.is_set()


def test_a_recording_that_a_key_began_has_the_boards_hello(tmp_path):
    with FakeBoard() as board, watch(board, snapshots=tmp_path) as viewer:
        viewer.start()
        wait_for(lambda: viewer.view().board is not None)
        viewer.press("r")
        assert viewer.view().recording is not None
        arrived = viewer.arrived
        wait_for(lambda: viewer.arrived > arrived + 30)
        viewer.press("r")
        assert viewer.view().recording is None
    (path,) = tmp_path.iterdir()
    kinds = [type(getattr(timed.event, "message", timed.event)).__name__ for timed in read_recording(path).events()]
    assert kinds[0] == "Opened"
    assert {"Hello", "Prediction"} <= set(kinds)


def test_a_board_that_cannot_be_opened_leaves_no_empty_recording(tmp_path):
    connection = Connection("/dev/ttyNONE9")
    with Viewer(LiveSource(connection), record=tmp_path / "x.mfrec"), pytest.raises(MicroferError, match="cannot open"):
        connection.open()
    assert not list(tmp_path.iterdir())


def test_a_board_of_another_version_ends_the_viewer_with_what_to_do():
    with FakeBoard(version=7) as board, watch(board) as viewer:
        viewer.start()
        assert viewer.finished.wait(5)
        with pytest.raises(
            MicroferError, match=r"the board \(test-board, firmware 0.1.0\) speaks protocol version 7.*update microfer"
        ):
            viewer.check()
        assert viewer.view().state == LinkState.REFUSED


def test_a_bug_in_the_thread_is_not_swallowed():
    with FakeBoard() as board, watch(board) as viewer:
        viewer.listener = lambda timed: 1 / 0
        viewer.start()
        assert viewer.finished.wait(5)
        with pytest.raises(ZeroDivisionError):
            viewer.check()


def test_a_viewer_ends_after_the_time_asked_for():
    with FakeBoard() as board, watch(board, seconds=0.4) as viewer:
        viewer.start()
        assert viewer.finished.wait(2)


def test_an_empty_view_can_be_drawn():
    assert draw(View()).shape == (HEIGHT, WIDTH, 3)
