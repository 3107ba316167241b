"""The PNGs: that they are there, say what they should, and never half-written."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from microfer.errors import MicroferError
from microfer.metrics.metrics import Metrics, classification_metrics
from microfer.metrics.plots import (
    HISTORY_KEYS,
    confusion_figure,
    history_figure,
    plot_confusion,
    plot_history,
    plot_reliability,
    png,
    reliability_figure,
)


@pytest.fixture
def metrics() -> Metrics:
    """Scores of a weak classifier on 200 images; no image is truly `disgust`."""
    random = np.random.default_rng(1)
    labels = random.choice([0, 2, 3, 4, 5, 6], 200)
    logits = random.normal(size=(200, 7))
    logits[np.arange(200), labels] += 1.5
    exp = np.exp(logits)
    return classification_metrics(exp / exp.sum(axis=1, keepdims=True), labels)


def history(epochs: int) -> list[dict[str, float]]:
    return [
        {
            "epoch": e, "loss": 2 / e, "accuracy": 1 - 1 / (e + 1), "val_loss": 2.1 / e,
            "val_accuracy": 0.6 - abs(e - 3) / 100, "learning_rate": 0.001, "seconds": 60,
        }
        for e in range(1, epochs + 1)
    ]  # fmt: skip


def texts(figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


@pytest.mark.parametrize("plot", [plot_confusion, plot_reliability])
def test_plots_are_readable_pngs(tmp_path: Path, metrics: Metrics, plot):
    plot(metrics, tmp_path / "new" / "plot.png", "a title")
    picture = cv2.imread(str(tmp_path / "new" / "plot.png"))
    assert min(picture.shape[:2]) > 600
    assert picture.std() > 10
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["plot.png"]


def test_the_confusion_plot_shows_every_count(metrics: Metrics):
    shown = texts(confusion_figure(metrics.confusion, "title"))
    counts = [text for text in shown if "%" not in text]
    assert counts == [str(cell) for row in metrics.confusion for cell in row]
    assert f"{100 * metrics.per_class[3].recall:.0f} %" == [text for text in shown if "%" in text][3 * 7 + 3]


def test_the_reliability_plot_names_the_calibration_error(metrics: Metrics):
    assert f"ECE {100 * metrics.ece:.1f} %" in texts(reliability_figure(metrics, "title"))


def test_the_best_epoch_is_marked():
    assert texts(history_figure(history(6), "title")) == ["best validation: 60.00 % (epoch 3)"]


def test_the_same_figure_gives_the_same_bytes(metrics: Metrics):
    assert png(confusion_figure(metrics.confusion, "t")) == png(confusion_figure(metrics.confusion, "t"))


@pytest.mark.parametrize("epochs", [1, 2, 40])
def test_learning_curves_can_be_drawn_after_any_epoch(tmp_path: Path, epochs: int):
    plot_history(history(epochs), tmp_path / "curves.png")
    assert cv2.imread(str(tmp_path / "curves.png")) is not None


def test_learning_curves_accept_the_text_of_a_csv_log(tmp_path: Path):
    rows = [{key: str(value) for key, value in row.items()} for row in history(3)]
    plot_history(rows, tmp_path / "text.png")
    plot_history(history(3), tmp_path / "numbers.png")
    assert (tmp_path / "text.png").read_bytes() == (tmp_path / "numbers.png").read_bytes()


def test_learning_curves_of_a_diverged_run_can_be_drawn(tmp_path: Path):
    rows = [dict.fromkeys(HISTORY_KEYS, float("nan")) | {"epoch": e} for e in (1, 2)]
    plot_history(rows, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").exists()


def test_no_epoch_yet_is_an_error(tmp_path: Path):
    with pytest.raises(MicroferError, match="no epoch"):
        plot_history([], tmp_path / "curves.png")
    assert list(tmp_path.iterdir()) == []


def test_a_row_without_a_key_is_named():
    rows = history(2)
    del rows[1]["val_loss"]
    with pytest.raises(MicroferError, match=r"row 2.*val_loss"):
        history_figure(rows, "title")


def test_a_plot_in_a_folder_that_is_a_file_is_an_error(tmp_path: Path, metrics: Metrics):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MicroferError, match="cannot write"):
        plot_confusion(metrics, tmp_path / "file" / "plot.png")
