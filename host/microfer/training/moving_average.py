"""A moving average of a network's weights: often better than the weights, and steadier from epoch to epoch."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from microfer.training.engine import Engine

_PREFIX = "average/"


class MovingAverage:
    """The average of all weights of an engine's model, batch normalization's statistics included.

    decay: of the average so far at each step, 0..1; less in the first steps, so that the random start is soon gone.
    """

    def __init__(self, engine: Engine, decay: float) -> None:
        self._engine = engine
        self._decay = decay
        self._steps = 0
        self._weights = self._now()

    def update(self) -> None:
        """Take the weights after a training step into the average."""
        self._steps += 1
        kept = np.float32(min(self._decay, self._steps / (self._steps + 10)))
        self._weights = [
            kept * average + (1 - kept) * weight for average, weight in zip(self._weights, self._now(), strict=True)
        ]

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the model have the averaged weights within this context."""
        trained = self._now()
        self._engine.model.set_weights(self._weights)
        try:
            yield
        finally:
            self._engine.model.set_weights(trained)

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return the average for a checkpoint; `restore` takes it back."""
        weights = {f"{_PREFIX}{index:03d}": weight for index, weight in enumerate(self._weights)}
        return weights | {f"{_PREFIX}steps": np.array(self._steps)}

    def restore(self, state: dict[str, npt.NDArray[Any]]) -> None:
        """Take back what `state` returned."""
        self._steps = int(state[f"{_PREFIX}steps"])
        self._weights = [state[f"{_PREFIX}{index:03d}"] for index in range(len(self._weights))]

    def _now(self) -> list[npt.NDArray[np.float32]]:
        return [np.array(weight, np.float32) for weight in self._engine.model.get_weights()]


def split_state(
    variables: dict[str, npt.NDArray[Any]],
) -> tuple[dict[str, npt.NDArray[Any]], dict[str, npt.NDArray[Any]]]:
    """Return a checkpoint's variables as the engine's and the average's; the latter is empty where none was kept."""
    average = {key: value for key, value in variables.items() if key.startswith(_PREFIX)}
    return {key: value for key, value in variables.items() if key not in average}, average
