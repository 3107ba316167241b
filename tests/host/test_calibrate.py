"""Calibration: what is fitted, what a threshold buys, what is written, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microfer.calibrate import coverage
from microfer.calibrate.calibrate import _halves, calibrate, cross_fit
from microfer.calibrate.temperature import Scored, fit_temperature, lost_truths, natural_floor, perfect_ece, scored
from microfer.cli import calibrate as calibrate_command
from microfer.data.synthetic import synthetic_dataset
from microfer.errors import MicroferError
from microfer.oracle.prediction import Predictor, settings_of
from microfer.tflite import tflite_file
from microfer.tflite.metadata import ModelMetadata, embed_metadata, read_metadata

pytestmark = pytest.mark.tensorflow

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "tests" / "golden" / "tiny_int8.tflite"


def population(count: int, temperature: float, seed: int = 0, smoothing: float = 0.0) -> tuple[Any, Any]:
    """Return int8 scores and labels of a model whose logits are `temperature` times too large, then smoothed."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (count, 7))
    true = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (true.cumsum(1) > rng.random((count, 1))).argmax(1)
    shown = np.exp(temperature * logits) / np.exp(temperature * logits).sum(1, keepdims=True)
    shown = (1 - smoothing) * shown + smoothing / 7
    return np.clip(np.round(256 * shown) - 128, -128, 127).astype(np.int8), labels


@pytest.mark.parametrize("temperature", [0.6, 1.0, 1.5])
def test_the_temperature_that_spoiled_the_logits_is_found(temperature):
    raw, labels = population(20_000, temperature)
    assert fit_temperature(raw, labels) == pytest.approx(temperature, abs=0.08)


def test_calibrating_brings_the_error_down_to_what_a_perfect_model_shows():
    raw, labels = population(4_000, 1.6)
    result = calibrate(raw, labels, seeds=2)
    assert result.before.ece > 0.1
    assert result.after.ece < result.after.perfect_ece_high + 0.01
    assert result.spread("ece")[0] < 0.04
    assert result.accuracy == float(scored(raw, labels, 1.0).right.mean())  # no label changed


@pytest.mark.parametrize("temperature", [1.2, 1.5])
def test_smoothed_labels_need_the_floor_to_find_the_temperature(temperature):
    raw, labels = population(20_000, temperature, smoothing=0.1)
    assert fit_temperature(raw, labels, natural_floor(0.1)) == pytest.approx(temperature, abs=0.12)
    assert fit_temperature(raw, labels) < temperature - 0.15


def test_the_floor_calibrates_smoothed_scores_better_than_a_temperature_alone():
    raw, labels = population(20_000, 1.4, smoothing=0.1)
    result = calibrate(raw, labels, score_floor=4, seeds=3)
    assert result.after.ece < result.without_floor.ece
    assert result.spread("ece")[0] < result.spread("ece_without_floor")[0]
    assert result.without_floor.temperature == fit_temperature(raw, labels)
    assert result.after.lost_truths == lost_truths(raw, labels, 4) > 0 == result.before.lost_truths
    assert result.accuracy == float(scored(raw, labels, 1.0).right.mean())  # no label changed
    assert not any("label smoothing" in sentence for sentence in result.misses())


def test_a_floor_that_the_training_did_not_give_is_named():
    raw, labels = population(8_000, 1.0)
    result = calibrate(raw, labels, score_floor=20, seeds=2)
    assert any("a score floor of 20 makes" in sentence for sentence in result.misses())


@pytest.mark.parametrize(("smoothing", "floor"), [(0, 0), (0.05, 2), (0.1, 4), (0.2, 7), (0.8, 29)])
def test_the_natural_floor_is_a_seventh_of_the_smoothing(smoothing, floor):
    assert natural_floor(smoothing) == floor


@pytest.mark.parametrize("smoothing", [-0.1, 0.9, 1.1, float("nan")])
def test_a_smoothing_without_a_floor_is_refused(smoothing):
    with pytest.raises(MicroferError, match="has no score floor from 0 to 30"):
        natural_floor(smoothing)


@pytest.mark.parametrize("floor", [0, 4])
def test_confidence_and_certainty_are_the_boards(floor):
    raw, labels = population(200, 1.3)
    made = scored(raw, labels, 1.3, floor)
    settings = settings_of(1.3, 0.5, floor)
    for index, row in enumerate(raw):
        board = Predictor(settings).update(row.tolist())
        assert (made.confidence[index], made.predicted[index]) == (board.confidence / 65536, board.label)
        assert (made.confidence[index] >= 0.5) == board.certain


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("counts", [(3,) * 7, (2,) * 7, (5, 4, 3, 2, 7, 9, 11), (101, 2, 3, 3, 3, 3, 3)])
def test_the_halves_hold_every_image_once_each_class_alike_and_are_of_one_size(counts, seed):
    labels = np.repeat(np.arange(7, dtype=np.uint8), counts)
    np.random.default_rng(9).shuffle(labels)
    first, second = _halves(labels, seed)
    assert sorted([*first, *second]) == list(range(len(labels)))
    for label in range(7):
        assert abs(int((labels[first] == label).sum()) - int((labels[second] == label).sum())) <= 1
    assert abs(len(first) - len(second)) <= (1 if len(set(counts)) == 1 else 4)  # four classes of seven are even ones
    assert set(first) != set(range(len(first)))


def test_each_half_is_judged_by_the_other_halfs_fit():
    raw, labels = population(4_000, 1.0)
    one = cross_fit(raw, labels, 0)
    assert one.temperatures[0] != one.temperatures[1]
    assert one == cross_fit(raw, labels, 0)
    assert one.temperatures != cross_fit(raw, labels, 1).temperatures
    assert one.coverage == pytest.approx(0.8, abs=0.02)


def test_scores_without_meaning_are_no_calibration():
    rng = np.random.default_rng(0)
    raw, _ = population(700, 3.0)
    with pytest.raises(MicroferError, match="fits these scores"):
        fit_temperature(raw, rng.integers(0, 7, 700))


def test_a_perfect_model_is_never_measured_at_zero():
    mean, high = perfect_ece(np.random.default_rng(0).uniform(0.3, 1, 1000))
    assert 0.01 < mean < high < 0.06


FOUR = Scored(np.array([0.9, 0.8, 0.8, 0.4]), np.array([3, 3, 0, 0]), np.array([True, True, False, False]))


def test_the_curve_has_a_point_for_each_confidence_that_occurs():
    found = [(point.threshold, point.coverage, point.accuracy) for point in coverage.curve(FOUR)]
    assert found == [(0.4, 1.0, 0.5), (0.8, 0.75, 2 / 3), (0.9, 0.25, 1.0)]


def test_a_coverage_is_reached_even_where_confidences_tie():
    assert coverage.for_coverage(FOUR, 0.5) == pytest.approx(0.8)
    assert coverage.at_threshold(FOUR, coverage.for_coverage(FOUR, 0.5)).coverage == 0.75
    assert coverage.at_threshold(FOUR, coverage.for_coverage(FOUR, 1.0)).coverage == 1.0


@pytest.mark.parametrize("share", [0, 1.2, -1])
def test_a_coverage_outside_its_range_is_refused(share):
    with pytest.raises(MicroferError, match="above 0 and at most 1"):
        coverage.for_coverage(FOUR, share)


def test_the_lowest_threshold_that_reaches_an_accuracy_is_taken():
    raw, labels = population(4_000, 1.0)
    images = scored(raw, labels, 1.0)
    threshold = coverage.for_accuracy(images, 0.8)
    assert coverage.at_threshold(images, threshold).accuracy >= 0.8
    assert coverage.at_threshold(images, threshold - 0.01).accuracy < 0.8


def test_an_accuracy_out_of_reach_names_the_best():
    raw, labels = population(1_000, 1.0)
    images = scored(raw, labels, 1.0)
    with pytest.raises(MicroferError, match=r"reaches the accuracy 1 \(the best 0\.8"):
        coverage.for_accuracy(images, 1.0)


def test_a_threshold_that_answers_nothing_is_refused():
    with pytest.raises(MicroferError, match="no image is answered"):
        coverage.at_threshold(FOUR, 0.95)


def test_precision_and_recall_of_a_class_at_a_threshold():
    labels = np.array([3, 3, 3, 1])
    points = {point.label: point for point in coverage.class_points(FOUR, labels, 0.5)}
    assert (points["happiness"].precision, points["happiness"].recall) == (1.0, 2 / 3)
    assert (points["anger"].precision, points["anger"].recall, points["anger"].answers) == (0.0, None, 1)
    assert (points["disgust"].precision, points["disgust"].recall) == (None, 0.0)


def test_a_class_that_never_reaches_the_precision_has_no_threshold():
    raw, labels = population(4_000, 1.0)
    images = scored(raw, labels, 1.0)
    reached = coverage.class_points_for_precision(images, labels, 0.6)
    assert all(point is not None and point.precision >= 0.6 for point in reached)
    assert coverage.class_points_for_precision(images, labels, 0.999) == (None,) * 7


def test_a_class_with_one_image_is_too_little():
    raw, labels = population(500, 1.0)
    labels[labels == 1] = 0
    labels[0] = 1
    with pytest.raises(MicroferError, match="disgust has 1 images"):
        calibrate(raw, labels)


def test_an_image_without_any_score_is_a_damaged_model():
    raw, labels = population(500, 1.0)
    raw[17] = -128
    with pytest.raises(MicroferError, match="first: image 17"):
        calibrate(raw, labels)
    raw[17] = 30 - 128
    with pytest.raises(MicroferError, match=r"above 30 of 256 on 1 images \(first: image 17"):
        calibrate(raw, labels, score_floor=30)


def command(*arguments: object) -> None:
    """Run `microfer calibrate` in this process."""
    calibrate_command.main([*map(str, arguments), "--threads", "1"])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(embed_metadata(TINY.read_bytes(), ModelMetadata("tiny-1", "tiny", arena=None)))
    return path


@pytest.fixture
def csv(tmp_path: Path, model: Path) -> Path:
    """Drawn faces as PublicTest, labelled by the tiny model itself, but for every third one."""
    from microfer.runtimes.runners import open_tflite

    faces = synthetic_dataset(12, 1, "PublicTest")
    raw = open_tflite(model).raw(faces.images)
    random = np.random.default_rng(0).random((len(faces), 1))
    levels = raw.astype(float) + 128
    labels = ((levels / levels.sum(1, keepdims=True)).cumsum(1) > random).argmax(1)
    labels[:14] = np.tile(np.arange(7), 2)  # each class twice at least
    rows = [f"{k},{' '.join(map(str, i.ravel()))},PublicTest" for i, k in zip(faces.images, labels, strict=True)]
    path = tmp_path / "fer2013.csv"
    path.write_text("emotion,pixels,Usage\n" + "\n".join(rows) + "\n")
    return path


def test_the_command_writes_what_it_fitted_into_the_model_and_nothing_else(tmp_path, model, csv, capsys):
    before = tflite_file.read(model)
    command(model, "--data", csv, "--out", tmp_path / "report", "--json")
    document = json.loads(capsys.readouterr().out)
    after = tflite_file.read(tmp_path / "report" / model.name)
    metadata = read_metadata(after)
    assert (metadata.temperature, metadata.uncertain_below) == (document["temperature"], document["uncertain_below"])
    assert metadata.score_floor == 0
    assert replace(metadata, temperature=1.0, uncertain_below=0.0) == read_metadata(before)
    assert after.operators == before.operators
    assert tflite_file.read(model).content == before.content
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == [
        "calibration.json", "calibration.png", "coverage.png", model.name,
    ]  # fmt: skip
    assert json.loads((tmp_path / "report" / "calibration.json").read_text()) == document


def test_calibrating_a_calibrated_model_changes_nothing(tmp_path, model, csv):
    command(model, "--data", csv, "--out", model.parent)
    once = model.read_bytes()
    command(model, "--data", csv, "--out", model.parent)
    assert model.read_bytes() == once


def test_a_label_smoothing_gives_the_model_its_floor_which_it_keeps(model, csv, capsys):
    command(model, "--data", csv, "--label-smoothing", "0.05", "--out", model.parent)
    assert read_metadata(tflite_file.read(model)).score_floor == 2
    once = model.read_bytes()
    command(model, "--data", csv, "--out", model.parent)
    assert model.read_bytes() == once
    capsys.readouterr()
    command(model, "--data", csv, "--score-floor", "0", "--out", model.parent, "--json")
    assert json.loads(capsys.readouterr().out)["score_floor"] == 0
    assert b"score_floor" not in tflite_file.read(model).metadata["microfer"]


@pytest.mark.parametrize("wrong", [("--score-floor", "31"), ("--score-floor", "1", "--label-smoothing", "0.1")])
def test_an_impossible_floor_is_no_option(model, csv, wrong):
    with pytest.raises(SystemExit):
        command(model, "--data", csv, *wrong)


def test_the_table_is_for_people(model, csv, capsys):
    command(model, "--data", csv)
    shown = capsys.readouterr().err
    for word in ("temperature", "cross-fitted", "uncertain below", "happiness", "nothing written"):
        assert word in shown
    assert read_metadata(tflite_file.read(model)).temperature == 1.0
