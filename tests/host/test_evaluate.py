"""Scoring a model on a split: what is counted, what is written, and how it fails."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from microfer.cli import evaluate as evaluate_command
from microfer.data.dataset import Dataset
from microfer.data.synthetic import synthetic_dataset
from microfer.errors import MicroferError
from microfer.metrics.evaluation import evaluate
from microfer.oracle.prediction import Predictor, settings_of
from microfer.pictures.classify import as_shown
from microfer.runtimes.runners import has_tflm, open_model
from microfer.tensor import decode_scores
from microfer.tflite.metadata import ModelMetadata, embed_metadata

pytestmark = pytest.mark.tensorflow

ROOT = Path(__file__).resolve().parents[2]
INT8 = ROOT / "tests" / "golden" / "tiny_int8.tflite"
FLOAT = ROOT / "tests" / "golden" / "tiny_float_io.tflite"


def sure_of(classes: list[int]) -> np.ndarray:
    rows = np.full((len(classes), 7), 0.02)
    rows[np.arange(len(classes)), classes] = 0.88
    return rows


def command(*arguments: object) -> None:
    """Run `microfer evaluate` in this process."""
    evaluate_command.main([*map(str, arguments), "--threads", "1"])


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    """14 drawn faces as PublicTest and 7 as Training, the first of which is PublicTest's first once more."""
    test, training = synthetic_dataset(2, 1, "PublicTest"), synthetic_dataset(1, 1, "Training")
    images = [*test.images, test.images[0], *training.images[1:]]
    usage = [*test.usage, *training.usage]
    labels = [*test.labels, *training.labels]
    path = tmp_path / "fer2013.csv"
    rows = [f"{k},{' '.join(map(str, i.ravel()))},{u}" for i, k, u in zip(images, labels, usage, strict=True)]
    path.write_text("emotion,pixels,Usage\n" + "\n".join(rows) + "\n")
    return path


def test_accuracy_without_the_images_that_also_stand_in_training():
    test = synthetic_dataset(1, 5, "PublicTest")
    # Training holds the first two faces; the model knows these two and one other of the seven.
    training = Dataset(test.images[:2], test.labels[:2], np.array(["Training"] * 2), np.array(["a", "b"]), "x")
    predicted = [0, 1, 2, 0, 0, 0, 0]
    result = evaluate(sure_of(predicted), test, training)
    assert result.whole.accuracy == 3 / 7
    assert result.repeated == 2
    assert result.unseen.accuracy == 1 / 5
    assert result.to_json()["without_images_also_in_training"]["count"] == 5


def test_a_split_that_stands_wholly_in_training_has_no_unseen_image():
    test = synthetic_dataset(1, 5)
    result = evaluate(sure_of([0] * 7), test, test)
    assert (result.repeated, result.unseen) == (7, None)


def test_without_training_images_nothing_is_claimed_about_them():
    test = synthetic_dataset(1, 5)
    for training in (None, test.take(test.labels == 99)):
        result = evaluate(sure_of([0] * 7), test, training)
        assert (result.repeated, result.unseen) == (None, None)
        assert result.to_json()["images_also_in_training"] is None


def test_the_command_writes_json_and_plots(tmp_path: Path, csv: Path, capsys):
    command(INT8, "--data", csv, "--out", tmp_path / "report", "--json")
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads((tmp_path / "report" / "evaluation.json").read_text())
    assert document["schema"] == "microfer.evaluation/1"
    assert (document["count"], document["images_also_in_training"]) == (14, 1)
    assert document["without_images_also_in_training"]["count"] == 14 - 1
    assert document["runner"] == "litert-reference"
    assert document["data"]["is_whole_split"]
    written = sorted(path.name for path in (tmp_path / "report").iterdir())
    assert written == ["confusion.png", "evaluation.json", "reliability.png"]
    scores = open_model(INT8).scores(synthetic_dataset(2, 1, "PublicTest").images)
    assert document["correct"] == int((scores.argmax(axis=1) == np.tile(np.arange(7), 2)).sum())


def test_the_table_shows_every_class_and_the_interval(csv: Path, capsys):
    command(FLOAT, "--data", csv)
    shown = capsys.readouterr().err
    for word in ("anger", "neutral", "macro-F1", "95 % interval", "calibration error", "1 exact copies"):
        assert word in shown


@pytest.mark.skipif(not has_tflm(), reason="tflite-micro has no wheel for this machine")
def test_tflm_scores_as_the_reference_kernels_do(csv: Path, capsys):
    found = []
    for runner in ("reference", "tflm"):
        command(INT8, "--data", csv, "--runner", runner, "--json")
        found.append(json.loads(capsys.readouterr().out))
    assert [one.pop("runner") for one in found] == ["litert-reference", "tflm"]
    assert found[0] == found[1]


@pytest.mark.slow
def test_a_keras_model_is_scored_alike(tmp_path: Path, csv: Path, capsys):
    keras = pytest.importorskip("keras", reason="Keras is in the train lock")
    crop = keras.Input((48, 48, 1))
    keras.Model(crop, keras.layers.Dense(7, "softmax")(keras.layers.Flatten()(crop))).save(tmp_path / "model.keras")
    command(tmp_path / "model.keras", "--data", csv, "--json")
    document = json.loads(capsys.readouterr().out)
    assert document["runner"] == f"keras-{keras.backend.backend()}"
    assert document["count"] == 14


def test_the_confidence_of_a_calibrated_model_is_the_boards(tmp_path: Path, csv: Path, capsys):
    metadata = ModelMetadata("tiny-1", "tiny", arena=None, temperature=2.0)
    (tmp_path / "model.tflite").write_bytes(embed_metadata(INT8.read_bytes(), metadata))
    found = []
    for model in (INT8, tmp_path / "model.tflite"):
        command(model, "--data", csv, "--json")
        found.append(json.loads(capsys.readouterr().out))
    plain, calibrated = found
    assert plain["ece"] == plain["ece_uncalibrated"] == calibrated["ece_uncalibrated"]
    assert calibrated["ece"] != plain["ece"]
    assert calibrated["accuracy"] == plain["accuracy"]
    raw = open_model(INT8).raw(synthetic_dataset(2, 1, "PublicTest").images)
    shown = as_shown(tmp_path / "model.tflite", decode_scores(raw))
    for row, scores in zip(raw, shown, strict=True):
        board = Predictor(settings_of(2.0, 0)).update(row.tolist())
        assert tuple(scores * 65536) == board.smoothed


def test_an_unknown_split_lists_what_there_is(csv: Path):
    with pytest.raises(MicroferError, match=r"no PrivateTest images .*PublicTest"):
        command(INT8, "--data", csv, "--split", "PrivateTest")


def test_float_input_is_refused_by_tflm(csv: Path):
    with pytest.raises(MicroferError, match="FLOAT32"):
        command(FLOAT, "--data", csv, "--runner", "tflm")


def test_a_corrupt_model_is_exit_status_2_and_one_line(tmp_path: Path, csv: Path):
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(INT8.read_bytes()[:3000])
    script = ROOT / "host" / "evaluate.py"
    done = subprocess.run([sys.executable, script, broken, "--data", csv], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "broken.tflite" in done.stderr
    assert "Traceback" not in done.stderr
