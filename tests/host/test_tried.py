"""The record of single runs: what is read of each, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microfer.data.synthetic import synthetic_dataset
from microfer.errors import MicroferError
from microfer.metrics.metrics import mcnemar_p
from microfer.model import networks
from microfer.studies.accuracy import tried as module
from microfer.studies.accuracy.recorded import by_epochs
from microfer.studies.accuracy.runs import Scored
from microfer.studies.accuracy.tried import Tried, cells, merged, tried

IMAGES = synthetic_dataset(10, 0, "PublicTest")


def answers(wrong: int) -> Any:
    chosen = np.where(np.arange(70) < wrong, (IMAGES.labels + 1) % 7, IMAGES.labels)
    return np.eye(7, dtype=np.float32)[chosen]


def write_run(folder: Path, *, finished: bool = True, **settings: Any) -> Path:
    folder.mkdir()
    record: dict[str, Any] = {
        "settings": {"network": networks.to_json(networks.network("s3")), "recipe": {"name": "strong", "epochs": 9},
                     "seed": 4, "distillation": None, **settings},
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record | ({"epochs": 9, "best_epoch": 7} if finished else {})))
    return folder


@pytest.fixture
def scores(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many of 70 images the network of each folder gets wrong."""
    wrong: dict[str, int] = {}

    def score(folder: Path, seed: int, *_: Any, quantized: bool) -> Scored:
        assert quantized
        return Scored("s3", seed, 349_831, 1, answers(wrong[folder.name]), answers(wrong[folder.name] + 7), 9, 120.0)

    monkeypatch.setattr(module, "score", score)
    return wrong


def test_a_run_tells_how_it_was_made_and_how_it_did(tmp_path: Path, scores: dict[str, int]) -> None:
    scores.update(taught=7, plain=14)
    teachers = {"teachers": [{"file": "a.keras"}, {"file": "b.keras"}]}
    folders = [write_run(tmp_path / "taught", distillation=teachers, start="ab"), write_run(tmp_path / "plain")]
    first, second = tried(folders, IMAGES, IMAGES)
    assert (first.teachers, first.is_continued, first.seed, first.best_epoch) == (2, True, 4, 7)
    assert (first.accuracy, first.int8_accuracy, first.minutes) == (pytest.approx(0.9), pytest.approx(0.8), 2.0)
    assert (first.lowest_class, first.lowest_recall) == ("anger", pytest.approx(0.9))
    assert first.mean_recall == pytest.approx(0.9)
    assert first.p is None
    right = [answers(wrong).argmax(1) == IMAGES.labels for wrong in (7, 14)]
    assert second.p == pytest.approx(mcnemar_p(*right))
    assert "labels and 2 networks" in cells(first)
    assert "strong, 9, from trained weights" in cells(first)
    assert Tried(**json.loads(json.dumps(second.to_json()))) == second


def test_runs_are_added_to_those_on_record_and_compared_with_their_reference(
    tmp_path: Path, scores: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = Scored("s3", None, 349_831, 1, answers(7), None, None, 0.0)
    monkeypatch.setattr(module, "score_file", lambda *_, **__: reference)
    scores.update(taught=7, plain=14, again=3)
    folders = {name: write_run(tmp_path / name) for name in scores}
    recorded = tried([folders["taught"], folders["plain"]], IMAGES, IMAGES)
    (new,) = tried([folders["again"]], IMAGES, IMAGES, tmp_path / "taught.keras")
    assert new.p == pytest.approx(
        mcnemar_p(answers(7).argmax(1) == IMAGES.labels, answers(3).argmax(1) == IMAGES.labels)
    )
    assert [row.name for row in merged(recorded, [new])] == ["taught", "plain", "again"]
    assert merged(recorded, [recorded[0], new])[:2] == recorded


def test_a_run_that_is_not_finished_or_not_there_is_refused(tmp_path: Path, scores: dict[str, int]) -> None:
    with pytest.raises(MicroferError, match=r"is not finished: continue it with --resume"):
        tried([write_run(tmp_path / "half", finished=False)], IMAGES, IMAGES)
    with pytest.raises(MicroferError, match=r"cannot read .*run\.json"):
        tried([tmp_path / "none"], IMAGES, IMAGES)


def test_what_shorter_runs_reached_is_read_from_the_record(tmp_path: Path) -> None:
    row = {"network": "s3", "recipe": "strong", "teachers": 0, "is_continued": False, "epochs": 100, "accuracy": 0.66}
    others = [
        {"accuracy": 0.67},
        {"teachers": 1, "accuracy": 0.7},
        {"is_continued": True, "epochs": 9},
        {"network": "nano"},
    ]
    (tmp_path / "runs.json").write_text(json.dumps({"runs": [row, *({**row, **other} for other in others)]}))
    budget = {"recipe": "strong", "epochs": 20}
    rows = [{"name": "s3", "accuracy": 0.62}, {"name": "nano", "accuracy": 0.57}]
    (tmp_path / "compare.json").write_text(json.dumps({"budget": budget, "rows": rows}))
    assert by_epochs("s3", "strong", tmp_path) == {20: 0.62, 100: 0.67}
    assert by_epochs("s3", "thesis", tmp_path) == {}
    assert by_epochs("s3", "strong", tmp_path / "none") == {}
