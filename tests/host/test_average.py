"""The mean of a run's weights and of those it began with: what is written, and what is refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microfer.cli import average as average_command
from microfer.errors import MicroferError
from microfer.files import fingerprint, write_json
from microfer.model import saved
from microfer.model.backend import choose_backend
from microfer.model.presets import SqueezeNet
from microfer.training.average import average

pytestmark = pytest.mark.tensorflow

TINY = SqueezeNet("tiny", fires=((2, 4), (2, 4)), pool_after=(1,), bypass=True, norm="all", stem_filters=8)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with start.keras and with a run as train.py leaves it, whose weights are other ones."""
    choose_backend()
    import keras

    from microfer.model.build import build

    folder = tmp_path_factory.mktemp("average")
    keras.utils.set_random_seed(0)
    for path in (folder / "start.keras", folder / "run" / "best.keras"):
        model = build(TINY)
        model.set_weights(
            [np.abs(weight) + np.random.default_rng(1).random(weight.shape) for weight in model.get_weights()]
        )
        saved.save(model, TINY, path, {"recipe": {"name": "continued"}})
    for name in ("history.csv", "curves.png"):
        (folder / "run" / name).write_bytes(name.encode())
    settings = {"start": fingerprint(folder / "start.keras"), "select": "accuracy"}
    settings |= {"network": TINY.to_json(), "recipe": {"name": "continued"}}
    write_json(folder / "run" / "run.json", {"settings": settings, "best_epoch": 3, "epochs": 4, "seconds": 1.0})
    return folder


def weights_of(path: Path) -> list[Any]:
    return list(saved.load(path)[0].get_weights())


def test_every_variable_is_averaged_and_the_folder_is_one_like_train_py_s(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mean"
    options = ["--synthetic", "--out", out, "--share", "0.25", "--limit", "20", "--json"]
    assert average_command.main([*map(str, [trained / "run", "--start", trained / "start.keras", *options])]) == 0
    ends = zip(weights_of(trained / "start.keras"), weights_of(trained / "run" / "best.keras"), strict=True)
    for (old, new), mean in zip(ends, weights_of(out / "best.keras"), strict=True):
        np.testing.assert_allclose(mean, 0.75 * old + 0.25 * new, rtol=1e-6)
    record = json.loads((out / "run.json").read_text())
    printed = json.loads(capsys.readouterr().out)
    assert record["averaged"]["share"] == 0.25
    assert record["averaged"]["validation_accuracy"] == {key: printed[key] for key in ("start", "trained", "mean")}
    assert record["best_val_accuracy"] == printed["mean"]
    assert (record["epochs"], record["best_epoch"]) == (4, 3)
    assert (out / "history.csv").read_bytes() == b"history.csv"
    assert saved.read_config(out / "best.keras")[1] == {"recipe": {"name": "continued"}}
    with pytest.raises(MicroferError, match="already holds a run"):
        average(trained / "run", trained / "start.keras", data=None, out=out)


def _unfinished(record: dict[str, Any]) -> None:
    del record["epochs"]


def _of_another(record: dict[str, Any]) -> None:
    record["settings"]["start"]["sha256"] = "0" * 64


def _from_nothing(record: dict[str, Any]) -> None:
    record["settings"]["start"] = None


@pytest.mark.parametrize(
    ("change", "message"),
    [(_unfinished, "--resume"), (_of_another, "did not begin with"), (_from_nothing, "random weights")],
)
def test_a_run_that_cannot_be_averaged_says_why_and_nothing_is_written(
    trained: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained / "run", run)
    record = json.loads((run / "run.json").read_text())
    change(record)
    write_json(run / "run.json", record)
    with pytest.raises(MicroferError, match=message):
        average(run, trained / "start.keras", data=None, out=tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0])
def test_a_share_must_leave_something_of_both(trained: Path, tmp_path: Path, share: float) -> None:
    with pytest.raises(MicroferError, match="between 0 and 1"):
        average(trained / "run", trained / "start.keras", data=None, out=tmp_path / "mean", share=share)
