"""The viewer's page in a headless Chromium: what it shows, what its buttons and keys do, and that text stays text."""

import contextlib
import re
import time
from dataclasses import replace

import pytest
from tests.host.browser import Browser, browser_path
from tests.host.fake_board import HELLO, STATISTICS, FakeBoard, prediction, preview

from microfer.contract import CROP_SIZE, LABELS
from microfer.link.connection import Connection
from microfer.link.messages import Answer, BoardError, CropPreview, ErrorCode, Prediction
from microfer.link.recording import read_recording
from microfer.link.source import LiveSource, Replay
from microfer.pictures.annotate import COLORS
from microfer.viewer.viewer import Viewer
from microfer.viewer.web import WebServer
from microfer.viewer.web_request import FOLDER, Handler

pytestmark = pytest.mark.skipif(
    browser_path() is None, reason="there is no Chromium to open pages in: install chromium"
)

HOSTILE = "<img src=x onerror=hacked()>"


class AnsweringBoard(FakeBoard):
    """Gives the answer that it is told, and says what else there is to say."""

    answer = Answer.LABEL

    def __init__(self, *arguments, says=(), **options):
        super().__init__(*arguments, period_s=0.02, **options)
        self.says = list(says)

    def _send(self, message, send):
        while self.says:
            super()._send(self.says.pop(), send)
        if isinstance(message, CropPreview) and self.answer == Answer.NO_FACE:
            return
        if isinstance(message, Prediction):
            message = prediction(message.frame, self.answer)
        super()._send(message, send)


@pytest.fixture(scope="module")
def browser():
    with Browser() as browser:
        yield browser


@contextlib.contextmanager
def page(browser, board, **options):
    """The page of a viewer that watches this board."""
    with Viewer(LiveSource(Connection(board.port)), **options) as viewer:
        viewer.source.connection.open()
        viewer.start()
        with WebServer(viewer) as server:
            show(browser, server)
            yield viewer


def show(browser, server):
    browser.open("about:blank")  # so that the last page's end is not taken for a problem of this one
    browser.wait_for("location.href === 'about:blank'")
    browser.problems.clear()
    browser.open(server.url)
    browser.wait_for(f"location.href === '{server.url}'")
    browser.wait_for("document.body.dataset.state === 'connected'")
    browser.wait_for("document.getElementById('answer').dataset.answer !== 'none'")


@pytest.fixture
def board():
    with AnsweringBoard() as board:
        yield board


def test_the_page_shows_board_answer_bars_stages_and_figures(browser, board):
    with page(browser, board):
        assert browser.text("#board") == "test-board"
        assert browser.text("#model") == "thesis-bn-1, firmware 0.1.0"
        assert browser.text("#headline") == "happiness"
        assert browser.text("#confidence") == "76 %"
        rows = "[...document.querySelectorAll('#bars li')]"
        bars = browser.run(f"{rows}.map((row) => row.innerText.split(/\\s+/).join(' '))")
        assert [bar.split()[0] for bar in bars] == list(LABELS)
        assert bars[3] == "happiness 76 % 85 %"
        widths = browser.run("[...document.querySelectorAll('#bars b')].map((bar) => bar.style.width)")
        assert float(widths[6].rstrip("%")) == pytest.approx(100 * 50_000 / 65_536, abs=0.01)
        assert float(widths[7].rstrip("%")) == pytest.approx(100 * 218 / 256, abs=0.01)
        stages = browser.text("#stage-list").split("\n")
        assert stages[8:10] == ["invoke", "31.0 ms"]
        assert browser.text("#total") == "40.4 ms"
        figures = browser.text("#facts")
        for part in ("70 of 70 scores", "esp-nn 1.2.3", "195 of 256 KiB", "41 °C"):
            assert part in figures
        browser.wait_for("Number(document.getElementById('fps-board').textContent) === 20")
        browser.wait_for("document.getElementById('timeline').ariaLabel.includes('happiness')")
        assert browser.run("document.title") == "happiness · microfer"
        assert "perceived expression" in browser.text("body").lower()
        assert browser.problems == []


def test_its_colours_are_those_of_every_other_view(browser, board):
    with page(browser, board):
        rows = "[...document.querySelectorAll('#bars li')]"
        colors = browser.run(f"{rows}.map((row) => row.style.getPropertyValue('--color'))")
        assert tuple(colors) == COLORS[: len(LABELS)]


def test_label_uncertain_and_no_face_differ_in_word_and_sign(browser, board):
    seen = set()
    with page(browser, board):
        for answer, headline, text in (
            (Answer.LABEL, "happiness", "smoothed"),
            (Answer.UNCERTAIN, "uncertain", "most probably happiness, but below the model's threshold"),
            (Answer.NO_FACE, "no face", "no face was found"),
        ):
            board.answer = answer
            browser.wait_for(f"document.getElementById('headline').textContent === '{headline}'")
            assert text in browser.text("#headline-text")
            signs = "[...document.querySelectorAll('#answer .sign')].filter((sign) => sign.checkVisibility())"
            (sign,) = browser.run(f"{signs}.map((sign) => sign.getAttribute('class'))")
            seen.add(sign)
        assert browser.text("#confidence") == ""
        assert browser.text("#bars li:nth-child(4) .percents").split() == ["–", "–"]
    assert len(seen) == 3


def crop_on_page(browser):
    """The gray values on the canvas."""
    context = "document.getElementById('crop').getContext('2d')"
    return bytes(browser.run(f"[...{context}.getImageData(0, 0, {CROP_SIZE}, {CROP_SIZE}).data]")[::4])


def test_the_very_pixels_appear_when_asked_for_and_go_when_not(browser, board):
    with page(browser, board) as viewer:
        assert browser.text("#no-crop-title") == "Previews are off"
        assert browser.text("#no-crop-text") == "No pixel leaves the board."
        assert browser.run("document.getElementById('crop').hidden")
        browser.click("#no-crop-button")
        browser.wait_for("!document.getElementById('crop').hidden")
        viewer.pause(True)
        browser.wait_for("document.title.startsWith('paused')")
        time.sleep(0.2)
        frame = int(re.search(r"frame (\d+),", browser.text("#crop-text"))[1])
        assert crop_on_page(browser) == preview(frame).pixels
        assert browser.run("getComputedStyle(document.getElementById('crop')).imageRendering") == "pixelated"
        viewer.pause(False)
        browser.click("#previews")
        browser.wait_for("document.getElementById('crop').hidden")
        assert set(crop_on_page(browser)) == {0}
        assert not viewer.view().previews


def test_what_a_board_says_is_text_and_never_markup(browser):
    hello = replace(HELLO, board=HOSTILE, model_id=HOSTILE, kernels="</dd><script>", firmware_version="<b>1</b>")
    says = [BoardError(ErrorCode.CAMERA_STOPPED, 0, 0, HOSTILE)]
    with AnsweringBoard(hello, says=says) as board, page(browser, board):
        browser.run("window.hacked = () => { window.wasHacked = true }; 0")
        assert browser.text("#board") == HOSTILE
        browser.wait_for("document.querySelectorAll('#alerts li').length === 1")
        assert HOSTILE in browser.text("#alerts")
        assert "CAMERA_STOPPED" in browser.text("#alerts")
        assert ErrorCode.CAMERA_STOPPED.doc in browser.text("#alerts")
        assert browser.run("document.querySelectorAll('#alerts img, #board img, #facts script, #model *').length") == 0
        assert browser.run("window.wasHacked") is None
        assert browser.problems == []


def test_a_failed_self_test_and_warnings_are_shown(browser):
    with AnsweringBoard(replace(HELLO, self_test_equal=69)) as board, page(browser, board):
        assert "1 of 70 scores differ" in browser.text("#alerts")
        assert browser.text("#facts dd.bad").startswith("FAILED")


def test_a_lost_board_is_seen_and_so_is_its_return(browser):
    with AnsweringBoard() as board, page(browser, board):
        browser.run(
            "window.states = new Set(); new MutationObserver(() => states.add(document.body.dataset.state))"
            ".observe(document.body, { attributes: true }); 0"
        )
        frame = int(board.frame)
        board.unplug()
        browser.wait_for("states.has('lost') && document.body.dataset.state === 'connected'")
        assert board.frame > frame
        board.__exit__()  # this time for good
        browser.wait_for("document.getElementById('link-text').textContent === 'lost, reconnecting'")
        assert "trying again until it is back" in browser.text("#alerts")
        assert browser.run("document.body.classList.contains('still')")


def test_the_keys_are_those_of_the_terminal(browser, board, tmp_path):
    with page(browser, board, snapshots=tmp_path) as viewer:
        browser.press("p")
        browser.wait_for("document.getElementById('pause').ariaPressed === 'true'")
        assert browser.text("#pause .what") == "Go on"
        browser.press(" ")
        browser.wait_for("document.getElementById('pause').ariaPressed === 'false'")
        browser.press("r")
        browser.wait_for("document.getElementById('recording').innerText.includes('.mfrec')")
        browser.press("R")
        browser.wait_for("document.getElementById('recording').hidden")
        browser.press("s")
        browser.wait_for("document.getElementById('notice').textContent.includes('saved')")
        assert {path.suffix for path in tmp_path.iterdir()} == {".mfrec", ".png", ".json"}
        browser.run("dispatchEvent(new KeyboardEvent('keydown', { key: 'r', ctrlKey: true })) && 0")  # that reloads
        browser.press("x")
        time.sleep(0.2)
        assert viewer.view().recording is None
        browser.press("q")
        browser.wait_for("document.body.dataset.state === 'ended'")
        assert viewer.finished.is_set()


def test_after_the_end_the_page_says_so_and_asks_no_more(browser, board):
    with page(browser, board) as viewer:
        browser.click("#quit")
        browser.wait_for("document.body.dataset.state === 'ended'")
        assert viewer.finished.is_set()
    assert browser.text("#link-text") == "the viewer has ended"
    assert browser.run("[...document.querySelectorAll('button')].every((button) => button.disabled)")
    time.sleep(0.3)
    assert browser.problems == []


def _no_last_word(handler, name, content):
    if name == "end":
        raise ConnectionResetError
    _EVENT(handler, name, content)


_EVENT = Handler._event


def test_after_quit_the_page_does_not_try_again_even_without_a_last_word(browser, board, monkeypatch):
    monkeypatch.setattr(Handler, "_event", _no_last_word)
    with page(browser, board):
        browser.click("#quit")
        browser.wait_for("document.body.dataset.state === 'ended'")
        assert browser.text("#notice") == "The viewer was ended. This page can be closed."


def test_a_viewer_that_is_gone_is_given_up(browser, board, monkeypatch):
    with page(browser, board):
        browser.run("{ const wait = setTimeout; window.setTimeout = (then) => wait(then, 50) } 0")
        monkeypatch.setattr(Handler, "_event", _break_off)
        browser.wait_for("document.body.dataset.state === 'ended'")
        assert browser.text("#link-text") == "the viewer is gone"
        assert "Start it again" in browser.text("#notice")


def test_where_there_is_no_face_the_page_shows_no_crop(browser, board):
    with page(browser, board, previews=True):
        browser.wait_for("!document.getElementById('crop').hidden")
        board.answer = Answer.NO_FACE
        browser.wait_for("document.getElementById('crop').hidden")
        assert browser.text("#no-crop-title") == "No face"
        assert browser.text("#no-crop-text") == "The board sends a crop with the next face."


def test_a_viewer_that_does_not_answer_is_waited_for_and_one_that_refuses_is_not(browser, board, monkeypatch):
    with page(browser, board):
        with monkeypatch.context() as broken:
            broken.setattr(Handler, "_event", _break_off)
            browser.wait_for("document.body.dataset.state === 'away'")
            assert "tries again by itself" in browser.text("#notice")
        browser.wait_for("document.body.dataset.state === 'connected'")
        browser.wait_for("document.getElementById('notice').textContent === ''")
        with monkeypatch.context() as full:
            full.setattr(WebServer, "begin_stream", lambda server: False)
            full.setattr(Handler, "_event", _break_off)
            browser.wait_for("document.body.dataset.state === 'ended'")
            assert "refused this page" in browser.text("#notice")


def _break_off(*_):
    raise ConnectionAbortedError


def test_a_replay_is_stepped_and_its_speed_is_chosen(browser, board, tmp_path):
    path = tmp_path / "session.mfrec"
    with Viewer(LiveSource(Connection(board.port)), record=path, frames=40) as viewer:
        viewer.source.connection.open()
        while not viewer.finished.is_set():
            viewer.poll()
    with Viewer(Replay(read_recording(path), step=True), linger=True) as viewer:
        viewer.start()
        with WebServer(viewer) as server:
            show(browser, server)
            assert browser.run("document.getElementById('record').hidden && document.getElementById('previews').hidden")
            assert browser.text("#no-crop-title") == "No pictures here"
            for frames in (2, 3):
                browser.press("n" if frames == 2 else " ")
                browser.wait_for(f"document.getElementById('facts').innerText.includes('{frames}, {frames}')")
            browser.click("#step")
            browser.wait_for("document.getElementById('facts').innerText.includes('4, 4')")
            assert browser.run("document.getElementById('speed').value") == "0"
            browser.run("document.getElementById('speed').value = 'inf'; 0")
            browser.run("document.getElementById('speed').dispatchEvent(new Event('change')) && 0")
            browser.wait_for("document.body.dataset.state === 'ended'")
            assert "the recording is over" in browser.text("#alerts")
            assert browser.run("document.getElementById('step').hidden")
            assert not browser.run("document.getElementById('quit').disabled")
            browser.wait_for("document.getElementById('facts').innerText.includes('40, 40')")


@pytest.mark.parametrize("width", [360, 700, 1024, 1920])
def test_nothing_sticks_out_at_any_width(browser, width):
    says = [BoardError(ErrorCode.CAMERA_STOPPED, 0, 0, "x" * 79)]
    with AnsweringBoard(says=says) as board, page(browser, board):
        browser.look(width=width, height=900)
        browser.wait_for(f"innerWidth === {width}")
        assert browser.run("document.documentElement.scrollWidth") <= width
        browser.look(width=1280, height=1000)


def test_from_packet_to_screen_is_measured(browser, board):
    board.period_s = 0.05
    with page(browser, board):
        browser.wait_for("Number(document.getElementById('latency').dataset.count) > 20")
        times = browser.run("({ ...document.getElementById('latency').dataset })")
        assert -1 <= float(times["median"]) <= float(times["p99"]) < 5000
        assert browser.text("#latency").startswith("from packet to screen: median")


def test_every_part_has_a_name_for_those_who_hear_the_page(browser, board):
    with page(browser, board):
        nameless = browser.run(
            "[...document.querySelectorAll('button, select, canvas, svg[role], section')].filter((part) =>"
            " !(part.ariaLabel || part.getAttribute('aria-labelledby') || part.innerText || part.closest('label')"
            " || part.textContent)).map((part) => part.outerHTML)"
        )
        assert nameless == []
        assert browser.run("document.documentElement.lang") == "en"
        browser.wait_for("document.getElementById('spoken').textContent === 'happiness'")


def luminance(color):
    digits = color.lstrip("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("block", [0, 1], ids=["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(block):
    style = (FOLDER / "style.css").read_text()
    found = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[block]
    colors = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", found))
    pairs = [("ink", "paper"), ("ink", "card"), ("ink", "track"), ("muted", "paper"), ("muted", "card")]
    pairs += [("muted", "track"), ("accent", "card")]
    pairs += [(kind, f"{kind}-paper") for kind in ("good", "warn", "bad")]
    pairs += [("ink", "warn-paper"), ("ink", "bad-paper"), ("muted", "bad-paper"), ("bad", "card")]
    for front, behind in pairs:
        light, dark = sorted((luminance(colors[front]), luminance(colors[behind])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (front, behind)  # WCAG 2.2, level AA


def test_a_page_knows_statistics_that_were_not_measured(browser):
    cold = replace(STATISTICS, temperature_c=-128)
    with AnsweringBoard(says=[cold]) as board, page(browser, board):
        assert "-128" not in browser.text("#facts")


class BoardOfThree(AnsweringBoard):
    """Its network tells three classes apart, and answers with the second."""

    def _send(self, message, send):
        if isinstance(message, Prediction):
            message = replace(message, label=1, classes=3)
            FakeBoard._send(self, message, send)
        else:
            super()._send(message, send)


def test_a_board_with_classes_of_its_own_gets_a_bar_for_each(browser):
    with BoardOfThree(hello=replace(HELLO, labels="no,yes,perhaps")) as board, page(browser, board):
        bars = "[...document.querySelectorAll('#bars li')].map((row) => row.firstChild.textContent)"
        browser.wait_for(f"{bars}.length === 3")
        assert browser.run(bars) == ["no", "yes", "perhaps"]
        assert browser.text("#headline") == "yes"
        assert browser.problems == []
