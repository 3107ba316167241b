"""How long a run will take is estimated from a few steps, which leave no trace."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microfer.data.synthetic import synthetic_dataset
from microfer.model.presets import SqueezeNet
from microfer.training import forecast
from microfer.training.loop import Run
from microfer.training.recipe import recipe


class Clock:
    """A clock that moves when the engine computes, and not otherwise."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


class SlowEngine:
    """The first two steps take ten seconds each, later ones two, a prediction of any size three."""

    name = "slow"
    model = None

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.steps = 0

    def start_epoch(self, seed: int) -> None:
        pass

    def train_step(self, inputs: Any, targets: Any, weights: Any, rate: float) -> tuple[float, int]:
        self.clock.now += 10 if self.steps < 2 else 2
        self.steps += 1
        assert rate == 0
        return 1.0, 1

    def predict(self, inputs: Any) -> Any:
        self.clock.now += 3
        return np.zeros((len(inputs), 7), np.float32)

    def state(self) -> dict[str, Any]:
        return {"steps": np.array(self.steps)}

    def restore(self, state: dict[str, Any]) -> None:
        self.steps = int(state["steps"])


def test_an_epoch_takes_its_steps_and_the_validation_without_what_only_the_first_steps_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(forecast, "time", clock)
    monkeypatch.setattr(forecast, "VALIDATION_BATCH", 14)
    engine = SlowEngine(clock)
    network = SqueezeNet("tiny", fires=((2, 4),), pool_after=(), stem_filters=8)
    training, validation = synthetic_dataset(10, 0), synthetic_dataset(4, 1, "PublicTest")
    run = Run(network, replace(recipe("strong"), batch_size=16), training, validation, seed=0, out=tmp_path)
    steps, batches_of_14 = 70 // 16, 28 / 14
    assert forecast.seconds_per_epoch(run, engine) == steps * 2 + batches_of_14 * 3
    assert engine.steps == 0
