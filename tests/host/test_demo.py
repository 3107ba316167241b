"""`python scripts/demo.py`: every frame is accounted for, and it ends with a screenshot and a telling status."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from tests.host.board_client import needs_compiler

from microfer.cli import demo
from microfer.cli.demo import main
from microfer.contract import CROP_SIZE
from microfer.demo import scenes, session
from microfer.demo.scenes import Scene, Scenery, named_scenes, own_scenes
from microfer.errors import MicroferError
from microfer.link.ports import PortError
from microfer.pictures import pictures
from microfer.pictures.faces import FaceFinder
from microfer.viewer import picture
from microfer.virtual_board.frame_source import SceneSource

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, str(ROOT / "scripts" / "demo.py")]
INSIDE = {"MICROFER_INSIDE_VENV": str(ROOT)}
"""What the script sets for itself once its environment is ready: these tests have one already."""


def start(*arguments, **changes):
    """Start the demo as a person does, but in the tests' environment."""
    environment = {name: value for name, value in os.environ.items() if name not in {"DISPLAY", "WAYLAND_DISPLAY"}}
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment | INSIDE | changes,
    )


def run(*arguments, **changes):
    """Run the demo to its end; return its status, standard output and standard error."""
    with start(*arguments, **changes) as process:
        out, error = process.communicate(timeout=120)
    assert "Traceback" not in error, error
    return process.returncode, out, error


def check_frames(summary):
    """Every frame that the camera gave is shown, or counted with its cause."""
    frames = summary["frames"]
    parts = ("shown", "dropped_on_board", "lost_on_link", "not_watched")
    assert frames["captured"] == sum(frames[part] for part in parts)
    assert frames["shown"] == sum(scene["frames"] for scene in summary["perceived"])
    for scene in summary["perceived"]:
        assert scene["frames"] == sum(answer["frames"] for answer in scene["answers"])
        whole = sum(answer["share"] for answer in scene["answers"])
        assert whole == pytest.approx(1 if scene["frames"] else 0, abs=1e-4)  # they are rounded
    return frames


@pytest.fixture
def portrait(tmp_path):
    """The astronaut, as a picture of one's own."""
    path = tmp_path / "me.png"
    path.write_bytes(pictures.astronaut_path().read_bytes())
    return path


@pytest.fixture
def plain(tmp_path):
    """A picture without a face."""
    path = tmp_path / "plain.png"
    Image.new("RGB", (200, 160), "gray").save(path)
    return path


@needs_compiler
def test_the_demo_ends_with_a_summary_that_adds_up_and_a_screenshot_with_the_face(tmp_path):
    status, out, error = run("--seconds", "4", "--json", "--out", tmp_path)
    summary = json.loads(out)
    assert status == summary["status"] == 0, error
    frames = check_frames(summary)
    assert frames["captured"] == 40
    assert frames["not_watched"] == frames["lost_on_link"] == 0
    assert frames["dropped_on_board"] == sum(frames["causes"].values())
    assert summary["board"]["name"] == "virtual board"
    assert summary["board"]["self_test_ok"]
    first = summary["perceived"][0]
    assert (first["seen"], first["answers"][0]["answer"]) == (scenes.PORTRAIT, "happiness")
    times = summary["stage_times_ms_on_this_computer"]
    assert times["together"] == pytest.approx(sum(times.values()) - times["together"], abs=0.01)
    assert [path.name for path in tmp_path.iterdir()] == ["demo.png"]
    check_face_on(Path(summary["screenshot"]))


def check_face_on(screenshot):
    """The screenshot shows the crop in its place, and there is a face on it."""
    shown = cv2.imread(str(screenshot), cv2.IMREAD_GRAYSCALE)
    assert shown.shape == (picture.HEIGHT, picture.WIDTH)
    left, top, side = picture.CROP_CARD[0] + 16, picture.CROP_CARD[1] + 16, CROP_SIZE * picture.ZOOM
    crop = shown[top : top + side, left : left + side]
    middle = crop[picture.ZOOM // 2 :: picture.ZOOM, picture.ZOOM // 2 :: picture.ZOOM]
    assert np.array_equal(crop[100:200, 100:200], np.kron(middle, np.ones((8, 8), np.uint8))[100:200, 100:200])
    wide = cv2.copyMakeBorder(cv2.resize(middle, (192, 192)), 40, 40, 40, 40, cv2.BORDER_REPLICATE)
    assert FaceFinder().find(np.asarray(wide, np.uint8))


@needs_compiler
def test_people_read_where_all_went_and_what_to_do_next(tiny, portrait, tmp_path):
    status, out, error = run(portrait, "--model", tiny, "--seconds", "2", "--out", tmp_path / "out")
    assert status == 0, error
    for words in ("me.png", "virtual board", "self-test   passed", "tiny-test-1", "20 captured", "on this computer"):
        assert words in out
    for words in ("demo.png", "pio run", "host/serial_viewer.py", "host/train.py", "previews were on"):
        assert words in out
    assert "socket://127.0.0.1:" in error


@needs_compiler
def test_a_folder_is_shown_picture_by_picture_and_one_that_cannot_be_read_does_not_stop_it(tiny, portrait, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    portrait.rename(folder / "b.png")
    (folder / "a.jpg").write_bytes(b"no picture")
    Image.new("RGB", (200, 160), "gray").save(folder / "c.png")
    status, out, error = run(folder, "--model", tiny, "--seconds", "3", "--out", tmp_path, "--json")
    summary = json.loads(out)
    assert status == summary["status"] == 2
    assert "a.jpg is not a picture that can be read" in error
    assert [scene["seen"] for scene in summary["perceived"]] == ["b.png", "c.png"]
    assert "no face" in {answer["answer"] for answer in summary["perceived"][1]["answers"]}
    assert check_frames(summary)["captured"] == 30


@needs_compiler
def test_no_face_is_a_status_of_its_own(tiny, plain, tmp_path):
    status, out, error = run(plain, "--model", tiny, "--seconds", "1", "--out", tmp_path)
    assert status == 1
    assert re.search(r"plain\.png +│ no face +│ +100 % of \d+ +│ +- │", out)
    assert "no face was found: a face must look at the camera" in error


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nobody.jpg"], "nobody.jpg does not exist"),
        (["broken.png"], "broken.png is not a picture that can be read"),
        (["empty"], "empty holds no picture"),
        (["me.mp4"], "me.mp4 does not exist"),
        (["--model", "missing.tflite"], "missing.tflite"),
    ],
)
@needs_compiler
def test_what_cannot_be_used_is_named_in_one_line(arguments, expected, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "empty").mkdir()
    changed = [str(tmp_path / argument) if "-" not in argument else argument for argument in arguments]
    status, out, error = run(*changed, "--out", tmp_path / "out")
    assert (status, out) == (2, "")
    assert expected in error
    assert not (tmp_path / "out").exists()


def test_without_a_compiler_it_says_what_to_install_and_what_works_without(tmp_path):
    status, out, error = run("--out", tmp_path / "out", CXX="no-such-compiler")
    assert (status, out) == (2, "")
    assert "'no-such-compiler', which is not there" in error
    assert "sudo apt install g++" in error or sys.platform != "linux"
    assert re.search(r"python3? host/microfer classify", error)  # as it can be pasted


@needs_compiler
@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_ends_it_with_the_same_summary(tiny, tmp_path):
    with start("--model", tiny, "--out", tmp_path, "--json") as process:
        for line in process.stderr:
            if "astronaut" in line and "looks at" not in line:
                break
        os.kill(process.pid, signal.SIGINT)
        out, error = process.communicate(timeout=30)
    summary = json.loads(out)
    assert process.returncode == summary["status"] == 130
    assert summary["stopped"]
    assert 0 < check_frames(summary)["captured"] < 180
    assert "stopped by Ctrl-C" in error
    assert "Traceback" not in error
    assert (tmp_path / "demo.png").stat().st_size > 10_000


@needs_compiler
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo terminal")
def test_in_a_terminal_the_viewer_is_drawn_and_q_ends_it(tiny, tmp_path):
    import pty
    import termios

    ours, theirs = pty.openpty()
    termios.tcsetwinsize(ours, (40, 150))
    command = [*COMMAND, "--model", str(tiny), "--seconds", "60", "--out", str(tmp_path)]
    environment = os.environ | INSIDE | {"TERM": "xterm-256color"}
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "COLUMNS", "LINES"):
        environment.pop(name, None)
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while "▀".encode() not in shown:  # the crop, once a face was found
            shown += os.read(ours, 65_536)
        os.write(ours, b"q")
        try:
            while more := os.read(ours, 65_536):
                shown += more
        except OSError:  # how Linux says that the other end is closed
            pass
        assert process.wait(20) == 0, shown[-2000:]
    os.close(ours)
    assert b"what the network sees" in shown
    assert b"What was perceived" in shown


@needs_compiler
def test_the_page_is_served_while_it_runs(tiny, tmp_path):
    with start("--web", "--no-browser", "--seconds", "4", "--model", tiny, "--out", tmp_path) as process:
        for line in process.stderr:
            if found := re.search(r"watching at (http://127\.0\.0\.1:\S+)", line):
                break
        with urllib.request.urlopen(found[1], timeout=10) as answer:  # noqa: S310
            assert b"<html" in answer.read()
        out, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    assert "40 captured" in out


@needs_compiler
def test_where_a_window_can_be_opened_it_is(tiny, tmp_path, monkeypatch, capsys):
    shown = []

    def show(viewer):
        viewer.start()
        while not viewer.finished.wait(0.05):
            shown.append(viewer.view())

    monkeypatch.setattr(session, "why_no_window", lambda: "")
    monkeypatch.setattr(session.window, "show", show)
    assert main(["--model", str(tiny), "--seconds", "1", "--out", str(tmp_path)]) == 0
    assert shown[-1].frame is not None
    assert "10 captured" in capsys.readouterr().out


@needs_compiler
def test_a_webcam_that_is_lost_ends_the_demo_all_the_same(tiny, tmp_path, monkeypatch, capsys):
    class Webcam:
        """Delivers the portrait for a second, then nothing."""

        name = "webcam 0"

        def __init__(self, number):
            self.portrait = scenes.MovingPortrait()

        def frame(self, time_s):
            if time_s > 1:
                raise MicroferError("webcam 0 delivers no frame")
            return self.portrait.frame(time_s)

        def close(self):
            pass

    monkeypatch.setattr(scenes, "WebcamSource", Webcam)
    monkeypatch.setattr(session, "GRACE_S", 0.0)
    begin_s = time.monotonic()
    status = main(["--webcam", "--json", "--model", str(tiny), "--seconds", "2", "--out", str(tmp_path)])
    summary = json.loads(capsys.readouterr().out)
    assert status == 2
    assert summary["problems"] == ["webcam 0 delivers no frame"]
    assert 5 < check_frames(summary)["captured"] < 20
    assert time.monotonic() - begin_s < 30


def test_the_summary_is_wrapped_between_words_and_fits_80_columns():
    text = "100 captured: 92 shown, 8 dropped on the board (a newer frame came first: 8), 0 lost on the link"
    lines = demo._hanging("frames      ", text, 80)
    assert [line[:12] for line in lines] == ["frames      ", " " * 12]
    assert " ".join(line[12:] for line in lines) == text
    assert max(map(len, (*lines, *(f"  {what:16} {how}" for what, how in demo._next_steps())))) <= 80
    assert demo._hanging("screenshot  ", "/a/path" * 20, 80) == ["screenshot  " + "/a/path" * 20]


@pytest.mark.parametrize(
    "arguments",
    [["--webcam", "0", "me.jpg"], ["--webcam", "-1"], ["--seconds", "0"], ["--no-browser"], ["--web", "--json"]],
)
def test_options_that_contradict_end_with_status_2(arguments):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2


def test_an_output_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(MicroferError, match="cannot write"):
        main(["--out", str(tmp_path / "file" / "out")])


def test_its_own_scenes_begin_and_end_with_a_real_face_and_hold_nobody():
    made = own_scenes(180)
    names = [scene.name for scene in made]
    assert (names[0], names[-1]) == (scenes.PORTRAIT, scenes.PORTRAIT)
    assert scenes.NOBODY in names
    assert sum(scene.frames for scene in made) == 180
    assert Scenery(made).frame(0).shape == (240, 320)
    assert all(scene.frames > 0 for scene in own_scenes(1))


def test_each_frame_is_known_by_its_scene_and_scenes_come_again():
    scenery = Scenery([Scene(name, lambda: SceneSource(is_empty=True), count) for name, count in (("a", 2), ("b", 1))])
    for number in range(7):
        scenery.frame(0.1 * number)
    assert scenery.seen == ["a", "a", "b", "a", "a", "b", "a"]


def test_a_scene_that_cannot_be_opened_is_left_out_and_noted_once(plain, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    scenery = Scenery(named_scenes([plain, broken], 2))
    for number in range(4):
        scenery.frame(0.1 * number)
    assert scenery.seen == ["plain.png"] * 4
    assert list(scenery.problems) == ["broken.png"]


def test_two_pictures_of_one_name_are_told_apart(plain, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "plain.png").write_bytes(plain.read_bytes())
    names = [scene.name for scene in named_scenes([plain, tmp_path / "other"], 10)]
    assert names == [str(plain), str(tmp_path / "other" / "plain.png")]


@needs_compiler
def test_a_computer_that_does_not_reach_itself_is_told_so(tiny, tmp_path, monkeypatch):
    def refuse(connection):
        raise PortError("network is unreachable")

    monkeypatch.setattr(session.Connection, "open", refuse)
    with pytest.raises(MicroferError, match=r"network is unreachable.*loopback interface up"):
        main(["--model", str(tiny), "--out", str(tmp_path)])
