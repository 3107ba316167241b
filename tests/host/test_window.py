"""The window: what it draws in every state, its keys, its end, and the error where there can be none."""

from dataclasses import replace

import numpy as np
import pytest
from tests.host.fake_board import HELLO, STATISTICS, FakeBoard, prediction, preview
from tests.host.test_view_model import Feed

from microfer.errors import MicroferError
from microfer.link.connection import Connection
from microfer.link.events import Lost
from microfer.link.messages import Answer, BoardError, ErrorCode
from microfer.link.reader import OtherVersion
from microfer.link.source import LiveSource
from microfer.viewer import window
from microfer.viewer.picture import HEIGHT, WIDTH, draw
from microfer.viewer.view import View
from microfer.viewer.viewer import KEYS, Viewer


def states():
    """Views of every state, each of another look."""
    feed = Feed()
    yield "empty", View()
    yield "waiting", feed.view()
    feed.message(HELLO)
    feed.message(STATISTICS)
    yield "connected", feed.view()
    for answer in Answer:
        feed.message(prediction(int(answer), answer), after_ms=50)
        yield answer.name, feed.view()
    feed.message(preview(2))
    yield "crop", feed.view()
    yield "paused", replace(feed.view(), paused=True)
    yield "replay", replace(feed.view(), source="replay, 2 x")
    feed.message(BoardError(ErrorCode.CAMERA_STOPPED, 0, 0, "no frame for 4 s"))
    feed.message(replace(HELLO, self_test_equal=1, board="x" * 32))
    yield "failed self-test", feed.view()
    feed.event(Lost("socket://board", "unplugged"))
    yield "lost", feed.view(after_ms=61_000)
    feed.event(OtherVersion(9, 1, "3.0", "new-board"))
    yield "refused", feed.view()


def test_every_state_has_a_picture_of_its_own():
    pictures = {name: draw(replace(view, at="")) for name, view in states()}
    for name, picture in pictures.items():
        assert (picture.shape, picture.dtype) == ((HEIGHT, WIDTH, 3), np.uint8), name
    assert len({picture.tobytes() for picture in pictures.values()}) == len(pictures)


class FakeCv2:
    """Windows without a display: shows nothing, gives the keys that it is told, is closed when they are over."""

    error = ZeroDivisionError
    WINDOW_NORMAL = WINDOW_KEEPRATIO = WINDOW_GUI_NORMAL = WND_PROP_VISIBLE = 0

    def __init__(self, keys="", raises_when_closed=False):
        self.raises_when_closed = raises_when_closed
        self.keys, self.shown, self.title, self.is_open = list(keys), [], "", True

    def namedWindow(self, name, flags):  # noqa: N802
        self.is_open = True

    def setWindowTitle(self, name, title):  # noqa: N802
        self.title = title

    def resizeWindow(self, name, width, height):  # noqa: N802
        assert (width, height) == (WIDTH, HEIGHT)

    def imshow(self, name, picture):
        self.shown.append(picture)

    def waitKey(self, ms):  # noqa: N802
        return ord(self.keys.pop(0)) if self.keys else -1

    def getWindowProperty(self, name, number):  # noqa: N802
        if self.raises_when_closed and not self.keys:
            raise self.error
        return float(bool(self.keys))

    def destroyAllWindows(self):  # noqa: N802
        self.is_open = False


def watch(monkeypatch, keys, raises_when_closed=False, **options):
    cv2 = FakeCv2(keys, raises_when_closed)
    monkeypatch.setattr(window, "cv2", cv2)
    monkeypatch.setattr(window, "why_no_window", lambda: "")
    with FakeBoard() as board, Viewer(LiveSource(Connection(board.port)), **options) as viewer:
        viewer.source.connection.open()
        window.show(viewer)
        assert viewer.finished.is_set()
        return cv2, viewer.view()


def test_the_keys_work_and_the_title_tells_them(monkeypatch, tmp_path):
    cv2, view = watch(monkeypatch, "vsp~q", snapshots=tmp_path)
    assert view.paused
    assert view.previews
    assert {path.suffix for path in tmp_path.iterdir()} == {".png", ".json"}
    assert all(f"{key}: {name}" in cv2.title for key, name, _ in KEYS)
    assert len(cv2.shown) == 5
    assert not cv2.is_open


@pytest.mark.parametrize("raises_when_closed", [False, True])  # the latter is OpenCV's window on Linux
def test_closing_the_window_ends_the_viewer(monkeypatch, raises_when_closed):
    cv2, _ = watch(monkeypatch, "~~~", raises_when_closed)
    assert len(cv2.shown) == 3


def test_where_there_can_be_no_window_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setattr(window, "why_no_window", lambda: "this OpenCV is the headless build")
    viewer = Viewer(LiveSource(Connection("socket://127.0.0.1:1")))
    with pytest.raises(MicroferError, match=r"headless build.* --web or --headless .*pip install .opencv-python>"):
        window.show(viewer)
