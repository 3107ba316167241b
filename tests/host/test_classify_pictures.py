"""`microfer classify` answers for every picture, says what stands in for what, and ends with a telling status."""

import importlib
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from microfer.cli import classify as classify_command
from microfer.cli import command
from microfer.contract import LABELS
from microfer.current_model import current_model
from microfer.errors import MicroferError
from microfer.pictures import annotate, classify, opencv, pictures
from microfer.pictures.annotate import Finding, compose
from microfer.pictures.classify import Classifier
from microfer.pictures.faces import Face
from microfer.runtimes.runners import has_tflm
from microfer.tflite.metadata import ModelMetadata, embed_metadata

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
MODEL = GOLDEN / "tiny_int8.tflite"
FACE = Face(30, 20, 60, 5)


@pytest.fixture
def run(tmp_path, capsys):
    """Run the command with the tiny model; return its status, standard output and standard error."""

    def start(*arguments):
        status = classify_command.main(["--model", str(MODEL), "--out", str(tmp_path / "out"), *map(str, arguments)])
        return status, *capsys.readouterr()

    return start


@pytest.fixture
def plain(tmp_path):
    """A picture without a face."""
    path = tmp_path / "plain.png"
    Image.new("RGB", (200, 160), "gray").save(path)
    return path


def finding(crop=None, scores=(0.1, 0, 0, 0.7, 0.1, 0, 0.1), face=FACE, label="happiness"):
    pixels = np.full((48, 48), 90, np.uint8) if crop is None else crop
    return Finding(face, pixels, np.array(scores, np.float32), label, 1.5)


def test_without_a_picture_it_looks_at_the_astronaut(run, tmp_path):
    status, out, _ = run()
    assert status == 0
    for word in ("astronaut.png", "perceived expression", "97x97 at 177,66", "tiny_int8.tflite"):
        assert word in out
    assert cv2.imread(str(tmp_path / "out" / "astronaut.png")).shape[0] == annotate.HEIGHT
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["astronaut.png"]


def test_json_holds_every_score_and_nothing_else_is_on_standard_output(run, tmp_path):
    status, out, _ = run("--json")
    answer = json.loads(out)
    (picture,) = answer["pictures"]
    (face,) = picture["faces"]
    assert status == 0
    assert answer["runtime"] == ("TFLM" if has_tflm() else "LiteRT reference kernels")
    assert picture["saved"] == str(tmp_path / "out" / "astronaut.png")
    assert tuple(face["scores"]) == LABELS
    assert max(face["scores"], key=face["scores"].get) == face["perceived_expression"]
    assert face["confidence"] == max(face["scores"].values())
    assert face["milliseconds"] > 0


def test_where_tflm_is_missing_the_reference_kernels_answer_the_same_and_it_says_so(run, monkeypatch):
    _, before, _ = run("--json")
    monkeypatch.setattr(classify, "has_tflm", lambda: False)
    status, after, err = run("--json")
    assert status == 0
    assert "LiteRT's reference kernels take its place" in err
    faces = [json.loads(text)["pictures"][0]["faces"][0]["scores"] for text in (before, after)]
    assert faces[0] == faces[1]
    assert json.loads(after)["runtime"] == "LiteRT reference kernels"


def test_a_folder_is_gone_through_and_a_damaged_picture_does_not_stop_it(run, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    content = pictures.astronaut_path().read_bytes()
    (folder / "a.png").write_bytes(content)
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "empty.png").touch()
    (folder / "notes.txt").write_text("not looked at")
    (folder / "z.JPG").write_bytes(content)
    status, out, err = run(folder)
    assert status == classify_command.PROBLEM
    assert "broken.jpg is not a picture that can be read" in err
    assert "empty.png is not a picture that can be read" in err
    assert out.count("97x97") == 2
    assert "notes" not in out + err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "z.png"]


def test_two_pictures_of_one_name_are_saved_beside_each_other(run, tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "me.png").write_bytes(pictures.astronaut_path().read_bytes())
    status, *_ = run(tmp_path / "one", tmp_path / "two")
    assert status == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["me-2.png", "me.png"]


def test_no_face_is_an_answer_of_its_own(run, plain, tmp_path):
    status, out, err = run(plain)
    assert status == classify_command.NO_FACE
    assert "no face found" in out
    assert "must look at the camera" in err
    assert (tmp_path / "out" / "plain.png").exists()


def test_a_missing_picture_is_named(run, tmp_path):
    with pytest.raises(MicroferError, match=r"nobody\.jpg does not exist"):
        run(tmp_path / "nobody.jpg")


def test_a_folder_without_pictures_is_named(run, tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(MicroferError, match=r"holds no picture; expected files ending in \.bmp"):
        run(tmp_path)


def test_an_output_folder_that_cannot_be_made_is_named(plain, tmp_path, capsys):
    (tmp_path / "file").touch()
    status = classify_command.main(["--model", str(MODEL), "--out", str(tmp_path / "file" / "out"), str(plain)])
    assert status == classify_command.PROBLEM
    assert "cannot write" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("model", "message"), [("missing.tflite", "missing.tflite"), ("tiny_float_io.tflite", "FLOAT32")]
)
def test_a_model_that_cannot_be_used_is_named(model, message):
    with pytest.raises(MicroferError, match=message):
        classify_command.main(["--model", str(GOLDEN / model)])


def test_without_a_release_it_says_how_to_go_on(monkeypatch, tmp_path):
    monkeypatch.delenv("MICROFER_MODEL")
    monkeypatch.setattr(command, "current_model", lambda: current_model(tmp_path))
    with pytest.raises(MicroferError, match=r"DEFAULT is missing.*name a \.tflite"):
        classify_command.main([])


class FakeWebcam:
    """Delivers dark frames first, then the astronaut."""

    opened, delivers = True, True

    def __init__(self, number):
        self.number, self.taken = number, 0

    def isOpened(self):  # noqa: N802
        return self.opened

    def read(self):
        self.taken += 1
        dark = self.taken <= pictures.WARM_UP_FRAMES
        frame = cv2.imread(str(pictures.astronaut_path()))
        return self.delivers, np.zeros_like(frame) if dark else frame

    def release(self):
        FakeWebcam.released = True


def test_a_webcam_gives_one_picture_after_its_dark_frames(run, monkeypatch, tmp_path):
    monkeypatch.setattr(cv2, "VideoCapture", FakeWebcam)
    status, out, _ = run("--webcam", "3")
    assert status == 0
    assert "97x97" in out
    assert (tmp_path / "out" / "webcam-3.png").exists()
    assert FakeWebcam.released


@pytest.mark.parametrize(
    ("fault", "message"), [("opened", "webcam 0 cannot be opened"), ("delivers", "delivers no frame")]
)
def test_a_webcam_that_fails_is_named(run, monkeypatch, fault, message):
    monkeypatch.setattr(cv2, "VideoCapture", FakeWebcam)
    monkeypatch.setattr(FakeWebcam, fault, False)
    with pytest.raises(MicroferError, match=message):
        run("--webcam")


@pytest.mark.parametrize("arguments", [["--webcam", "0", "me.jpg"], ["--webcam", "-1"], ["--min-size", "0"]])
def test_options_that_contradict_end_with_status_2(run, arguments):
    with pytest.raises(SystemExit) as end:
        run(*arguments)
    assert end.value.code == 2


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a display by a variable")
def test_a_window_without_a_display_is_an_error(run, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(MicroferError, match="there is no display here"):
        run("--show")


def test_a_window_with_the_headless_build_names_package_and_libraries(run, monkeypatch):
    def refuse(*_):
        raise cv2.error("The function is not implemented")

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(cv2, "namedWindow", refuse)
    with pytest.raises(MicroferError, match=r"opencv-python>=4\.14,<5.*libGL and libxcb"):
        run("--show")


def test_an_opencv_without_its_libraries_names_them(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    monkeypatch.delitem(sys.modules, opencv.__name__)
    with pytest.raises(MicroferError, match=r"libGL and libxcb.*opencv-python-headless needs none"):
        importlib.import_module(opencv.__name__)


def test_a_window_shows_each_picture_until_a_key_and_stops_at_q(run, monkeypatch, plain):
    shown, keys = [], iter([255, ord(" "), ord("q")])
    monkeypatch.setattr(classify_command, "open_window", lambda title: None)
    monkeypatch.setattr(cv2, "imshow", lambda title, picture: shown.append(picture))
    monkeypatch.setattr(cv2, "waitKey", lambda milliseconds: next(keys))
    monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: 1.0)
    run("--show", plain, plain, plain)
    assert len(shown) == 2


def test_a_turned_photo_is_set_upright(tmp_path):
    photo = Image.new("RGB", (60, 40))
    exif = photo.getexif()
    exif[0x0112] = 6  # the camera was held upright
    photo.save(tmp_path / "turned.jpg", exif=exif)
    assert pictures.read(tmp_path / "turned.jpg").pixels.shape == (60, 40, 3)


def test_the_saved_picture_shows_the_very_crop():
    crop = np.random.default_rng(3).integers(0, 256, (48, 48), dtype=np.uint8)
    drawn = compose(np.zeros((300, 300, 3), np.uint8), [finding(crop)], "model", "TFLM")
    zoom = annotate.BIG_ZOOM
    left = annotate.INNER + 2 * annotate.MARGIN + 20  # a square frame fills the height
    top = annotate.MARGIN + annotate.HEADER + 20
    centres = drawn[top + zoom // 2 :: zoom, left + zoom // 2 :: zoom][:48, :48]
    assert (centres == crop[..., np.newaxis]).all()


@pytest.mark.parametrize("faces", [0, 1, 2, 3, 7])
@pytest.mark.parametrize("shape", [(48, 48), (300, 900), (900, 300), (1, 2000), (3000, 2)])
def test_any_frame_with_any_number_of_faces_can_be_drawn(shape, faces):
    drawn = compose(np.zeros((*shape, 3), np.uint8), [finding(face=Face(-5, -5, 30, 3))] * faces, "model", "TFLM")
    columns = max(1, -(-faces // 3))
    assert drawn.shape[0] == annotate.HEIGHT
    assert drawn.shape[1] >= annotate.FRAME_WIDTH_MIN + columns * annotate.CARD_WIDTH
    assert drawn.dtype == np.uint8


def test_the_winning_bar_is_as_long_as_its_share():
    def colored(score):
        scores = np.full(7, (1 - score) / 6, np.float32)
        scores[3] = score
        drawn = compose(np.zeros((300, 300, 3), np.uint8), [finding(scores=scores)], "model", "TFLM")
        color = [int(annotate.COLORS[3][i : i + 2], 16) for i in (5, 3, 1)]
        # Below the words that stand in the same colour, only the bar shows it.
        card = drawn[700:, annotate.INNER + 2 * annotate.MARGIN :]
        return (card == color).all(axis=2).sum(axis=1).max()

    assert colored(0.8) == pytest.approx(2 * colored(0.4), rel=0.03)


def test_a_model_with_metadata_goes_by_its_own_name_and_threshold(tmp_path):
    metadata = ModelMetadata("tiny-1", "tiny", None, uncertain_below=0.9)
    (tmp_path / "model.tflite").write_bytes(embed_metadata(MODEL.read_bytes(), metadata))
    classifier = Classifier(tmp_path / "model.tflite")
    assert classifier.model_id == "tiny-1"
    assert classifier.answer(np.zeros((48, 48), np.uint8)).label == "uncertain"
