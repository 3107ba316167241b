"""The measurements of the board's face detector, on few scenes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from microfer.data.synthetic import render_face
from microfer.errors import MicroferError
from microfer.studies.detector import box as detector_box
from microfer.studies.detector import report as detector_report
from microfer.studies.detector import scenes as detector_scenes
from microfer.studies.detector.report import EVERY_WINDOW, FIRMWARE, OPENCV
from microfer.virtual_board.core_build import find_compiler
from microfer.virtual_board.firmware_core import open_core

ROOT = Path(__file__).resolve().parents[2]
FACES = np.stack([render_face(index % 7, np.random.default_rng(index)) for index in range(14)])


@pytest.fixture(scope="module")
def core():
    try:
        find_compiler()
    except MicroferError as error:
        pytest.skip(str(error))
    return open_core()


def test_scenes_are_the_same_for_the_same_seed_and_hold_the_face_where_they_say():
    one, again = (list(detector_scenes.scenes(FACES, 6, 3)) for _ in range(2))
    other = next(detector_scenes.scenes(FACES, 1, 4))
    for first, second in zip(one, again, strict=True):
        assert np.array_equal(first.frame, second.frame)
        assert first.frame.shape == (120, 160)
        assert 48 <= first.size <= 100
        assert 0 <= first.left <= 160 - first.size
        assert 0 <= first.top <= 120 - first.size
    assert not np.array_equal(one[0].frame, other.frame)


def test_frames_without_a_face_differ_and_have_the_boards_size():
    frames = list(detector_scenes.faceless(8, 1))
    assert {frame.shape for frame in frames} == {(120, 160)}
    assert len({frame.tobytes() for frame in frames}) == 8
    assert all(frame.dtype == np.uint8 for frame in frames)


@pytest.mark.parametrize(
    ("box", "expected"), [((0, 0, 10, 10), 1), ((10, 0, 10, 10), 0), ((5, 0, 10, 10), 1 / 3), ((0, 0, 20, 20), 0.25)]
)
def test_overlap_is_intersection_over_union(box, expected):
    assert detector_report.overlap(box, 0, 0, 10) == pytest.approx(expected)


def test_the_report_counts_what_each_finder_finds(core):
    report = detector_report.measure(core, FACES, scene_count=20, faceless_count=12)
    document = json.loads(json.dumps(report.to_json()))
    for rates in (report.lfw, report.fer):
        assert set(rates) == {FIRMWARE, EVERY_WINDOW, OPENCV}
        assert rates[EVERY_WINDOW] == rates[OPENCV]
        assert rates[FIRMWARE].found >= 17
        assert rates[FIRMWARE].low <= rates[FIRMWARE].rate <= rates[FIRMWARE].high
    assert report.same_answer[EVERY_WINDOW] == report.shared_boxes[EVERY_WINDOW] == 1
    assert report.shared_boxes[FIRMWARE] > 0.9
    assert document["false_boxes_a_frame"][FIRMWARE] == report.false_boxes[FIRMWARE] / 12
    assert document["speed_against_opencv"][FIRMWARE] > 0


def test_without_fer_2013_its_faces_are_left_out(core):
    assert detector_report.measure(core, None, scene_count=2, faceless_count=1).fer is None


def test_the_box_with_the_highest_accuracy_is_found(core):
    """A scorer that likes dark crops: the larger the box around a dark face on white, the fewer it likes."""

    def score(crops, title):
        likes = crops.reshape(len(crops), -1).mean(axis=1) < 128
        return np.stack([likes, ~likes], axis=1).astype(float)

    curve = detector_box.measure(core, score, FACES, np.zeros(len(FACES), int))
    assert 0 < curve.found <= curve.faces == 14
    assert len(curve.rows) == len(detector_box.SIDES_Q8) * len(detector_box.DOWNS_Q8)
    assert curve.best.accuracy == max(row.accuracy for row in curve.rows)
    assert detector_box.curve_figure(curve, "a title").axes


def test_images_without_a_face_are_refused(core):
    with pytest.raises(MicroferError, match="no face on any of 3 images"):
        detector_box.measure(core, lambda crops, title: crops, np.zeros((3, 48, 48), np.uint8), np.zeros(3, int))


def test_the_box_needs_the_data_set():
    command = [sys.executable, ROOT / "host" / "microfer", "evaluate-detector", "--box"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "add --data" in done.stderr


def test_the_command_prints_json(core):
    command = [sys.executable, ROOT / "host" / "microfer", "evaluate-detector"]
    command += ["--scenes", "4", "--faceless", "4", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["fer"] is None
    assert document["lfw"][OPENCV]["scenes"] == 4
