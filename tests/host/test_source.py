"""What an export begins with where nothing, a run, a network or a model is named."""

import json
import os
from pathlib import Path

import pytest

from microfer.errors import MicroferError
from microfer.release import default_model
from microfer.tflite.metadata import ModelMetadata
from microfer.workflow.source import choose


def a_run(folder: Path, *, finished: bool = True, age_s: int = 0) -> Path:
    folder.mkdir(parents=True)
    (folder / "best.keras").write_bytes(b"weights")
    (folder / "run.json").write_text(json.dumps({"settings": {}} | ({"epochs": 3} if finished else {})))
    now = 1_800_000_000 - age_s
    os.utime(folder / "run.json", (now, now))
    return folder


def test_without_a_name_the_newest_finished_run_is_taken(tmp_path: Path) -> None:
    a_run(tmp_path / "older", age_s=60)
    newest = a_run(tmp_path / "Newer Run")
    a_run(tmp_path / "unfinished", finished=False, age_s=-60)
    chosen = choose(None, tmp_path)
    assert (chosen.path, chosen.folder) == (newest / "best.keras", newest)
    assert chosen.model_id == "newer-run"
    assert "newest finished run" in chosen.why
    assert not chosen.is_made


def test_without_a_run_the_default_release_is_taken_and_it_is_said_why(tmp_path: Path) -> None:
    chosen = choose(None, tmp_path / "runs")
    assert chosen.path == default_model()
    assert chosen.is_made
    assert "has no finished run" in chosen.why


def test_a_damaged_run_is_passed_over_but_refused_where_it_is_named(tmp_path: Path) -> None:
    damaged = a_run(tmp_path / "damaged")
    (damaged / "run.json").write_text("{")
    assert choose(None, tmp_path).path == default_model()
    with pytest.raises(MicroferError, match=r"run\.json cannot be used"):
        choose(damaged)


def test_an_unfinished_run_is_refused_with_both_ways_on(tmp_path: Path) -> None:
    unfinished = a_run(tmp_path / "mine", finished=False)
    with pytest.raises(MicroferError, match=r"train --resume.*best\.keras to take its best epoch so far"):
        choose(unfinished)
    assert choose(unfinished / "best.keras").folder == unfinished


def test_a_network_from_elsewhere_gets_a_folder_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "My Net.keras").write_bytes(b"weights")
    chosen = choose(tmp_path / "My Net.keras")
    assert (chosen.folder, chosen.model_id) == (tmp_path / "My Net", "my-net")


def test_a_model_is_exported_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"model")
    assert choose(tmp_path / "model.tflite").is_made
    assert choose(tmp_path).path == tmp_path / "model.tflite"


@pytest.mark.parametrize(
    ("name", "said"), [("none.tflite", "there is no"), ("notes.txt", "is neither"), (".", "holds")]
)
def test_anything_else_is_refused_with_what_to_name(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(MicroferError, match=said):
        choose(tmp_path / name)


@pytest.mark.parametrize("name", ["###", "a" * 60, "Ünïcode"])
def test_every_name_becomes_one_that_the_board_can_report(tmp_path: Path, name: str) -> None:
    model_id = choose(a_run(tmp_path / name)).model_id
    assert ModelMetadata(model_id, "s3", None).model_id == model_id
