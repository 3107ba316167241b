"""The model that commands take when none is named: the current one, or a release, and why."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.host.fake_board import HELLO

from microfer.current_model import CURRENT, Chosen, current_model, find_model, use_model
from microfer.doctor.board import check_model
from microfer.doctor.finding import Outcome
from microfer.errors import MicroferError
from microfer.link.warnings import ExpectedModel, warnings_of


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository's models: two releases, the first is the default; a run beside them."""
    monkeypatch.delenv("MICROFER_MODEL", raising=False)
    for name in ("s3-1", "nano-1"):
        (tmp_path / "models" / name).mkdir(parents=True)
        (tmp_path / "models" / name / "model.tflite").write_bytes(name.encode())
    (tmp_path / "models" / "DEFAULT").write_text("s3-1\n")
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "model.tflite").write_bytes(b"mine")
    return tmp_path / "models"


def test_until_a_model_is_exported_it_is_the_default_release(models: Path) -> None:
    chosen = current_model(models)
    assert chosen.path == models / "s3-1" / "model.tflite"
    assert "default release" in chosen.why


def test_what_was_exported_last_is_current_also_where_the_checkout_has_moved(models: Path) -> None:
    mine = models.parent / "runs" / "mine" / "model.tflite"
    use_model(mine, models)
    assert current_model(models).path == mine
    assert json.loads((models / CURRENT).read_text())["path"] == "runs/mine/model.tflite"
    moved = models.parent.rename(models.parent.with_name("moved"))
    assert current_model(moved / "models").path == moved / "runs" / "mine" / "model.tflite"


def test_a_release_may_be_current(models: Path) -> None:
    use_model(find_model("nano-1", models), models)
    chosen = current_model(models)
    assert chosen.path.parent.name == "nano-1"
    assert "nano-1" in chosen.why


def test_the_environment_goes_before_the_current_model(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_model(models.parent / "runs" / "mine" / "model.tflite", models)
    monkeypatch.setenv("MICROFER_MODEL", "nano-1")
    assert current_model(models).path.parent.name == "nano-1"
    assert "MICROFER_MODEL" in current_model(models).why
    monkeypatch.setenv("MICROFER_MODEL", "runs/mine/model.tflite")
    assert current_model(models).path.read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda models: (models.parent / "runs/mine/model.tflite").write_bytes(b"other"), "has changed since"),
        (lambda models: (models.parent / "runs/mine/model.tflite").unlink(), "is gone"),
        (lambda models: (models / CURRENT).write_text('{"path": 3'), "cannot be used"),
        (lambda models: (models / CURRENT).write_text("[]"), "cannot be used"),
        (lambda models: (models / CURRENT).write_text("[" * 100_000), "cannot be used"),
    ],
)
def test_a_current_model_that_is_not_what_it_was_is_never_used(
    models: Path, spoil: Callable[[Path], object], said: str
) -> None:
    use_model(models.parent / "runs" / "mine" / "model.tflite", models)
    spoil(models)
    with pytest.raises(MicroferError, match=f"{said}.*microfer model use NAME"):
        current_model(models)


def test_an_unknown_name_is_answered_with_the_releases(models: Path) -> None:
    with pytest.raises(MicroferError, match=r"no release 's3-9'; the releases are: nano-1, s3-1$"):
        find_model("s3-9", models)


def test_builds_that_depend_on_the_default_notice_the_first_current_model(models: Path) -> None:
    os.utime(models / "DEFAULT", (0, 0))
    use_model(models.parent / "runs" / "mine" / "model.tflite", models)
    assert (models / "DEFAULT").stat().st_mtime > 0


def test_doctor_and_viewer_name_a_board_that_runs_another_model(models: Path) -> None:
    mine = models.parent / "runs" / "mine" / "model.tflite"
    chosen, digest = Chosen(mine, "exported last"), hashlib.sha256(b"mine").hexdigest()
    expected = ExpectedModel(str(mine), digest)
    other = replace(HELLO, model_id="s3-1", model_sha256=hashlib.sha256(b"s3-1").digest())
    found = check_model(other, {}, chosen)
    assert (found.outcome, "is not the current model" in found.text) == (Outcome.WARNING, True)
    assert "pio run -t upload" in found.next_step
    (warning,) = [text for text in warnings_of(True, other, None, None, expected) if "current model" in text]
    assert "the board runs s3-1" in warning
    right = replace(HELLO, model_sha256=bytes.fromhex(digest))
    assert check_model(right, {}, chosen).outcome == Outcome.OK
    assert warnings_of(True, right, None, None, expected) == warnings_of(True, right, None, None)
