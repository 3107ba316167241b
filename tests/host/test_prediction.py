"""The prediction's oracle is itself tested: against powers in double precision, and as the host's demo decides."""

import math

import numpy as np
import pytest

from microfer.deploy.prediction_tables import log2_q24, power_of_half_q31
from microfer.simulate import classify
from microfer.simulate.prediction import ONE, Predictor, Settings, calibrated, settings_of

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


@pytest.mark.parametrize("temperature", [0.8, 1.5])
def test_one_frame_gives_the_demos_answer(temperature):
    random = np.random.default_rng(9)
    for _ in range(300):
        scores = random_scores(random)
        theirs = classify.calibrated((scores + np.float32(128)) / np.float32(256), temperature)
        ours = Predictor(settings_of(temperature, 0.4)).update(scores.tolist())
        assert np.abs(np.array(ours.smoothed) / ONE - theirs).max() < 1e-4
        if abs(theirs.max() - 0.4) > 1e-4:
            assert ours.certain == (classify.label_of(theirs, 0.4) != classify.UNCERTAIN)


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
