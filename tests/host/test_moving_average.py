"""Blended batches, and the average of the weights that is validated and kept in their place."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from microfer.data.synthetic import synthetic_dataset
from microfer.model.presets import SqueezeNet
from microfer.training import loop
from microfer.training.moving_average import MovingAverage, split_state
from microfer.training.recipe import recipe

pytestmark = pytest.mark.tensorflow


class Model:
    """Weights alone, as Keras gives them."""

    def __init__(self, *weights: Any) -> None:
        self.weights = [np.asarray(weight, np.float32) for weight in weights]

    def get_weights(self) -> list[Any]:
        return [weight.copy() for weight in self.weights]

    def set_weights(self, weights: list[Any]) -> None:
        self.weights = [weight.copy() for weight in weights]


class OneWeightEngine:
    """Every step moves one weight by what the batch holds; predictions are all the first class."""

    name = "one weight"

    def __init__(self) -> None:
        self.model = Model([0.0])
        self.validated: list[float] = []

    def start_epoch(self, seed: int) -> None:
        pass

    def train_step(self, inputs: Any, targets: Any, weights: Any, rate: float) -> tuple[float, int]:
        self.model.weights[0] = self.model.weights[0] * 0.9 + float(inputs.sum() + targets[:, 0].sum()) * rate
        return 1.0, 1

    def predict(self, inputs: Any) -> Any:
        self.validated.append(float(self.model.weights[0][0]))
        return np.eye(7, dtype=np.float32)[np.zeros(len(inputs), int)]

    def state(self) -> dict[str, Any]:
        return {"model/000": self.model.weights[0].copy()}

    def restore(self, state: dict[str, Any]) -> None:
        self.model.weights = [state["model/000"].copy()]


def averaged_run(out: Path) -> loop.Run:
    patient = replace(recipe("patient"), epochs=4, batch_size=16)
    network = SqueezeNet("tiny", fires=((2, 4),), pool_after=(), stem_filters=8)
    training, validation = synthetic_dataset(10, 0), synthetic_dataset(4, 1, "PublicTest")
    return loop.Run(network, patient, training, validation, seed=0, out=out)


def test_the_average_takes_a_share_of_each_step_and_more_of_the_first_ones() -> None:
    model = Model([1.0], [[8.0]])
    average = MovingAverage(SimpleNamespace(model=model), decay=0.5)  # type: ignore[arg-type]
    model.set_weights([np.float32([2.0]), np.float32([[0.0]])])
    average.update()
    kept = 1 / 11  # in the first step, where the decay would keep 0.5
    with average.in_place():
        assert model.get_weights()[0] == pytest.approx(kept * 1 + (1 - kept) * 2)
        assert model.get_weights()[1] == pytest.approx(kept * 8)
    assert model.get_weights()[0] == 2.0


def test_the_trained_weights_come_back_also_where_validation_fails() -> None:
    model = Model([1.0])
    average = MovingAverage(SimpleNamespace(model=model), decay=0.5)  # type: ignore[arg-type]
    model.set_weights([np.float32([2.0])])
    with pytest.raises(ZeroDivisionError), average.in_place():
        raise ZeroDivisionError
    assert model.get_weights()[0] == 2.0


def test_a_checkpoint_holds_weights_and_average_apart() -> None:
    average = MovingAverage(SimpleNamespace(model=Model([1.0])), decay=0.5)  # type: ignore[arg-type]
    engine, averaged = split_state({"model/000": np.array(3.0)} | average.state())
    assert engine.keys() == {"model/000"}
    assert split_state(engine) == (engine, {})
    average.restore(averaged)


def test_batches_are_blended_with_themselves_by_one_share() -> None:
    images = np.arange(4, dtype=np.float32).reshape(4, 1)
    targets = np.eye(4, dtype=np.float32)
    mixed, blended = loop._mixed((images, targets), 0.2, np.random.default_rng(3))
    assert mixed[:, 0] == pytest.approx(blended @ images[:, 0])  # a target tells what its image was made of
    assert blended.sum(axis=1) == pytest.approx(1)
    assert len(np.unique(np.round(blended[blended > 0], 6))) <= 3  # the share, the rest, and one where both meet


def test_the_average_is_validated_and_a_resumed_run_equals_an_unbroken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: dict[str, float] = {}

    def save(model: Any, _config: Any, path: Path, _notes: Any) -> None:
        saved[str(path)] = float(model.weights[0][0])

    monkeypatch.setattr(loop.saved, "save", save)
    whole = OneWeightEngine()
    averaged_run(tmp_path / "whole").execute(whole)
    assert saved[str(tmp_path / "whole" / "best.keras")] == whole.validated[0]
    assert whole.validated[-1] != float(whole.model.weights[0][0])

    class CutError(Exception):
        pass

    def cut(epoch: int, step: int, *_: float) -> None:
        if (epoch, step) == (2, 1):
            raise CutError

    with pytest.raises(CutError):
        averaged_run(tmp_path / "cut").execute(OneWeightEngine(), on_step=cut)
    resumed = OneWeightEngine()
    averaged_run(tmp_path / "cut").execute(resumed, resume=True)
    assert resumed.validated == whole.validated[2:]
    assert resumed.model.get_weights() == whole.model.get_weights()
