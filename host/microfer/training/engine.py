"""One training step and one prediction, on whichever backend Keras runs.

`KerasEngine` leaves the step to Keras and works on every backend. `TorchEngine` runs the same variables through
PyTorch's own operators: on CPUs with bfloat16 it is several times faster, because Keras composes batch
normalization of many small operators and changes the memory layout around each convolution.
"""

import ctypes
import os
import sys
from functools import partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from microfer.errors import MicroferError
from microfer.model.backend import choose_backend
from microfer.training.distill import Distillation
from microfer.training.loss import loss, split_targets

Array = npt.NDArray[np.float32]

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
"""Numbers of glibc's mallopt(3), from malloc.h."""


class Engine(Protocol):
    """A network in training. name: what runs the step, for the log."""

    name: str

    @property
    def model(self) -> Any:
        """The Keras model whose variables are trained; save this one."""

    def start_epoch(self, seed: int) -> None:
        """Fix the backend's random numbers, so that an epoch comes out alike whether or not a run was resumed."""

    def train_step(self, inputs: Array, targets: Array, weights: Array, rate: float) -> tuple[float, int]:
        """Train on one batch and return mean loss and hits: inputs (b, 48, 48, 1), targets (b, classes), weights (b,).

        Where the engine follows teachers, targets are (b, 14), see `Teachers.targets`.
        """

    def predict(self, inputs: Array) -> Array:
        """Return probabilities, float32 (b, classes), for inputs (b, 48, 48, 1)."""

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Return every variable of model and optimizer, ready for an .npz file."""

    def restore(self, state: dict[str, npt.NDArray[Any]]) -> None:
        """Take back what `state` returned. Raises MicroferError where it is of another network."""


def use_threads(threads: int | None) -> None:
    """Let the backend compute on `threads` cores, or on all of them. Call it before the first computation."""
    backend = choose_backend()
    if backend == "torch":
        import torch

        torch.set_num_threads(threads or os.cpu_count() or 1)  # left alone, it may take half of a virtual machine
        _keep_freed_memory()
    elif backend == "tensorflow" and threads:
        import tensorflow

        tensorflow.config.threading.set_intra_op_parallelism_threads(threads)


def _keep_freed_memory() -> None:
    """Let glibc keep what PyTorch frees for the next step, where it is the C library.

    It would give each large activation back to the system and get it again page by page: on a processor without
    bfloat16 that was a third of the time of a step of `thesis` (256 images, one thread).
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


def _loss(distillation: Distillation | None) -> Any:
    import keras

    cross_entropy = partial(keras.losses.categorical_crossentropy, from_logits=True)

    def of_batch(targets: Any, logits: Any) -> Any:
        return loss(distillation, targets, logits, cross_entropy)

    return of_batch


def _is_right(targets: Any, logits: Any) -> Any:
    import keras

    return keras.metrics.categorical_accuracy(split_targets(targets, logits)[0], logits)


class VariablesState:
    """The part of an engine that reads and sets all variables, in Keras' own order."""

    model: Any
    optimizer: Any

    def _variables(self) -> dict[str, Any]:
        # Names of seed generators count up within a process, so the order is the key, not the name.
        everything = {f"model/{i:03d}": v for i, v in enumerate(self.model.variables)}
        return everything | {f"optimizer/{i:03d}": v for i, v in enumerate(self.optimizer.variables)}

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """See `Engine.state`."""
        import keras

        return {key: keras.ops.convert_to_numpy(variable).copy() for key, variable in self._variables().items()}

    def restore(self, state: dict[str, npt.NDArray[Any]]) -> None:
        """See `Engine.restore`."""
        variables = self._variables()
        if variables.keys() != state.keys():
            raise MicroferError(f"the checkpoint has {len(state)} variables, this network has {len(variables)}")
        for key, variable in variables.items():
            if tuple(variable.shape) != state[key].shape or state[key].dtype.kind not in "biuf":
                found = f"{state[key].dtype} {state[key].shape}"
                raise MicroferError(f"the checkpoint's {key} is {found}, not numbers of {tuple(variable.shape)}")
        for key, variable in variables.items():
            variable.assign(state[key])


class KerasEngine(VariablesState):
    """A step by Keras itself: any backend, float32."""

    def __init__(self, model: Any, optimizer: Any, distillation: Distillation | None = None) -> None:
        import keras

        self.name = f"Keras on {keras.backend.backend()}, float32"
        self.model = model
        self.optimizer = optimizer
        # The compiled model is a second one over the same layers: the first is saved, and must stay uncompiled.
        self._compiled = keras.Model(model.input, model.get_layer("logits").output)
        self._compiled.compile(
            optimizer=optimizer,
            loss=_loss(distillation),
            metrics=[keras.metrics.MeanMetricWrapper(_is_right, name="accuracy")],
            jit_compile=keras.backend.backend() == "jax",
        )
        optimizer.build(self._compiled.trainable_variables)

    def start_epoch(self, seed: int) -> None:
        """Do nothing: Keras keeps its random state in variables, which the checkpoint holds."""

    def train_step(self, inputs: Array, targets: Array, weights: Array, rate: float) -> tuple[float, int]:
        """See `Engine.train_step`."""
        self.optimizer.learning_rate = rate
        self._compiled.reset_metrics()
        result = self._compiled.train_on_batch(inputs, targets, sample_weight=weights, return_dict=True)
        return float(result["loss"]), round(float(result["accuracy"]) * len(inputs))

    def predict(self, inputs: Array) -> Array:
        """See `Engine.predict`."""
        return np.asarray(self.model.predict_on_batch(inputs), np.float32)
