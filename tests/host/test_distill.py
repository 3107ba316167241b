"""Distillation: what a student is trained on, from whom, and what a resumed run must equal."""

import json
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
from microfer.training.distill import Distillation, Teachers, softened
from microfer.training.loss import split_targets
from microfer.training.recipe import recipe

pytestmark = pytest.mark.tensorflow

ROOT = Path(__file__).parents[2]
TINY = SqueezeNet("tiny", fires=((2, 4), (2, 4)), pool_after=(1,), bypass=True, norm="all", stem_filters=8)


@pytest.mark.parametrize(("weight", "temperature"), [(0, 2), (1.1, 2), (-1, 2), (0.5, 0.1), (0.5, 50)])
def test_a_value_out_of_range_is_refused(weight: float, temperature: float) -> None:
    with pytest.raises(MicroferError, match="the teachers'"):
        Distillation(weight, temperature)
    with pytest.raises(MicroferError, match="number of views must be at least 1"):
        Distillation(views=-1)
    with pytest.raises(MicroferError, match="leave one out"):
        Distillation(views=2, once=True)


def test_softening_is_the_softmax_of_divided_logits() -> None:
    logits = np.random.default_rng(0).normal(0, 3, (5, 7))

    def softmax(z: Any) -> Any:
        return np.exp(z) / np.exp(z).sum(1, keepdims=True)

    made = softened(softmax(logits).astype(np.float32), 2.5)
    np.testing.assert_allclose(made, softmax(logits / 2.5), atol=1e-3)
    assert made.dtype == np.float32


class Oracle:
    """A teacher that is sure of one label, and remembers what it was shown."""

    def __init__(self, label: int) -> None:
        self.label = label
        self.seen: list[Any] = []

    def predict(self, inputs: Any) -> Any:
        self.seen.append(inputs)
        return np.eye(7, dtype=np.float32)[np.full(len(inputs), self.label)]


def teachers_of(*oracles: Oracle, settings: Distillation | None = None) -> Teachers:
    made = object.__new__(Teachers)
    made.settings = settings or Distillation(0.5, 1.0)
    made._networks = list(oracles)
    made._answered = {}
    made._of_images = None
    made._files = [(f"{oracle.label}.keras", "0" * 64) for oracle in oracles]
    return made


def test_several_teachers_are_averaged_beside_the_students_own_targets() -> None:
    own = recipe("strong").targets(np.array([3, 4], np.uint8))
    teachers = teachers_of(Oracle(0), Oracle(6))
    targets = teachers.targets(np.zeros((2, 48, 48, 1), np.float32), own, np.arange(2), 0, 0)
    assert (targets.shape, targets.dtype) == ((2, 14), np.float32)
    labels, answers = split_targets(targets)
    np.testing.assert_array_equal(labels, own)
    np.testing.assert_allclose(answers[:, [0, 6]], 0.5, atol=1e-5)


def test_without_a_teacher_there_is_nothing_to_follow() -> None:
    with pytest.raises(MicroferError, match="at least one teacher"):
        Teachers([], Distillation())


class SpyEngine:
    """Remembers what it is trained on; its state is one number."""

    name, model = "spy", None

    def __init__(self) -> None:
        self.steps: list[tuple[Any, Any]] = []

    def start_epoch(self, seed: int) -> None: ...

    def train_step(self, inputs: Any, targets: Any, weights: Any, rate: float) -> tuple[float, int]:
        self.steps.append((inputs, targets))
        return 1.0, 1

    def predict(self, inputs: Any) -> Any:
        return np.full((len(inputs), 7), 1 / 7, np.float32)

    def state(self) -> dict[str, Any]:
        return {"model/000": np.array(0.0)}

    def restore(self, state: dict[str, Any]) -> None: ...


def run_with(out: Path, teachers: Teachers | None, epochs: int = 1) -> loop.Run:
    short = replace(recipe("strong"), epochs=epochs, batch_size=16)
    data = synthetic_dataset(5, 0), synthetic_dataset(1, 1, "PublicTest")
    return loop.Run(TINY, short, *data, seed=0, out=out, teachers=teachers)


@pytest.fixture
def nothing_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop.saved, "save", lambda *_: None)


@pytest.mark.usefixtures("nothing_saved")
def test_teacher_and_student_see_the_same_view(tmp_path: Path) -> None:
    oracle, engine = Oracle(2), SpyEngine()
    run_with(tmp_path, teachers_of(oracle)).execute(engine)
    assert len(oracle.seen) == len(engine.steps) == 35 // 16
    for shown, (inputs, targets) in zip(oracle.seen, engine.steps, strict=True):
        assert shown is inputs
        assert targets.shape == (16, 14)


@pytest.mark.usefixtures("nothing_saved")
def test_views_that_come_again_are_answered_once(tmp_path: Path) -> None:
    oracle, engine = Oracle(2), SpyEngine()
    teachers = teachers_of(oracle, settings=Distillation(0.5, 1.0, views=2))
    run_with(tmp_path, teachers, epochs=5).execute(engine)
    assert (len(oracle.seen), len(engine.steps)) == (2 * 2, 5 * 2)
    for step, again in ((0, 4), (1, 5), (2, 6), (3, 7), (0, 8)):
        for first, second in zip(engine.steps[step], engine.steps[again], strict=True):
            np.testing.assert_array_equal(first, second)
    assert not np.array_equal(engine.steps[0][0], engine.steps[2][0])


class LeftAndRight(Oracle):
    """Answers by the two halves of an image: sure of 0 where the left one is the brighter, else of 1."""

    def predict(self, inputs: Any) -> Any:
        self.seen.append(inputs)
        is_right = inputs[:, :, 24:].mean((1, 2, 3)) > inputs[:, :, :24].mean((1, 2, 3))
        return np.eye(7, dtype=np.float32)[is_right.astype(int)]


def test_an_image_looked_at_once_is_answered_as_it_is_and_mirrored() -> None:
    teachers = teachers_of(LeftAndRight(0), Oracle(5), settings=Distillation(0.5, 1.0, once=True))
    images = np.zeros((300, 48, 48), np.uint8)
    images[:150, :, :24] = 255
    images[150:, :, 24:] = 255
    done: list[int] = []
    teachers.look_at(images, done.append)
    assert done == [256, 300]
    _, answers = split_targets(
        teachers.targets(np.zeros((2, 48, 48, 1), np.float32), np.zeros((2, 7), np.float32), np.array([0, 299]), 0, 0)
    )
    np.testing.assert_allclose(answers[:, [0, 1, 5]], [[0.25, 0.25, 0.5]] * 2, atol=1e-5)


@pytest.mark.usefixtures("nothing_saved")
def test_answers_given_once_follow_their_images_through_new_views(tmp_path: Path) -> None:
    class ByBrightness(Oracle):
        def predict(self, inputs: Any) -> Any:
            self.seen.append(inputs)
            level = inputs.mean((1, 2, 3))
            return np.stack([level, 1 - level, *[0 * level] * 5], 1).astype(np.float32)

    oracle, engine = ByBrightness(0), SpyEngine()
    run = run_with(tmp_path, teachers_of(oracle, settings=Distillation(0.5, 1.0, once=True)), epochs=2)
    assert run.teachers is not None
    with pytest.raises(ValueError, match="look_at comes first"):
        run.execute(SpyEngine())
    run.teachers.look_at(run.training.images)
    run.execute(engine)
    assert len(oracle.seen) == 2  # the images and their mirror images, whatever the number of epochs
    assert not np.array_equal(engine.steps[0][0], engine.steps[2][0])
    own = recipe("strong").targets(run.training.labels)
    brightness = run.training.images.mean((1, 2)) / 255
    for _, targets in engine.steps:
        labels, answers = split_targets(targets)
        for label, answer in zip(labels, answers, strict=True):
            same = np.isclose(brightness, answer[0], atol=1e-5)
            assert same.any()
            assert (own[same] == label).all(1).any()


@pytest.mark.usefixtures("nothing_saved")
def test_the_first_views_are_those_of_a_run_without_a_limit(tmp_path: Path) -> None:
    def inputs_of(name: str, views: int) -> list[Any]:
        engine = SpyEngine()
        teachers = teachers_of(Oracle(2), settings=Distillation(0.5, 1.0, views))
        run_with(tmp_path / name, teachers, epochs=3).execute(engine)
        return [inputs for inputs, _ in engine.steps]

    fresh, limited = inputs_of("fresh", 0), inputs_of("limited", 2)
    np.testing.assert_array_equal(fresh[:4], limited[:4])
    assert not np.array_equal(fresh[4], limited[4])


@pytest.mark.usefixtures("nothing_saved")
@pytest.mark.parametrize(
    ("first", "second", "what"),
    [(None, 3, "distillation"), (3, None, "distillation"), (3, 4, "distillation's teachers")],
)
def test_a_run_goes_on_with_the_teachers_that_it_began_with(tmp_path: Path, first: Any, second: Any, what: str) -> None:
    before, after = (None if label is None else teachers_of(Oracle(label)) for label in (first, second))
    run_with(tmp_path, before).execute(SpyEngine())
    with pytest.raises(MicroferError, match=f"its {what} is"):
        run_with(tmp_path, after).execute(SpyEngine(), resume=True)


def python(*arguments: str, backend: str = "torch") -> str:
    done = forked.run(*arguments, backend=backend)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("torch"), reason="torch is not installed")
def test_the_native_pytorch_step_follows_teachers_as_the_keras_step_does() -> None:
    differences = json.loads(python(str(ROOT / "tests" / "host" / "torch_engine_probe.py"), "--distil"))
    assert differences["loss"] < 1e-4
    assert differences["hits"] == 0
    assert differences["trainable"] < 1e-4


def save_two_networks(folder: Path) -> list[str]:
    """Write one of our networks and one that is nobody's preset; return their paths."""
    import keras

    from microfer.model import saved
    from microfer.model.build import build

    keras.utils.set_random_seed(0)
    saved.save(build(TINY), TINY, folder / "ours.keras")
    crop = keras.Input((48, 48, 1))
    any_network = keras.Model(crop, keras.layers.Dense(7, "softmax")(keras.layers.Flatten()(crop)))
    any_network.save(folder / "any.keras")
    return [str(folder / name) for name in ("ours.keras", "any.keras")]


KEEP_THE_FIRST_EPOCH = """
import shutil, sys; sys.path.insert(0, "host")
from microfer.training import loop
written, broken, sys.argv = loop.checkpoint.write, sys.argv[1], sys.argv[2:]
def keep(path, *rest):
    written(path, *rest)
    if not loop.Path(broken).exists(): shutil.copytree(path.parent, broken)
loop.checkpoint.write = keep; exec(open(sys.argv[0]).read())
"""
"""Runs a command; what its run's folder holds after an epoch, as after a power cut, is left in another."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "backend",
    [
        pytest.param(name, marks=pytest.mark.skipif(not find_spec(name), reason=f"{name} is not installed"))
        for name in ("torch", "tensorflow")
    ],
)
def test_a_distilled_run_that_was_stopped_and_resumed_equals_an_unbroken_one(backend: str, tmp_path: Path) -> None:
    teachers = save_two_networks(tmp_path)
    options = ("host/train.py", "--synthetic", "--limit", "64", "--preset", "mini-xception", "--teacher", *teachers)
    whole, broken = ((*options, "--epochs", "2", "--out", str(tmp_path / name)) for name in ("whole", "broken"))
    python("-c", KEEP_THE_FIRST_EPOCH, str(tmp_path / "broken"), *whole, backend=backend)
    assert checkpoint.read(tmp_path / "broken" / "last.npz")[0].epoch == 1
    python(*broken, "--resume", backend=backend)
    (first, expected), (second, found) = (checkpoint.read(tmp_path / n / "last.npz") for n in ("whole", "broken"))
    assert first.settings == second.settings
    assert [one["file"] for one in first.settings["distillation"]["teachers"]] == ["ours.keras", "any.keras"]
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-4, atol=1e-5, err_msg=key)
