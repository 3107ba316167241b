"""The prediction's oracle is itself tested: against powers in double precision, and by one picture's answer."""

import math
from pathlib import Path

import numpy as np
import pytest

from microfer.contract import LABELS
from microfer.data.synthetic import synthetic_dataset
from microfer.oracle.prediction import ONE, Predictor, Settings, calibrated, calibrated_all, settings_of
from microfer.oracle.tables import log2_q24, power_of_half_q31
from microfer.pictures import classify
from microfer.runtimes.runners import open_tflite
from microfer.tflite.metadata import ModelMetadata, embed_metadata

TINY = Path(__file__).resolve().parents[1] / "golden" / "tiny_int8.tflite"
HAPPINESS, NEUTRAL = 3, 6


def random_scores(random):
    powers = np.exp(random.normal(0, 2, 7))
    return np.clip(np.round(powers / powers.sum() * 256) - 128, -128, 127).astype(np.int8)


def test_the_tables_hold_what_they_say():
    assert log2_q24()[1:] == [round(2**24 * math.log2(p)) for p in range(1, 256)]
    assert power_of_half_q31() == [round(2**31 * 2 ** (-i / 256)) for i in range(257)]


@pytest.mark.parametrize("temperature", [0.05, 0.5, 0.9, 1, 1.3, 2, 20])
def test_confidences_are_those_of_exact_powers_to_two_parts_in_65536(temperature):
    random = np.random.default_rng(8)
    inverse = settings_of(temperature, 0).inverse_temperature
    for _ in range(300):
        scores = random_scores(random)
        made = calibrated(scores.tolist(), inverse)
        powers = ((scores + 128.0) / 256) ** (inverse / ONE)
        assert np.abs(np.array(made) - ONE * powers / powers.sum()).max() <= 2
        assert abs(sum(made) - ONE) <= 3


@pytest.mark.parametrize("temperature", [0.5, 1, 1.3, 2, 20])
def test_a_floor_is_taken_away_before_exact_powers(temperature):
    random = np.random.default_rng(10)
    inverse = settings_of(temperature, 0).inverse_temperature
    for floor in range(31):
        scores = random_scores(random)
        made = calibrated(scores.tolist(), inverse, floor)
        powers = (np.maximum(scores + 128.0 - floor, 0) / 256) ** (inverse / ONE)
        assert np.abs(np.array(made) - ONE * powers / powers.sum()).max() <= 2


@pytest.mark.parametrize("temperature", [0.05, 0.5, 1, 1.3, 20])
def test_many_rows_at_once_give_the_same_bits(temperature):
    random = np.random.default_rng(9)
    inverse = settings_of(temperature, 0).inverse_temperature
    rows = np.stack([random_scores(random) for _ in range(500)])
    for floor in (0, 4, 30):
        expected = [calibrated(row.tolist(), inverse, floor) for row in rows]
        np.testing.assert_array_equal(calibrated_all(rows, inverse, floor), expected)


def test_scores_of_nothing_are_seven_zeros_among_many_rows():
    rows = np.full((2, 7), -128, np.int8)
    rows[1, NEUTRAL] = 127
    assert calibrated_all(rows, ONE).tolist() == [[0] * 7, [0] * 6 + [ONE]]
    assert calibrated_all(rows, ONE, 30).tolist() == [[0] * 7, [0] * 6 + [ONE]]


def test_a_floor_that_swallows_every_score_answers_none_and_changes_nothing():
    predictor = Predictor(Settings(score_floor=30))
    swallowed = [30 - 128] * 7
    assert predictor.update(swallowed) is None
    first = predictor.update([31 - 128, *swallowed[1:]])
    assert (first.label, first.confidence) == (0, ONE)
    assert predictor.update(swallowed) is None
    assert calibrated(swallowed, ONE, 29) is not None


@pytest.mark.parametrize("floor", [-1, 31, 256])
def test_a_floor_that_could_swallow_a_softmax_is_refused(floor):
    with pytest.raises(ValueError, match="0 to 30 of 256 levels"):
        Settings(score_floor=floor)


def test_a_floor_changes_no_first_label():
    random = np.random.default_rng(11)
    for _ in range(300):
        scores = random_scores(random).tolist()
        labels = {np.argmax(calibrated(scores, settings_of(1.6, 0).inverse_temperature, floor)) for floor in (0, 4, 30)}
        assert labels == {np.argmax(scores)}


def test_a_temperature_of_two_gives_the_softmax_of_halved_logits():
    logits = np.array([1.5, 0.9, 0.3, 2.6, 0, 0.2, 2.2])
    scores = np.round(256 * np.exp(logits) / np.exp(logits).sum() - 128).astype(int).tolist()
    halved = np.exp(logits / 2) / np.exp(logits / 2).sum()
    made = np.array(calibrated(scores, settings_of(2, 0).inverse_temperature)) / ONE
    assert made == pytest.approx(halved, abs=0.01)  # scores come in steps of 1/256


@pytest.mark.parametrize("choice", [(0.8, 0.4, 0), (1.5, 0.5, 4), (1, 0, 30), (1, 0, 0)])
def test_a_single_picture_is_answered_as_the_board_does_on_a_first_frame(tmp_path, choice):
    temperature, uncertain_below, floor = choice
    metadata = ModelMetadata(
        "tiny-1", "tiny", None, temperature=temperature, uncertain_below=uncertain_below, score_floor=floor
    )
    path = tmp_path / "model.tflite"
    path.write_bytes(embed_metadata(TINY.read_bytes(), metadata))
    crops = synthetic_dataset(2, 3).images
    classifier = classify.Classifier(path)
    for crop, raw in zip(crops, open_tflite(path).raw(crops), strict=True):
        board = Predictor(settings_of(*choice)).update(raw.tolist())
        answer = classifier.answer(crop)
        assert np.array_equal(answer.scores * ONE, board.smoothed)
        assert answer.label == (LABELS[board.label] if board.certain else classify.UNCERTAIN)


def test_scores_of_nothing_are_none_and_change_nothing():
    predictor = Predictor(Settings())
    first = predictor.update([-128] * 3 + [127] + [-128] * 3)
    assert predictor.update([-128] * 7) is None
    assert predictor.update([-128] * 3 + [127] + [-128] * 3) == first


def test_a_label_that_flickers_by_a_little_is_shown_steadily():
    predictor = Predictor(Settings(newest_part=ONE, hysteresis=round(0.05 * ONE)))
    shown = set()
    for step in range(20):
        scores = [-128] * 7
        scores[HAPPINESS], scores[NEUTRAL] = (2, -2) if step % 2 == 0 else (-2, 2)
        shown.add(predictor.update(scores).label)
    assert shown == {HAPPINESS}


def test_the_smoothed_confidence_arrives():
    predictor = Predictor(Settings(newest_part=ONE // 4))
    predictor.update([127] + [-128] * 6)
    for _ in range(60):
        made = predictor.update([-128] * 6 + [127])
    assert made.label == NEUTRAL
    assert ONE - made.confidence <= 2  # rounding stops it half a step / newest_part short


def test_too_few_scores_are_refused():
    with pytest.raises(ValueError, match="expected 7 scores, got 6"):
        Predictor(Settings()).update([0] * 6)
