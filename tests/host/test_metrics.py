"""Metrics against results worked out by hand, and against SciPy where it has the same statistic."""

import json
from math import comb, sqrt

import numpy as np
import pytest
from scipy.stats import binomtest

from microfer.contract import LABELS, NUM_CLASSES
from microfer.errors import MicroferError
from microfer.metrics.metrics import (
    calibration_bins,
    classification_metrics,
    expected_calibration_error,
    mcnemar_p,
    paired_interval,
    wilson_interval,
)

ANGER, DISGUST, FEAR = 0, 1, 2


def probabilities_for(predicted: list[int], confidence: float = 0.7) -> np.ndarray:
    """Return softmax-like rows whose largest entry is `confidence`, at the class `predicted`."""
    rows = np.full((len(predicted), NUM_CLASSES), (1 - confidence) / (NUM_CLASSES - 1), dtype=np.float32)
    rows[np.arange(len(predicted)), predicted] = confidence
    return rows


def test_accuracy_counts_the_right_predictions():
    metrics = classification_metrics(probabilities_for([0, 0, 1, 2]), np.array([0, 1, 1, 2], np.uint8))
    assert (metrics.count, metrics.correct, metrics.accuracy) == (4, 3, 3 / 4)


def test_precision_recall_and_f1_follow_their_definitions():
    # anger: predicted 3 times, right twice, 4 true ones. disgust: predicted twice, right once, 2 true ones.
    labels = np.array([ANGER] * 4 + [DISGUST] * 2)
    metrics = classification_metrics(probabilities_for([ANGER, ANGER, DISGUST, FEAR, DISGUST, ANGER]), labels)
    anger, disgust, fear = metrics.per_class[:3]
    assert (anger.label, anger.support) == ("anger", 4)
    assert anger.precision == pytest.approx(2 / 3)
    assert anger.recall == pytest.approx(2 / 4)
    assert anger.f1 == pytest.approx(2 * (2 / 3) * (2 / 4) / (2 / 3 + 2 / 4))
    assert disgust.f1 == pytest.approx(2 * (1 / 2) * (1 / 2) / (1 / 2 + 1 / 2))
    assert (fear.precision, fear.recall, fear.f1, fear.support) == (0, 0, 0, 0)
    assert metrics.macro_f1 == pytest.approx((anger.f1 + disgust.f1) / 7)


def test_rows_of_the_confusion_matrix_are_true_classes():
    metrics = classification_metrics(probabilities_for([ANGER, FEAR]), np.array([ANGER, ANGER]))
    assert metrics.confusion[ANGER] == (1, 0, 1, 0, 0, 0, 0)
    assert sum(map(sum, metrics.confusion)) == 2


def test_the_wilson_interval_of_half_of_four():
    # z = 1.959964; centre 0.5 by symmetry, half width z / (1 + z^2/4) * sqrt(1/16 + z^2/64).
    z = 1.959963984540054
    half = z / (1 + z * z / 4) * (1 / 16 + z * z / 64) ** 0.5
    assert wilson_interval(2, 4) == pytest.approx((0.5 - half, 0.5 + half))


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (10, 10), (2382, 3589), (1, 3)])
def test_the_wilson_interval_equals_scipys(successes: int, trials: int):
    expected = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    assert wilson_interval(successes, trials) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_calibration_error_is_the_weighted_gap():
    # Bin (0.6, 0.667]: 3 images at 0.65, 1 right. Bin (0.867, 0.933]: 1 image at 0.9, right.
    bins = calibration_bins(np.array([0.65, 0.65, 0.65, 0.9]), np.array([True, False, False, True]))
    assert expected_calibration_error(bins) == pytest.approx(3 / 4 * (0.65 - 1 / 3) + 1 / 4 * (1 - 0.9))


def test_a_confidence_on_an_edge_belongs_to_the_bin_below():
    bins = calibration_bins(np.array([0.2, 1.0, 0.0]), np.array([True, True, True]), bins=5)
    assert [one.count for one in bins] == [2, 0, 0, 0, 1]
    assert bins[1].confidence is None
    assert bins[1].accuracy is None


def test_perfect_certainty_has_no_calibration_error():
    metrics = classification_metrics(probabilities_for([3, 4], confidence=1.0), np.array([3, 4]))
    assert metrics.ece == 0
    assert metrics.accuracy_high == 1


def test_mcnemar_counts_only_the_images_where_one_of_the_two_is_right():
    # 1 image where only A is right, 5 where only B is: p = 2 * (C(6,0) + C(6,1)) / 2^6.
    a = np.array([True] * 10 + [True] + [False] * 5)
    b = np.array([True] * 10 + [False] + [True] * 5)
    assert mcnemar_p(a, b) == pytest.approx(2 * (comb(6, 0) + comb(6, 1)) / 2**6)
    assert mcnemar_p(a, b) == mcnemar_p(b, a)
    assert mcnemar_p(a, b) == pytest.approx(binomtest(1, 6).pvalue)


def test_mcnemar_of_equal_classifiers_is_one():
    assert mcnemar_p(np.array([True, False]), np.array([True, False])) == 1
    assert mcnemar_p(np.array([True, False]), np.array([False, True])) == 1


def test_a_part_of_a_population_leaves_less_open_and_the_whole_of_it_nothing():
    low, high = wilson_interval(196, 200)
    narrow_low, narrow_high = wilson_interval(196, 200, population=400)
    assert low < narrow_low < 196 / 200 < narrow_high < high
    assert wilson_interval(196, 200, population=200) == (196 / 200, 196 / 200)
    assert paired_interval(3, 1, 200, population=200) == (2 / 200, 2 / 200)
    low, high = paired_interval(3, 1, 200)
    narrow_low, narrow_high = paired_interval(3, 1, 200, population=400)
    assert low < narrow_low < 0 < narrow_high < high


def test_a_paired_interval_is_agresti_and_mins():
    # Half a trial more in each of the four cases: 3.5 and 1.5 of 202; z = 1.96.
    middle, half = 2 / 202, 1.959964 * sqrt(5 - 2 * 2 / 202) / 202
    assert paired_interval(3, 1, 200) == pytest.approx((middle - half, middle + half))


def test_mcnemar_survives_thousands_of_disagreements():
    p = mcnemar_p(np.ones(4000, bool), np.zeros(4000, bool))
    assert 0 <= p < 1e-300


def test_mcnemar_refuses_masks_of_different_length():
    with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
        mcnemar_p(np.ones(2, bool), np.ones(3, bool))


def test_json_keeps_every_figure():
    metrics = classification_metrics(probabilities_for([0, 1]), np.array([0, 0]))
    document = json.loads(json.dumps(metrics.to_json()))
    assert document["accuracy"] == 1 / 2
    assert [row["label"] for row in document["per_class"]] == list(LABELS)
    assert np.shape(document["confusion"]) == (7, 7)
    assert len(document["calibration"]) == 15


def test_an_empty_split_is_an_error():
    with pytest.raises(MicroferError, match="no image to score"):
        classification_metrics(np.zeros((0, 7)), np.zeros(0, np.uint8))


def test_a_probability_that_is_no_number_names_the_image():
    probabilities = probabilities_for([0, 0, 0])
    probabilities[1, 3] = np.nan
    with pytest.raises(MicroferError, match=r"on 1 of 3 images.*image 1"):
        classification_metrics(probabilities, np.array([0, 0, 0]))


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"\(3, 7\).*\(2,\)"):
        classification_metrics(probabilities_for([0, 0, 0]), np.array([0, 0]))
