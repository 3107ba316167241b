"""Runs: what is kept, what a resumed run must equal, and what is refused."""

import csv
import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.host import forked

from microfer.data.synthetic import synthetic_dataset
from microfer.errors import MicroferError
from microfer.model.presets import SqueezeNet
from microfer.training import checkpoint, loop
from microfer.training.recipe import recipe
from microfer.training.session import Screen

pytestmark = pytest.mark.tensorflow

ROOT = Path(__file__).parents[2]
TINY = SqueezeNet("tiny", fires=((2, 4), (2, 4)), pool_after=(1,), bypass=True, norm="all", stem_filters=8)


class FakeEngine:
    """An engine whose state is one number that every batch changes; accuracies follow a script."""

    name = "fake"
    model = None

    def __init__(self, accuracies: list[float]) -> None:
        self.accuracies = list(accuracies)
        self.number = 0.0

    def start_epoch(self, seed: int) -> None:
        self.number += seed % 1000

    def train_step(self, inputs: Any, targets: Any, weights: Any, rate: float) -> tuple[float, int]:
        self.number = self.number * 0.9 + float(inputs.sum()) * rate
        return 1.0, 1

    def predict(self, inputs: Any) -> Any:
        right = round(self.accuracies[0] * 28)
        self.accuracies.append(self.accuracies.pop(0))
        labels = synthetic_dataset(4, 1, "PublicTest").labels
        chosen = np.where(np.arange(28) < right, labels, (labels + 1) % 7)
        return np.eye(7, dtype=np.float32)[chosen]

    def state(self) -> dict[str, Any]:
        return {"model/000": np.array(self.number)}

    def restore(self, state: dict[str, Any]) -> None:
        self.number = float(state["model/000"])


class PowerCutError(Exception):
    """Ends a run at a step."""


def _stop_in_third_epoch(epoch: int, step: int, loss: float, accuracy: float) -> None:
    if epoch == 2 and step == 1:
        raise PowerCutError


@pytest.fixture
def saved_epochs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand in for saving a Keras model, which the fake engine has none of."""
    names: list[str] = []
    monkeypatch.setattr(loop.saved, "save", lambda model, config, path, notes: names.append(Path(path).name))
    return names


def fake_run(out: Path, epochs: int = 4, **changes: Any) -> loop.Run:
    short = replace(recipe("strong"), epochs=epochs, batch_size=16)
    training, validation = synthetic_dataset(10, 0), synthetic_dataset(4, 1, "PublicTest")
    return loop.Run(
        TINY, training=training, validation=validation, **{"recipe": short, "seed": 0, "out": out, **changes}
    )


def test_the_best_epoch_by_validation_is_kept(tmp_path: Path, saved_epochs: list[str]) -> None:
    result = fake_run(tmp_path).execute(FakeEngine([0.25, 0.75, 0.5, 0.75]))
    assert (result.best_epoch, result.best_accuracy) == (2, 0.75)
    assert saved_epochs == ["best.keras", "best.keras"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the swallowed one
def test_ctrl_c_stops_a_run_also_where_a_library_swallows_the_interrupt(
    tmp_path: Path, saved_epochs: list[str]
) -> None:
    class Swallowing:
        def __del__(self) -> None:  # Python prints what a destructor raises, and goes on
            signal.raise_signal(signal.SIGINT)

    class InterruptedEngine(FakeEngine):
        steps = 0

        def train_step(self, *batch: Any) -> tuple[float, int]:
            self.steps += 1
            if self.steps == 6:
                Swallowing()
            return super().train_step(*batch)

    run, engine = fake_run(tmp_path, epochs=50), InterruptedEngine([0.25, 0.5])
    with pytest.raises(KeyboardInterrupt), Screen(run) as screen:
        run.execute(engine, on_step=screen.step)
    assert engine.steps == 6
    assert checkpoint.read(run.checkpoint)[0].epoch == 1  # of 4 steps each
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_best_epoch_may_be_chosen_by_macro_f1(tmp_path: Path, saved_epochs: list[str]) -> None:
    truth = synthetic_dataset(4, 1, "PublicTest").labels
    one_class_lost = np.where(truth == 6, 0, truth)  # 24 of 28 are right, macro-F1 0.81
    five_lost = np.where(np.arange(28) < 5, truth + 1, truth)  # 23 of 28, of five classes: macro-F1 0.82

    class ScriptedEngine(FakeEngine):
        def predict(self, inputs: Any) -> Any:
            return np.eye(7, dtype=np.float32)[one_class_lost if self.accuracies.pop() == 1 else five_lost]

    by_accuracy = fake_run(tmp_path / "a", epochs=2).execute(ScriptedEngine([2, 1]))
    by_f1 = fake_run(tmp_path / "f", epochs=2, select="macro_f1").execute(ScriptedEngine([2, 1]))
    assert (by_accuracy.best_epoch, by_f1.best_epoch) == (1, 2)
    assert (by_f1.best_accuracy, by_f1.best_macro_f1) == (pytest.approx(23 / 28), pytest.approx(0.8208, abs=1e-3))
    with pytest.raises(MicroferError, match=r"its select is .macro_f1., this run's is .accuracy."):
        fake_run(tmp_path / "f", epochs=2).execute(FakeEngine([0.5]), resume=True)


def test_a_run_that_began_with_other_weights_is_not_resumed(tmp_path: Path, saved_epochs: list[str]) -> None:
    fake_run(tmp_path, epochs=1, start={"sha256": "ab"}).execute(FakeEngine([0.5]))
    with pytest.raises(MicroferError, match=r"its start's sha256 is .ab., this run's is .cd.;"):
        fake_run(tmp_path, epochs=1, start={"sha256": "cd"}).execute(FakeEngine([0.5]), resume=True)


def test_epochs_before_the_first_kept_one_cannot_win(tmp_path: Path, saved_epochs: list[str]) -> None:
    result = fake_run(tmp_path, first_kept_epoch=3).execute(FakeEngine([0.9, 0.9, 0.5, 0.25]))
    assert result.best_epoch == 3


def test_a_run_stopped_between_epochs_and_resumed_equals_an_unbroken_one(
    tmp_path: Path, saved_epochs: list[str]
) -> None:
    script = [0.25, 0.5, 0.75, 0.5]
    whole = FakeEngine(script)
    fake_run(tmp_path / "whole").execute(whole)

    with pytest.raises(PowerCutError):
        fake_run(tmp_path / "broken").execute(FakeEngine(script), on_step=_stop_in_third_epoch)
    resumed = FakeEngine(script[2:])
    fake_run(tmp_path / "broken").execute(resumed, resume=True)
    assert resumed.number == whole.number
    rows = [list(csv.DictReader((tmp_path / name / "history.csv").open())) for name in ("whole", "broken")]
    for row in rows[0] + rows[1]:
        del row["seconds"]
    assert rows[0] == rows[1]


def test_resuming_with_another_seed_or_network_names_what_differs(tmp_path: Path, saved_epochs: list[str]) -> None:
    fake_run(tmp_path, epochs=1).execute(FakeEngine([0.5]))
    with pytest.raises(MicroferError, match="its seed is 0, this run's is 1"):
        fake_run(tmp_path, epochs=1, seed=1).execute(FakeEngine([0.5]), resume=True)
    other = loop.Run(**{**vars(fake_run(tmp_path, epochs=1)), "config": SqueezeNet("other", ((1, 1),), ())})
    with pytest.raises(MicroferError, match="its network is tiny, this run's is other"):
        other.execute(FakeEngine([0.5]), resume=True)


@pytest.mark.parametrize("end", [2, 4])
def test_a_run_at_a_constant_rate_may_end_earlier_or_later_than_it_was_begun_to(
    end: int, tmp_path: Path, saved_epochs: list[str]
) -> None:
    constant = replace(recipe("thesis"), batch_size=16)
    script = [0.25, 0.5, 0.75, 0.5]
    whole, resumed = FakeEngine(script), FakeEngine(script[2:])
    fake_run(tmp_path / "whole", recipe=replace(constant, epochs=end)).execute(whole)

    with pytest.raises(PowerCutError):
        fake_run(tmp_path / "broken", recipe=replace(constant, epochs=3)).execute(
            FakeEngine(script), on_step=_stop_in_third_epoch
        )
    result = fake_run(tmp_path / "broken", recipe=replace(constant, epochs=end)).execute(resumed, resume=True)

    assert resumed.number == whole.number
    assert result.epochs == end
    settings = [checkpoint.read(tmp_path / name / "last.npz")[0].settings for name in ("whole", "broken")]
    assert settings[0] == settings[1] == loop.finished(tmp_path / "broken")["settings"]
    with pytest.raises(MicroferError, match=rf"has {end} epochs, more than the 1 asked for"):
        fake_run(tmp_path / "broken", recipe=replace(constant, epochs=1)).execute(FakeEngine(script), resume=True)


def test_a_run_whose_rate_falls_to_its_end_keeps_that_end(tmp_path: Path, saved_epochs: list[str]) -> None:
    fake_run(tmp_path, epochs=2).execute(FakeEngine([0.5]))
    with pytest.raises(MicroferError, match="its recipe's epochs is 2, this run's is 3"):
        fake_run(tmp_path, epochs=3).execute(FakeEngine([0.5]), resume=True)


def test_resuming_where_nothing_was_trained_says_so(tmp_path: Path) -> None:
    with pytest.raises(MicroferError, match="there is no checkpoint"):
        fake_run(tmp_path).execute(FakeEngine([0.5]), resume=True)


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "last.npz"
    checkpoint.write(path, checkpoint.Progress({}), {"weights": np.arange(100)})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(MicroferError, match=r"last\.npz is damaged"):
        checkpoint.read(path)


def train(*options: str, backend: str) -> forked.Program:
    return forked.start("host/train.py", *options, backend=backend, COLUMNS="200")


def train_as_people_do(*options: str, backend: str, **more: Any) -> "subprocess.Popen[str]":
    environment = {**os.environ, "KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": "", "COLUMNS": "200"}
    command = [sys.executable, str(ROOT / "host" / "train.py"), *options]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, **more
    )


def finish(process: forked.Program) -> str:
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    assert "oneDNN" not in err
    return out


SMALL = ("--synthetic", "--limit", "96", "--preset", "nano", "--recipe", "strong", "--threads", "1")
BACKENDS = [
    pytest.param(
        backend,
        marks=[
            pytest.mark.skipif(not find_spec(backend), reason=f"{backend} is not installed"),
            pytest.mark.xdist_group(f"trained by {backend}"),
        ],
    )
    for backend in ("tensorflow", "torch", "jax")
]


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the folder of an unbroken run of three epochs on a backend."""

    @functools.cache
    def run(backend: str) -> Path:
        folder = tmp_path_factory.mktemp(backend) / "whole"
        report = json.loads(finish(train(*SMALL, "--epochs", "3", "--out", str(folder), "--json", backend=backend)))
        assert report["epochs"] == 3
        return folder

    return run


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_killed_training_goes_on_as_if_nothing_had_happened(
    backend: str, whole_run: Callable[[str], Path], tmp_path: Path
) -> None:
    whole = whole_run(backend)
    process = train(*SMALL, "--epochs", "3", "--out", str(tmp_path), backend=backend)
    deadline = time.monotonic() + 300
    while not (tmp_path / "last.npz").exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    finish(train(*SMALL, "--epochs", "3", "--out", str(tmp_path), "--resume", backend=backend))

    (first, expected), (second, found) = (checkpoint.read(folder / "last.npz") for folder in (whole, tmp_path))
    for unbroken, resumed in zip(first.history, second.history, strict=True):
        for key in ("epoch", "loss", "val_loss", "learning_rate"):
            assert resumed[key] == pytest.approx(unbroken[key], rel=1e-4), key
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-4, atol=1e-5, err_msg=key)


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_network_trained_on_any_backend_answers_alike_on_tensorflow(
    backend: str, whole_run: Callable[[str], Path], tmp_path: Path
) -> None:
    answer = """
import sys, numpy as np
from microfer.model import saved
model, _ = saved.load(sys.argv[1])
crops = np.random.default_rng(0).random((4, 48, 48, 1), np.float32)
np.save(sys.argv[2], np.asarray(model.predict_on_batch(crops)))
"""
    for name in {"tensorflow", backend}:
        files = whole_run(backend) / "best.keras", tmp_path / f"{name}.npy"
        forked.run("-c", answer, *files, backend=name).check_returncode()
    ours, theirs = np.load(tmp_path / f"{backend}.npy"), np.load(tmp_path / "tensorflow.npy")
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert ours.sum(1) == pytest.approx(np.ones(4), abs=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("torch"), reason="torch is not installed")
def test_the_native_pytorch_step_equals_the_keras_step() -> None:
    """One step of each engine from the same weights, in float32 and without dropout."""
    result = forked.run(Path(__file__).with_name("torch_engine_probe.py"), backend="torch")
    assert result.returncode == 0, result.stderr
    differences = json.loads(result.stdout)
    assert differences["loss"] < 1e-5
    assert differences["prediction_before"] < 1e-5
    assert differences["trainable"] < 1e-4
    assert differences["moved"] > 1e-3


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("torch"), reason="torch is not installed")
def test_a_training_goes_on_from_the_weights_of_another_and_refuses_another_network(tmp_path: Path) -> None:
    def weights(name: str, *options: str) -> list[Any]:
        finish(train(*SMALL, "--epochs", "1", *options, "--out", str(tmp_path / name), backend="torch"))
        state = checkpoint.read(tmp_path / name / "last.npz")[1]
        return [value for key, value in sorted(state.items()) if key.startswith("model/") and value.ndim == 4]

    start = ("--start", str(tmp_path / "first" / "best.keras"))
    first, second = weights("first"), weights("second", *start, "--recipe", "balanced", "--seed", "1")
    assert max(float(abs(a - b).max()) for a, b in zip(first, second, strict=True)) < 0.02  # one step away
    assert json.loads((tmp_path / "second" / "run.json").read_text())["settings"]["start"]["file"] == "best.keras"
    process = train(*SMALL, "--preset", "s3", *start, "--out", str(tmp_path / "third"), backend="torch")
    assert "not 's3' as asked for" in process.communicate(timeout=120)[1]
    assert process.returncode == 2


def test_a_run_in_the_folder_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "last.npz").write_bytes(b"a run")
    process = train_as_people_do(*SMALL, "--out", str(tmp_path), backend="tensorflow")
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "already holds a run: add --resume" in err
    assert (tmp_path / "last.npz").read_bytes() == b"a run"


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("tensorflow"), reason="tensorflow is not installed")
def test_ctrl_c_leaves_a_whole_checkpoint_and_says_how_to_go_on(tmp_path: Path) -> None:
    process = train_as_people_do(*SMALL, "--epochs", "50", "--out", str(tmp_path), backend="tensorflow")
    deadline = time.monotonic() + 300
    while not (tmp_path / "last.npz").exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "with --resume to continue" in err
    assert checkpoint.read(tmp_path / "last.npz")[0].epoch >= 1
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("tensorflow"), reason="tensorflow is not installed")
def test_a_tensorboard_log_holds_every_epoch(tmp_path: Path) -> None:
    import tensorflow as tf

    finish(train(*SMALL, "--epochs", "2", "--out", str(tmp_path), "--tensorboard", backend="tensorflow"))
    (log,) = (tmp_path / "tensorboard").iterdir()
    events = [tf.compat.v1.Event.FromString(record.numpy()) for record in tf.data.TFRecordDataset(str(log))]
    found = {
        event.step: float(tf.make_ndarray(value.tensor))
        for event in events
        for value in event.summary.value
        if value.tag == "val_loss"
    }
    rows = checkpoint.read(tmp_path / "last.npz")[0].history
    assert found == {row["epoch"]: pytest.approx(row["val_loss"], rel=1e-5) for row in rows}
