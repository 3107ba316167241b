"""The terminal view as text, and what the command prints and exports where there is no terminal."""

import csv
import io
import json
import math
import random
import re
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest
from rich.console import Console
from tests.conftest import ROOT
from tests.host.fake_board import HELLO, STATISTICS, FakeBoard, prediction, preview
from tests.host.test_view_model import Feed

from microfer.contract import CROP_SIZE, LABELS
from microfer.errors import MicroferError
from microfer.link.events import Instant
from microfer.link.messages import Answer, BoardError, ErrorCode
from microfer.link.recording import Chunk, Recorder, Recording, read_recording
from microfer.viewer import displays
from microfer.viewer.export import columns, export_csv, export_mp4
from microfer.viewer.picture import HEIGHT, WIDTH
from microfer.viewer.terminal import KEPT_STYLES, HalfBlocks, gray_style, render, summary
from microfer.viewer.view import CropView, View

VIEWER = ROOT / "host" / "serial_viewer.py"


def text_of(view, width=140, height=40):
    console = Console(width=width, height=height, file=io.StringIO(), color_system=None)
    console.print(render(view, width, height))
    return console.file.getvalue()


@pytest.fixture
def feed():
    feed = Feed()
    feed.message(HELLO)
    feed.message(STATISTICS)
    for frame in range(40):
        feed.message(prediction(frame), after_ms=50)
    return feed


def test_the_terminal_shows_board_answer_bars_figures_and_keys(feed):
    text = text_of(feed.view())
    for part in ("connected", "test-board", "thesis-bn-1", "self-test passed", "happiness  76 %", *LABELS):
        assert part in text
    for part in (
        "predictions/s    20.0",
        "captured, shown  40, 40",
        "invoke, answer   31.0, 0.02 ms",
        "p  pause",
        "now",
    ):
        assert part in text
    assert re.search(r"happiness +█{18}▎ +76 %", text)
    assert re.search(r"─{20} +85 %", text)
    assert "▀" not in text


def test_crops_are_half_blocks_whose_colours_are_the_pixels(feed):
    feed.message(preview(39))
    assert text_of(feed.view()).count("▀" * 48) == 24
    console, pixels = Console(), preview(39).pixels
    segments = [s for s in HalfBlocks(CropView(39, pixels)).__rich_console__(console, console.options) if s.style]
    assert len(segments) == 24 * 48
    for row, column in ((0, 0), (0, 47), (23, 5)):
        style = segments[row * 48 + column].style
        assert style.color.triplet.red == style.color.triplet.blue == pixels[2 * row * 48 + column]
        assert style.bgcolor.triplet.green == pixels[(2 * row + 1) * 48 + column]


def test_in_80x24_the_crop_is_shown_at_half_its_size(feed):
    feed.message(preview(39))
    lines = text_of(feed.view(), 80, 24).splitlines()
    assert sum(line.count("▀" * 24) for line in lines) == 12
    assert max(line.count("▀") for line in lines) == 24
    for part in ("what the network sees", "20.0 predictions/s", "40 of 40 frames shown", "happiness", "q  quit"):
        assert any(part in line for line in lines), part
    console, pixels = Console(), np.frombuffer(preview(39).pixels, np.uint8).reshape(48, 48)
    first = next(iter(HalfBlocks(CropView(39, pixels.tobytes()), 24).__rich_console__(console, console.options)))
    assert first.style.color.triplet.red == int(pixels[:2, :2].mean())
    assert first.style.bgcolor.triplet.red == int(pixels[2:4, :2].mean())


@pytest.mark.parametrize(("messages", "has_legend", "has_raw"), [(2, True, True), (4, False, True), (5, False, False)])
def test_in_80x24_messages_take_room_from_the_scores_and_the_keys_stay(feed, messages, has_legend, has_raw):
    feed.message(preview(39))
    view = replace(feed.view(), warnings=("a warning of one line",) * messages)
    lines = text_of(view, 80, 24).splitlines()
    assert len(lines) <= 24
    assert "q  quit" in lines[-1]
    assert any("this frame alone" in line for line in lines) == has_legend
    assert any("85 %" in line for line in lines) == has_raw
    assert any("▀" * 24 in line for line in lines)


def test_a_crop_goes_with_its_face_and_its_place_stays(feed):
    feed.message(preview(39))
    feed.message(prediction(40, Answer.NO_FACE), after_ms=50)
    text = text_of(replace(feed.view(), previews=True), 80, 24)
    assert "▀" not in text
    assert re.search(r"what the network sees ─+╮.*frame 40.*\n│ no face", text)
    assert "no crop yet" in text_of(View(previews=True), 80, 24)


@pytest.mark.parametrize(("width", "height"), [(80, 24), (60, 20), (120, 30), (200, 60), (30, 10)])
@pytest.mark.parametrize("has_crop", [False, True])
def test_no_line_is_wider_than_the_terminal(feed, width, height, has_crop):
    if has_crop:
        feed.message(preview(39))
    lines = text_of(feed.view(), width, height).splitlines()
    assert max(map(len, lines)) <= width
    if width >= 80:
        assert len(lines) <= height


def test_no_face_uncertain_errors_warnings_and_loss_are_said(feed):
    feed.message(prediction(40, Answer.UNCERTAIN))
    assert "uncertain  76 %  most likely happiness" in text_of(feed.view())
    feed.message(prediction(41, Answer.NO_FACE))
    feed.message(BoardError(ErrorCode.CAMERA_STOPPED, 0, 0, "no frame for 4 s"))
    feed.message(replace(HELLO, self_test_equal=60))
    text = text_of(feed.view())
    assert "no face" in text
    assert "CAMERA_STOPPED (1 x): the camera stopped sending" in text
    assert "self-test FAILED" in text
    assert "10 of 70 scores differ" in text


def test_an_empty_view_has_a_terminal_view_and_a_summary():
    assert "no prediction yet" in text_of(View())
    console = Console(file=io.StringIO())
    console.print(summary(View()))
    assert "captured, shown" in console.file.getvalue()


def run_viewer(*options, **settings):
    return subprocess.run(
        [sys.executable, str(VIEWER), *map(str, options)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **settings,
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--seconds", -3), "--seconds -3 is not above 0"),
        (("--seconds", "nan"), "--seconds nan is not above 0"),
        (("--web", "--web-port", 80_000), "--web-port 80000 is not a TCP port"),
    ],
)
def test_an_option_out_of_its_range_is_refused_before_a_board_is_looked_for(options, said):
    done = run_viewer(*options)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def test_json_prints_one_object_a_line_and_ends_with_where_every_frame_went():
    with FakeBoard() as board:
        done = run_viewer("--port", board.port, "--json", "--frames", 20, "--previews")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0]["event"] == "opened"
    predictions = [line for line in lines if line["event"] == "prediction"]
    assert len(predictions) == 20
    assert predictions[0]["view"]["headline"] == "happiness"
    assert predictions[0]["answer"] == "label"
    assert lines[-1]["event"] == "summary"
    assert lines[-1]["frames"]["shown"] == lines[-1]["frames"]["captured"] == 20


def test_headless_without_a_terminal_prints_changes_and_a_summary():
    with FakeBoard() as board:
        done = run_viewer("--port", board.port, "--headless", "--frames", 20, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    assert "connected to test-board" in done.stdout
    assert "captured, shown  20, 20" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_port_from_which_nothing_arrives_ends_with_status_1():
    with FakeBoard(frames=0) as board:
        assert run_viewer("--port", board.port, "--json", "--seconds", 0.5).returncode == 1


def test_a_board_of_another_version_ends_with_status_2_and_what_to_do():
    with FakeBoard(version=9) as board:
        done = run_viewer("--port", board.port, "--headless", "--seconds", 20)
    assert done.returncode == 2
    assert "update microfer on this computer" in " ".join(done.stderr.split())


def test_options_that_need_a_recording_say_so():
    done = run_viewer("--export-csv", "x.csv")
    assert done.returncode == 2
    assert "need --replay FILE" in done.stderr


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """A recording of 3.5 s with a restart and damage in it."""
    path = tmp_path_factory.mktemp("session") / "session.mfrec"
    with FakeBoard(period_s=0.01) as board:
        done = run_viewer("--port", board.port, "--json", "--seconds", 1.5, "--previews", "--record", path)
    assert done.returncode == 0, done.stderr
    return path


def test_a_table_has_one_row_a_prediction(session, tmp_path):
    rows = export_csv(read_recording(session), tmp_path / "x.csv")
    with (tmp_path / "x.csv").open() as file:
        table = list(csv.DictReader(file))
    assert len(table) == rows > 50
    assert tuple(table[0]) == columns()
    assert float(table[0]["raw_happiness"]) == 218 / 256
    frames = [int(row["frame"]) for row in table]
    assert frames == list(range(frames[0], frames[0] + rows))


def test_a_film_has_the_recordings_length_and_shows_the_view(session, tmp_path):
    recording = read_recording(session)
    pictures = export_mp4(recording, tmp_path / "x.mp4")
    film = cv2.VideoCapture(str(tmp_path / "x.mp4"))
    assert int(film.get(cv2.CAP_PROP_FRAME_COUNT)) == pictures
    assert pictures == math.floor(recording.duration_s * 10) + 1
    for _ in range(pictures):
        is_read, image = film.read()
        assert is_read
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert image[CROP_ROW, CROP_COLUMNS, 0].std() > 20
    assert [path.name for path in tmp_path.iterdir()] == ["x.mp4"]


CROP_ROW, CROP_COLUMNS = 300, slice(60, 400)


def test_a_film_needs_its_suffix_and_something_to_show(session, tmp_path):
    with pytest.raises(MicroferError, match=r"does not end with .mp4"):
        export_mp4(read_recording(session), tmp_path / "x.avi")
    Recorder(tmp_path / "empty.mfrec", "port").close()
    with pytest.raises(MicroferError, match="holds nothing"):
        export_mp4(read_recording(tmp_path / "empty.mfrec"), tmp_path / "x.mp4")


def test_the_command_replays_and_exports(session, tmp_path):
    done = run_viewer("--replay", session, "--speed", "inf", "--json")
    assert done.returncode == 0, done.stderr
    summary_line = json.loads(done.stdout.splitlines()[-1])
    assert summary_line["state"] == "ended"
    done = run_viewer("--replay", session, "--export-csv", tmp_path / "x.csv")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "x.csv").read_text().count("\n") == summary_line["frames"]["shown"] + 1


def test_the_terminal_is_chosen_where_there_is_no_window(monkeypatch):
    monkeypatch.setattr(displays, "why_no_window", lambda: "there is no display")
    assert displays.choose_display() == (
        "terminal",
        "terminal view, because there is no display (--web shows a page in the browser)",
    )
    monkeypatch.setattr(displays, "why_no_window", lambda: "")
    assert displays.choose_display()[0] == "window"


@pytest.mark.parametrize("moment_s", [13 * 3600, 10**10, -1])
def test_no_film_is_made_of_a_recording_that_claims_to_span_centuries_or_to_go_back(moment_s, tmp_path):
    chunks = tuple(Chunk(Instant(at_s * 10**9, 0), b"") for at_s in (100, 100 + moment_s))
    with pytest.raises(MicroferError, match="a film can be made of a recording of at most 43,200 s"):
        export_mp4(Recording(tmp_path / "a.mfrec", {}, chunks, ""), tmp_path / "a.mp4")
    assert not list(tmp_path.iterdir())


def test_crops_of_noise_keep_no_more_styles_than_a_face_needs():
    """Each of 20 crops has a thousand pairs of pixels that none had before; a style of rich takes 800 bytes."""
    console, source = Console(), random.Random(6)
    gray_style.cache_clear()
    for number in range(20):
        blocks = HalfBlocks(CropView(number, source.randbytes(CROP_SIZE * CROP_SIZE)))
        assert sum(segment.text == "▀" for segment in blocks.__rich_console__(console, console.options)) == 24 * 48
    assert gray_style.cache_info().misses > 2 * KEPT_STYLES
    assert gray_style.cache_info().currsize == KEPT_STYLES == 8192
