"""Recipes: learning rate, targets, class weights."""

import numpy as np
import pytest

from microfer.contract import OFFICIAL_COUNTS
from microfer.errors import MicroferError
from microfer.training.recipe import RECIPES, recipe


def test_the_rate_rises_through_the_warm_up_and_falls_to_zero() -> None:
    strong = recipe("strong")
    assert strong.rate(0) == 0
    assert strong.rate(strong.warmup_epochs / 2) == strong.learning_rate / 2
    assert strong.rate(strong.warmup_epochs) == strong.learning_rate
    middle = (strong.warmup_epochs + strong.epochs) / 2
    assert strong.rate(middle) == pytest.approx(strong.learning_rate / 2)
    assert strong.rate(strong.epochs) == pytest.approx(0, abs=1e-12)


def test_a_constant_rate_stays() -> None:
    thesis = recipe("thesis")
    assert {thesis.rate(epoch) for epoch in (0, 1, 50, 100)} == {thesis.learning_rate}


def test_smoothed_targets_add_up_to_one_and_favour_the_label() -> None:
    targets = recipe("strong").targets(np.array([3], np.uint8))
    assert targets.sum() == pytest.approx(1)
    assert targets[0, 3] == pytest.approx(0.9 + 0.1 / 7)
    assert targets[0, 0] == pytest.approx(0.1 / 7)


def test_class_weights_let_every_class_count_alike() -> None:
    counts = np.array(OFFICIAL_COUNTS["Training"])
    labels = np.repeat(np.arange(7, dtype=np.uint8), counts)
    weights = recipe("thesis").image_weights(labels)
    per_class = np.bincount(labels, weights)
    assert per_class == pytest.approx(np.full(7, len(labels) / 7), rel=1e-4)
    assert weights[labels == 1][0] == pytest.approx(28_709 / (7 * 436))


def test_the_strong_recipe_weighs_every_image_alike() -> None:
    assert set(recipe("strong").image_weights(np.array([0, 1, 1], np.uint8))) == {1.0}


def test_half_of_the_class_weights_are_their_roots() -> None:
    labels = np.array([0] * 9 + [1], np.uint8)
    weights = recipe("half-balanced").image_weights(labels)
    assert weights.mean() == pytest.approx(1)
    assert weights[9] / weights[0] == pytest.approx(np.sqrt(9))


def test_the_balanced_recipe_goes_on_from_the_strong_one_and_lets_every_class_count_alike() -> None:
    strong, balanced = recipe("strong"), recipe("balanced")
    assert balanced.class_weights == 1
    assert balanced.learning_rate < strong.learning_rate / 4  # what was learnt is kept
    assert balanced.augmentation == strong.augmentation


def test_an_unknown_recipe_is_answered_with_those_that_exist() -> None:
    with pytest.raises(MicroferError, match=", ".join(RECIPES)):
        recipe("strongest")
