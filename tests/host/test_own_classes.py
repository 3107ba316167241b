"""Classes of one's own: from folders of drawn faces through training to the bars of the viewer."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.host.board_client import needs_compiler
from tests.host.fake_board import HELLO, prediction

from microfer.contract import LABELS, LONGEST_LABEL, LONGEST_LABEL_LIST, MAX_CLASSES, max_score_floor
from microfer.data import fer2013
from microfer.data.splits import require_classes
from microfer.data.synthetic import render_face, synthetic_faces
from microfer.errors import MicroferError
from microfer.link.connection import Connection
from microfer.link.events import Instant, Timed
from microfer.link.messages import PROTOCOL_VERSION, Hello, padded
from microfer.link.protocol import encode
from microfer.link.reader import LinkReader, OtherVersion, Received
from microfer.link.source import LiveSource
from microfer.metrics.metrics import classification_metrics
from microfer.model import networks
from microfer.model.table import layers
from microfer.oracle.prediction import Predictor, Settings
from microfer.tflite.metadata import ModelMetadata
from microfer.training.recipe import recipe
from microfer.viewer import picture
from microfer.viewer.export import columns
from microfer.viewer.terminal import render
from microfer.viewer.view_model import ViewModel, frame_view
from microfer.viewer.viewer import Viewer
from microfer.virtual_board.virtual_board import BoardSettings, VirtualBoard

ROOT = Path(__file__).parents[2]
MOODS = {"astonished": 5, "calm": 6, "smiling": 3}
"""Folder -> the drawn expression in it."""

SIXTEEN = tuple(f"mood {letter}" for letter in "abcdefghijklmnop")
NOW = Instant(1_000_000_000, 1_700_000_000_000_000_000)


def drawn_folders(root: Path, train: int, val: int) -> Path:
    rng = np.random.default_rng(0)
    for split, count in (("train", train), ("val", val)):
        for name, label in MOODS.items():
            (root / split / name).mkdir(parents=True)
            for number in range(count):
                cv2.imwrite(str(root / split / name / f"{number}.png"), render_face(label, rng))
    return root


# ---- each part by itself


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_every_network_has_an_output_for_each_class(name):
    config = networks.for_labels(networks.network(name), ("yes", "no", "maybe"))
    assert networks.from_json(networks.to_json(config)) == config
    if not name.startswith(("resnet50", "efficientnet")):
        assert layers(config)[-1].shape == (1, 1, 3)
    assert "labels" not in networks.to_json(networks.network(name))


def test_targets_and_metrics_have_as_many_classes_as_there_are_names():
    targets = recipe("strong").targets(np.array([2], np.uint8), 3)
    assert targets[0] == pytest.approx([0.1 / 3, 0.1 / 3, 0.9 + 0.1 / 3])
    metrics = classification_metrics(np.eye(3), np.array([0, 1, 1]), ("a", "b", "c"))
    assert [one.label for one in metrics.per_class] == ["a", "b", "c"]
    assert metrics.confusion == ((1, 0, 0), (0, 1, 1), (0, 0, 0))


@pytest.mark.parametrize("labels", [("one",), ("a", "a"), ("a", "B"), ("a", "x" * 16), ("a", "b,c"), LABELS[::-1]])
def test_labels_that_no_model_may_carry_are_refused(labels):
    with pytest.raises(MicroferError, match="'labels' is"):
        ModelMetadata("own-1", "nano", None, labels=labels)
    assert ModelMetadata("own-1", "nano", None, labels=SIXTEEN).labels == SIXTEEN


@pytest.mark.parametrize("classes", [2, 7, 8, 9, 16])
def test_some_score_is_above_the_highest_floor_however_scores_were_rounded(classes):
    floor = max_score_floor(classes)
    even = [256 // classes - 1 - 128] * classes
    assert Predictor(Settings(score_floor=floor, classes=classes)).update(even) is not None
    with pytest.raises(MicroferError, match=rf"score_floor.*from 0 to {floor}"):
        ModelMetadata("own-1", "nano", None, labels=SIXTEEN[:classes], score_floor=floor + 1)


def test_data_of_other_classes_than_the_model_has_is_refused():
    with pytest.raises(MicroferError, match=r"own-1 tells yes, no apart, and synthetic has anger, .*neutral"):
        require_classes(synthetic_faces(7, 0), ("yes", "no"), "own-1")


# ---- the link and the views


def hello_of(*labels: str) -> Hello:
    return replace(HELLO, labels=",".join(labels))


def test_the_longest_labels_fit_the_hello():
    longest = tuple(f"{number:0{LONGEST_LABEL}d}" for number in range(MAX_CLASSES))
    (event,) = LinkReader().feed(encode(hello_of(*longest), 0))
    assert isinstance(event, Received)
    assert event.message.classes == longest
    assert len(event.message.labels) <= LONGEST_LABEL_LIST


def test_a_host_of_the_protocol_before_refuses_the_board_with_what_to_do():
    """Its reader sees another version; what it says is what this one says of a newer board."""
    (event,) = LinkReader().feed(encode(hello_of("yes", "no"), 0, version=PROTOCOL_VERSION + 1))
    assert isinstance(event, OtherVersion)
    assert event.board == HELLO.board
    assert "update microfer" in event.explain()


@pytest.mark.parametrize("labels", [("no", "yes"), tuple(MOODS), SIXTEEN])
def test_every_view_shows_a_bar_for_each_class(labels):
    count = len(labels)
    answer = replace(
        prediction(1, label=1),
        classes=count,
        raw_scores=padded(*range(count)),
        smoothed_q16=padded(*(1000 * (number + 1) for number in range(count))),
    )
    model = ViewModel()
    for sequence, message in enumerate((hello_of(*labels), answer)):
        model.update(Timed(NOW, Received(message, sequence, 0)))
    view = model.view(NOW)
    assert view.labels == view.frame.labels == labels
    assert len(view.frame.smoothed) == len(view.frame.raw) == count
    assert (view.frame.label, view.frame.headline) == (labels[1], labels[1])
    assert view.as_dict()["labels"] == list(labels)
    assert picture.draw(view).shape == (picture.HEIGHT, picture.WIDTH, 3)
    assert render(view, 120, 40)
    assert [name for name in columns(labels) if name.startswith("raw_")] == [f"raw_{label}" for label in labels]


def test_classes_without_a_hello_are_numbered_and_none_is_given_a_name_of_another():
    answer = replace(prediction(1, label=2), classes=3)
    assert frame_view(NOW, answer).labels == ("class 1", "class 2", "class 3")
    assert frame_view(NOW, answer, hello_of("yes", "no")).label == "class 3"
    assert frame_view(NOW, prediction(1)).labels == LABELS


# ---- the whole way


def host(command: str, *options: object) -> str:
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "", "COLUMNS": "200"}
    process = subprocess.run(
        [sys.executable, str(ROOT / "host" / command), *map(str, options)],
        env=environment,
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout + process.stderr


@pytest.mark.slow
@needs_compiler
@pytest.mark.skipif(not find_spec("tensorflow"), reason="TensorFlow is not installed (requirements/train.lock)")
def test_three_classes_go_from_folders_to_the_viewers_three_bars(tmp_path: Path) -> None:
    data = drawn_folders(tmp_path / "faces", train=40, val=10)
    run, int8, generated = (tmp_path / name for name in ("run", "int8", "generated"))
    said = host("train.py", "--data", data, "--preset", "nano", "--epochs", 1, "--out", run)
    assert "the folders' names are the classes: astonished, calm, smiling" in said
    limits = ("--max-drop", 100, "--min-agreement", 0)  # one epoch teaches nothing to lose
    options = ("--data", data, "--model-id", "own-1", "--images", 30, *limits, "--out", int8)
    host("quantize.py", run / "best.keras", *options)
    host("export_tflm.py", int8 / "model.tflite", "--out", generated)
    contract = (generated / "contract.h").read_text()
    assert "kNumLabels = 3;" in contract
    assert '"astonished,calm,smiling"' in contract
    report = json.loads(
        host("evaluate.py", int8 / "model.tflite", "--data", data, "--json").partition("\n}")[0] + "\n}"
    )
    assert [one["label"] for one in report["per_class"]] == list(MOODS)
    settings = BoardSettings(model=int8 / "model.tflite")
    with VirtualBoard(settings) as board, Connection(board.url) as connection, Viewer(LiveSource(connection)) as viewer:
        end_s = time.monotonic() + 60
        while time.monotonic() < end_s:
            viewer.poll(0.1)
            view = viewer.view()
            if view.frame is not None and view.frame.face_px is not None:
                break
    assert view.labels == tuple(MOODS)
    assert view.board.self_test_ok
    assert len(view.frame.smoothed) == 3
    assert sum(view.frame.smoothed) == pytest.approx(1, abs=0.01)


def test_folders_of_drawn_faces_are_read_as_they_are(tmp_path):
    data = fer2013.load(drawn_folders(tmp_path, train=2, val=1))
    assert data.classes == tuple(MOODS)
    assert data.split("Training").counts().tolist() == [2, 2, 2]
