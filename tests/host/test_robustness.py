"""Robustness: what each corruption does to pixels, what is counted, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from microfer.cli import robustness as robustness_command
from microfer.data.synthetic import synthetic_dataset
from microfer.errors import MicroferError
from microfer.studies.robustness.camera_chain import FACE_SIDES_PX, OpenCvCropFinder, scene, through_the_camera
from microfer.studies.robustness.corruptions import CORRUPTIONS, corruption
from microfer.studies.robustness.measure import measure
from microfer.studies.robustness.page import markdown, robustness_figure

pytestmark = pytest.mark.tensorflow

ROOT = Path(__file__).resolve().parents[2]
INT8 = ROOT / "tests" / "golden" / "tiny_int8.tflite"
FACES = synthetic_dataset(2, 0, "PublicTest")


@pytest.mark.parametrize("name", [one.name for one in CORRUPTIONS])
def test_a_corruption_gives_crops_that_grow_worse_and_are_the_same_every_time(name):
    one = corruption(name)
    before = FACES.images.copy()
    changed = [one.apply(FACES.images, strength, seed=3) for strength in one.strengths]
    distance = [np.abs(crops.astype(int) - FACES.images).mean() for crops in changed]
    assert distance == sorted(distance)
    assert distance[0] > 0
    assert all((crops.dtype, crops.shape) == (np.uint8, FACES.images.shape) for crops in changed)
    np.testing.assert_array_equal(one.apply(FACES.images, one.strengths[1], seed=3), changed[1])
    np.testing.assert_array_equal(FACES.images, before)


@pytest.mark.parametrize("name", ["noise", "rotation", "shift", "occlusion"])
def test_another_seed_gives_other_pixels(name):
    one = corruption(name)
    made = [one.apply(FACES.images, one.strengths[0], seed) for seed in (0, 1)]
    assert not np.array_equal(*made)


def test_strengths_are_in_their_units():
    flat = np.full((50, 48, 48), 128, np.uint8)
    noisy = corruption("noise").apply(flat, 20, 0)
    assert noisy.std() == pytest.approx(20, rel=0.02)
    assert corruption("darkness").apply(flat, 0.25, 0).mean() == 32
    covered = corruption("occlusion").apply(flat, 0.2, 0)
    assert (covered != 128).mean() == pytest.approx(21 * 21 / 48**2, rel=0.1)  # a square of 21 pixels, some of 128
    spot = np.zeros((1, 48, 48), np.uint8)
    spot[0, 24, 24] = 255
    moved = corruption("shift").apply(spot, 6, 0)[0].astype(float)
    centre = np.array([(moved.sum(axis) * np.arange(48)).sum() / moved.sum() for axis in (1, 0)])
    assert np.hypot(*(centre - 24)) == pytest.approx(6, abs=0.1)


def test_an_unknown_corruption_lists_what_there_is():
    with pytest.raises(MicroferError, match=r"'fog'; there are: blur, noise"):
        corruption("fog")


def test_accuracy_is_measured_against_the_labels_and_the_drop_against_the_same_images():
    """A model that knows the clean faces, and of darker ones every second."""
    known = {crop.tobytes(): label for crop, label in zip(FACES.images, FACES.labels, strict=True)}

    def score(crops, title):
        assert title in ("clean", "darkness")
        right = [known.get(crop.tobytes(), FACES.labels[i % 14] + i % 2) % 7 for i, crop in enumerate(crops)]
        return np.eye(7)[right]

    result = measure(score, FACES, 0, corruptions=[corruption("darkness")])
    assert (result.accuracy, result.images, result.camera) == (1.0, 14, None)
    assert [row.accuracy for row in result.rows] == [0.5] * 4
    row = result.rows[0]
    assert row.drop_points == 50
    # 7 of 14 images lost, none won: half = 1.96 * sqrt(7 - 7 * 7 / 14) / 14
    assert row.drop_high - row.drop_points == pytest.approx(100 * 1.96 * np.sqrt(7 - 3.5) / 14)
    assert row.low < 0.5 < row.high


class Always:
    """Finds every second face: the crop is gray, so that it can be told from what was not found."""

    name = "always"

    def __init__(self, pattern):
        self.pattern = list(pattern)

    def find(self, frame):
        assert (frame.shape, frame.dtype) == ((240, 320), np.uint8)
        self.pattern.append(self.pattern.pop(0))
        return np.full((48, 48), 90, np.uint8) if self.pattern[-1] else None


def test_behind_the_camera_only_the_faces_that_were_found_are_scored():
    scored = []

    def score(crops, title):
        scored.append((title, len(crops)))
        return np.eye(7)[np.zeros(len(crops), int)]

    result = measure(score, FACES, 0, corruptions=[], finder=Always([True, False]))
    assert scored == [("clean", 14), ("camera", 7 * len(FACE_SIDES_PX))]
    assert [row.found for row in result.rows] == [0.5] * len(FACE_SIDES_PX)
    assert [row.images for row in result.rows] == [7] * len(FACE_SIDES_PX)
    assert result.rows[0].accuracy == 1 / 7 if FACES.labels[0] == 0 else True
    assert "always" in markdown(result)[0]


def test_a_camera_that_sees_nobody_says_so():
    with pytest.raises(MicroferError, match="found none of 14 faces of 200 pixels"):
        measure(lambda crops, _: np.zeros((len(crops), 7)), FACES, 0, corruptions=[], finder=Always([False]))


def test_a_face_is_somewhere_on_the_frame_in_its_size():
    face = np.zeros((48, 48), np.uint8)  # darker than any background
    frame = scene(face, 96, np.random.default_rng(0))
    rows, columns = np.nonzero(frame < 15)
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == pytest.approx((96, 96), abs=2)
    with pytest.raises(MicroferError, match="choose 24 to 240"):
        scene(face, 300, np.random.default_rng(0))


def test_opencv_finds_a_photographed_face_again_and_crops_it_alike():
    from microfer.pictures import pictures
    from microfer.pictures.faces import FaceFinder, crop

    gray = pictures.read(pictures.astronaut_path()).gray()
    known = crop(gray, FaceFinder().find(gray)[0])[np.newaxis]
    crops, found = through_the_camera(known, 144, OpenCvCropFinder(), seed=0)
    assert found.tolist() == [True]
    assert np.corrcoef(crops[0].ravel(), known[0].ravel())[0, 1] > 0.8


def test_the_firmware_finds_a_photographed_face_again_and_crops_it_alike():
    from microfer.pictures import pictures
    from microfer.pictures.faces import FaceFinder, crop
    from microfer.studies.robustness.camera_chain import crop_finder

    gray = pictures.read(pictures.astronaut_path()).gray()
    known = crop(gray, FaceFinder().find(gray)[0])[np.newaxis]
    crops, found = through_the_camera(known, 144, crop_finder("firmware"), seed=0)
    assert found.tolist() == [True]
    # The board's box lies a little lower than OpenCV's, see docs/face.md.
    assert np.corrcoef(crops[0].ravel(), known[0].ravel())[0, 1] > 0.5


def test_nothing_to_measure_on_is_refused():
    with pytest.raises(MicroferError, match="no image"):
        measure(lambda crops, _: np.zeros((len(crops), 7)), FACES.take(FACES.labels == 99), 0)


def test_the_picture_has_a_plot_for_each_kind():
    result = measure(lambda crops, _: np.eye(7)[np.zeros(len(crops), int)], FACES, 0)
    figure = robustness_figure(result, "tiny")
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_visible()]
    assert titles == [one.name for one in CORRUPTIONS]


def test_the_command_writes_json_table_and_plot(tmp_path, capsys):
    csv = tmp_path / "fer2013.csv"
    rows = [f"{k},{' '.join(map(str, i.ravel()))},PublicTest" for i, k in zip(FACES.images, FACES.labels, strict=True)]
    csv.write_text("emotion,pixels,Usage\n" + "\n".join(rows) + "\n")
    options = ["--data", csv, "--only", "blur", "jpeg", "--threads", "1", "--out", tmp_path / "out", "--json"]
    robustness_command.main([str(INT8), *map(str, options)])
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads((tmp_path / "out" / "robustness.json").read_text())
    assert [row["kind"] for row in document["rows"]] == ["blur"] * 4 + ["jpeg"] * 4
    assert (document["runner"], document["images"]) == ("litert-optimized", 14)
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["robustness.json", "robustness.md", "robustness.png"]
