"""Colour pictures of any size made into a data set of 48x48 gray crops."""

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.host.test_data_limits import png
from tests.host.test_fer2013 import FACES, encoded, put, zipped

from microfer.cli import command
from microfer.data import fer2013
from microfer.data.synthetic import render_face
from microfer.errors import MicroferError
from microfer.oracle.crop import crop_resize
from microfer.pictures.convert import Converted, convert, earlier
from microfer.pictures.faces import FaceFinder, crop

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(5)
SCENES = [cv2.cvtColor(render_face(label, RNG, 200, 0.5), cv2.COLOR_GRAY2BGR) for label in (3, 6)]
"""Drawn heads with their surroundings, 200x200, in colour."""

EMPTY = np.full((120, 160, 3), (200, 120, 40), np.uint8)


@pytest.fixture
def photos(tmp_path):
    files = {
        "train/smiling/a.jpg": encoded(SCENES[0], ".jpg"),
        "train/calm/b.png": encoded(SCENES[1]),
        "train/calm/c.webp": cv2.imencode(".webp", EMPTY)[1].tobytes(),
        "dataset.toml": "absent = []",
        "notes.txt": "of no interest",
    }
    return put(tmp_path / "photos", files)


def test_the_largest_face_of_each_picture_becomes_the_boards_crop(photos, tmp_path):
    result = convert(photos, tmp_path / "out", "face")
    assert (result.images, result.without_face) == (2, ("train/calm/c.webp",))
    gray = cv2.cvtColor(SCENES[1], cv2.COLOR_BGR2GRAY)
    expected = crop(gray, FaceFinder(min_size_px=20).find(gray)[0])
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "out/train/calm/b.png"), cv2.IMREAD_UNCHANGED), expected)
    data = fer2013.load(tmp_path / "out")
    assert data.classes == ("calm", "smiling")
    assert data.names.tolist() == ["train/calm/b.png", "train/smiling/a.jpg.png"]
    assert (tmp_path / "out" / "dataset.toml").read_text() == "absent = []"
    assert json.loads((tmp_path / "out" / "converted.json").read_text())["without_face"] == ["train/calm/c.webp"]


def test_a_picture_as_it_is_becomes_the_square_in_its_middle(tmp_path):
    wide = RNG.integers(0, 256, (60, 100, 3), np.uint8)
    path = zipped(tmp_path / "wide.zip", {"train\\sad\\1.png": encoded(wide), "train/sad/2.png": encoded(FACES[0])})
    seen: list[tuple[int, int]] = []
    assert convert(path, tmp_path / "out", "whole", lambda *done: seen.append(done)).images == 2
    gray = cv2.cvtColor(wide, cv2.COLOR_BGR2GRAY)
    images = fer2013.load(tmp_path / "out").images
    np.testing.assert_array_equal(images[0], crop_resize(gray, 20, 0, 60, 60))
    np.testing.assert_array_equal(images[1], FACES[0])
    assert seen == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("files", "way", "said"),
    [
        ({"train/sad/1.png": b"no picture"}, "whole", r"train/sad/1.png is not a picture that can be read"),
        ({"train/sad/1.png": png(60_000, 60_000)}, "whole", r"1.png: .*at most 67,108,864 are decoded"),
        ({"train/sad/1.png": encoded(EMPTY)}, "face", r"no face was found in any of 1 pictures"),
        ({"notes.txt": b"x"}, "whole", r"holds no picture to convert"),
        ({"../sad/1.png": encoded(EMPTY)}, "whole", r"'../sad/1.png' leads out of the data set"),
        ({"/etc/1.png": encoded(EMPTY)}, "whole", r"'/etc/1.png' leads out of the data set"),
    ],
)
def test_what_cannot_be_converted_leaves_nothing(tmp_path, files, way, said):
    path = zipped(tmp_path / "a.zip", files)
    with pytest.raises(MicroferError, match=said):
        convert(path, tmp_path / "out", way)
    assert [found.name for found in tmp_path.iterdir()] == ["a.zip"]


def test_a_folder_that_is_there_is_not_overwritten(photos, tmp_path):
    put(tmp_path / "out", {"mine.txt": "mine"})
    with pytest.raises(MicroferError, match="out is there already"):
        convert(photos, tmp_path / "out", "whole")
    with pytest.raises(MicroferError, match="out holds something else"):
        earlier(photos, tmp_path / "out", "whole")


def test_a_conversion_is_known_again_until_the_pictures_are_others(photos, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    out = command.converted(photos, "face")
    assert out == Path("runs/data/photos-face")
    assert "no face was found in 1 pictures" in capsys.readouterr().err
    before = (out / "converted.json").stat().st_mtime_ns
    assert command.converted(photos, "face") == out
    assert (out / "converted.json").stat().st_mtime_ns == before
    assert isinstance(earlier(photos, out, "face"), Converted)
    put(photos, {"train/calm/d.png": encoded(SCENES[0])})
    with pytest.raises(MicroferError, match=r"holds something else than what .*photos has now: delete it"):
        command.converted(photos, "face")
    assert command.converted(photos, None) == photos


def test_a_zip_brings_what_is_said_of_it_beside_it(tmp_path):
    path = zipped(tmp_path / "raf.zip", {"train/1/1.png": encoded(EMPTY)})
    put(tmp_path, {"raf.dataset.toml": 'classes = {1 = "surprise"}'})
    convert(path, tmp_path / "out", "whole")
    assert fer2013.load(tmp_path / "out").labels.tolist() == [5]


def test_pictures_of_another_kind_are_refused_with_the_way_to_convert_them(photos):
    with pytest.raises(MicroferError, match=r"make all pictures 48x48 and gray: microfer convert"):
        fer2013.load(photos)


def test_the_command_says_what_came_of_it(photos, tmp_path):
    command_line = [sys.executable, ROOT / "host" / "microfer", "convert", "--data", photos, "--convert", "face"]
    done = subprocess.run([*command_line, "--out", tmp_path / "out"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "2 crops of 48x48 gray pixels; no face was found in 1, see" in done.stderr


def test_a_csv_is_not_taken_for_a_damaged_zip(tmp_path):
    put(tmp_path, {"fer.csv": "emotion,pixels\n"})
    with pytest.raises(MicroferError, match=r"fer.csv is neither a folder nor .* write the pictures of a CSV"):
        convert(tmp_path / "fer.csv", tmp_path / "out", "whole")


def test_a_tar_is_converted_too(tmp_path):
    put(tmp_path / "faces", {"train/sad/1.png": encoded(EMPTY)})
    with tarfile.open(tmp_path / "faces.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "faces", "faces")
    assert convert(tmp_path / "faces.tar.gz", tmp_path / "out", "whole").images == 1
    assert fer2013.load(tmp_path / "out").labels.tolist() == [4]
