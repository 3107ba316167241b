"""Drawn faces: repeatable, labelled for what they are, told apart, and faces to a face detector."""

from dataclasses import fields

import cv2
import numpy as np
import pytest

from microfer.contract import LABELS, NUM_CLASSES
from microfer.data import synthetic
from microfer.data.duplicates import blank, exact_groups, near_groups
from microfer.data.face_description import Expression
from microfer.errors import MicroferError


@pytest.fixture(scope="module")
def faces():
    return synthetic.synthetic_dataset(60, seed=0)


def test_a_synthetic_data_set_says_that_it_is_one(faces):
    assert faces.source == "synthetic"
    assert faces.names[0] == "synthetic anger 0"
    assert set(faces.usage) == {"Training"}
    assert faces.counts().tolist() == [60] * NUM_CLASSES


def test_the_same_seed_gives_the_same_pixels(faces):
    again = synthetic.synthetic_dataset(2, seed=0)
    np.testing.assert_array_equal(again.images, faces.images[: 2 * NUM_CLASSES])


def test_another_seed_or_usage_gives_other_faces(faces):
    others = (synthetic.synthetic_dataset(1, seed=1), synthetic.synthetic_dataset(1, seed=0, usage="PublicTest"))
    for other in others:
        assert (other.images != faces.images[:NUM_CLASSES]).mean() > 0.9


def test_no_face_is_blank_or_there_twice(faces):
    assert not blank(faces.images).any()
    assert exact_groups(faces.images) == []
    assert near_groups(faces.images) == []


@pytest.mark.parametrize("size", [32, 48, 96, 160])
def test_a_face_has_the_size_that_was_asked_for(size):
    face = synthetic.render_face(3, np.random.default_rng(0), size)
    assert (face.shape, face.dtype) == ((size, size), np.uint8)
    assert np.ptp(face) > 40


def test_size_and_margin_change_the_picture_not_the_face():
    small = synthetic.render_face(5, np.random.default_rng(3), 48)
    large = synthetic.render_face(5, np.random.default_rng(3), 96)
    whole = synthetic.render_face(5, np.random.default_rng(3), 96, margin=0.5)
    reduced = cv2.resize(large, (48, 48), interpolation=cv2.INTER_AREA)
    for other in (reduced, whole[24:72, 24:72]):
        assert np.corrcoef(small.ravel(), other.ravel())[0, 1] > 0.9


def test_every_label_has_its_expression():
    assert tuple(expression.name for expression in synthetic.EXPRESSIONS) == LABELS
    assert set(synthetic._JITTER) == {field.name for field in fields(Expression)} - {"name"}


def gradients(images: np.ndarray) -> np.ndarray:
    """Histograms of oriented gradients, which do not see skin, light and background."""
    descriptor = cv2.HOGDescriptor((48, 48), (16, 16), (8, 8), (8, 8), 9)
    return np.stack([descriptor.compute(image).ravel() for image in images]).astype(np.float64)


def test_a_linear_classifier_tells_the_expressions_apart(faces):
    unseen = synthetic.synthetic_dataset(20, seed=0, usage="PublicTest")
    known, asked = gradients(faces.images), gradients(unseen.images)
    mean = known.mean(axis=0)
    known, asked = known - mean, asked - mean
    # Ridge regression on the one-hot labels, in its dual form: 420 faces, 900 features.
    weights = known.T @ np.linalg.solve(known @ known.T + np.eye(len(known)), np.eye(NUM_CLASSES)[faces.labels])
    right = (asked @ weights).argmax(axis=1) == unseen.labels
    assert right.mean() > 0.9
    for label, name in enumerate(LABELS):
        assert right[unseen.labels == label].mean() > 0.7, name


@pytest.mark.parametrize(("size", "margin"), [(160, 0.35), (192, 0.5)])
def test_the_viola_jones_detector_finds_most_whole_heads(size, margin):
    """The tight crop is then 94 and 96 pixels wide."""
    cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    rng = np.random.default_rng(2)
    found = 0
    for index in range(35):
        face = synthetic.render_face(index % NUM_CLASSES, rng, size, margin)
        boxes = cascade.detectMultiScale(face, scaleFactor=1.1, minNeighbors=3, minSize=(60, 60))
        centers = [(x + width / 2, y + height / 2) for x, y, width, height in boxes]
        found += any(abs(x - size / 2) < 0.15 * size and abs(y - size / 2) < 0.15 * size for x, y in centers)
    assert found >= 0.85 * 35


def test_fewer_than_one_face_per_class_is_refused():
    with pytest.raises(MicroferError, match="0 synthetic faces per class"):
        synthetic.synthetic_dataset(0, seed=0)


def test_an_unknown_usage_is_refused():
    with pytest.raises(MicroferError, match="'Test', expected one of Training, PublicTest"):
        synthetic.synthetic_dataset(1, seed=0, usage="Test")
