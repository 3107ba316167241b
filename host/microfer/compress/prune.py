"""Magnitude pruning with tensorflow-model-optimization (Zhu and Gupta 2017, arXiv:1710.01878).

The library needs tf_keras, so the same nodes are built there and the weights carried over both ways. What comes out is
the same network with zeros in its kernels. That makes the file compress better and nothing else: TFLM stores and
multiplies zeros like any other weight, so neither the flatbuffer's size nor the latency changes.
"""

import gzip
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from microfer.errors import MicroferError
from microfer.model.build import build, copy_weights
from microfer.model.presets import SqueezeNet
from microfer.training.engine import Array

MASK_UPDATES = 40
"""How many times the masks are drawn anew while the sparsity grows."""


@dataclass(frozen=True)
class LayerSparsity:
    """How many of a convolution's kernel values are zero."""

    name: str
    zeros: int
    weights: int

    @property
    def sparsity(self) -> float:
        """The share of zeros, 0..1."""
        return self.zeros / self.weights


def sparsity(model: Any) -> list[LayerSparsity]:
    """Return the sparsity of every convolution of `model` (Keras 3 or tf_keras), in the order of computation."""
    rows = []
    for layer in model.layers:
        if type(layer).__name__ == "Conv2D":
            kernel = layer.get_weights()[0]
            rows.append(LayerSparsity(layer.name, int((kernel == 0).sum()), kernel.size))
    return rows


def overall_sparsity(rows: list[LayerSparsity]) -> float:
    """Return the share of zeros among all kernel values of `rows`, 0..1."""
    return sum(row.zeros for row in rows) / sum(row.weights for row in rows)


def weight_bytes(model: Any) -> tuple[int, int]:
    """Return the size of all weights as float32, plain and after gzip (level 9), in bytes."""
    raw = b"".join(np.ascontiguousarray(w, np.float32).tobytes() for w in model.get_weights())
    return len(raw), len(gzip.compress(raw, 9, mtime=0))


class PruningEngine:
    """Fine-tunes a network while its smallest weights are set to zero; an `Engine` for `training.loop.Run`.

    The share of zeros in each convolution grows over the first `ramp_steps` steps to `target` along the library's
    polynomial schedule and stays. `model` is a Keras 3 model with the pruned weights of this moment.
    """

    def __init__(self, model: Any, config: SqueezeNet, target: float, ramp_steps: int) -> None:
        if not 0 < target < 1:
            raise MicroferError(f"the sparsity must lie between 0 and 1, not {target}")
        tf_keras, tfmot = _libraries()
        self.name = "tf_keras with tensorflow-model-optimization, float32"
        self._keras_model = model
        plain = build(config, tf_keras)
        copy_weights(model, plain)
        schedule = tfmot.sparsity.keras.PolynomialDecay(
            0.0, target, begin_step=0, end_step=ramp_steps, frequency=max(ramp_steps // MASK_UPDATES, 1)
        )

        def wrap(layer: Any) -> Any:
            if isinstance(layer, tf_keras.layers.Conv2D):
                return tfmot.sparsity.keras.prune_low_magnitude(layer, pruning_schedule=schedule)
            return type(layer).from_config(layer.get_config())

        self._wrapped = tf_keras.models.clone_model(plain, clone_function=wrap)
        _copy_inner(plain, self._wrapped)
        self._training = tf_keras.Model(self._wrapped.input, self._wrapped.get_layer("logits").output)
        self._training.compile(
            optimizer=tf_keras.optimizers.Adam(),
            loss=tf_keras.losses.CategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        self._training.optimizer.build(self._training.trainable_variables)
        self._step = tfmot.sparsity.keras.UpdatePruningStep()
        self._step.set_model(self._training)
        self._step.on_train_begin()
        self._seed = tf_keras.utils.set_random_seed

    @property
    def model(self) -> Any:
        """The Keras 3 model given to the constructor, with the weights of this moment."""
        self._step.on_epoch_end(batch=-1)  # zeroes what the optimizer has moved since the last step
        _copy_inner(self._wrapped, self._keras_model)
        return self._keras_model

    def start_epoch(self, seed: int) -> None:
        """See `Engine.start_epoch`."""
        self._seed(seed)

    def train_step(self, inputs: Array, targets: Array, weights: Array, rate: float) -> tuple[float, int]:
        """See `Engine.train_step`."""
        self._training.optimizer.learning_rate.assign(rate)
        self._step.on_train_batch_begin(batch=-1)
        result = self._training.train_on_batch(
            inputs, targets, sample_weight=weights, reset_metrics=True, return_dict=True
        )
        return float(result["loss"]), round(float(result["accuracy"]) * len(inputs))

    def predict(self, inputs: Array) -> Array:
        """See `Engine.predict`."""
        self._step.on_epoch_end(batch=-1)
        return np.asarray(self._wrapped.predict_on_batch(inputs), np.float32)

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """See `Engine.state`."""
        return {key: variable.numpy() for key, variable in self._variables().items()}

    def restore(self, state: dict[str, npt.NDArray[Any]]) -> None:
        """See `Engine.restore`."""
        variables = self._variables()
        if {k: v.shape for k, v in state.items()} != {k: tuple(v.shape) for k, v in variables.items()}:
            raise MicroferError("the checkpoint is not of this network's pruning")
        for key, variable in variables.items():
            variable.assign(state[key])
        self._step.on_train_begin()

    def _variables(self) -> dict[str, Any]:
        everything = {f"model/{i:03d}": v for i, v in enumerate(self._wrapped.variables)}
        return everything | {f"optimizer/{i:03d}": v for i, v in enumerate(self._training.optimizer.variables)}


def _copy_inner(source: Any, target: Any) -> None:
    """Copy weights by layer name where either model's convolutions may be wrapped for pruning."""

    def unwrapped(model: Any) -> dict[str, Any]:
        inner = [getattr(layer, "layer", layer) for layer in model.layers]
        return {layer.name: layer for layer in inner if layer.weights}

    theirs = unwrapped(source)
    for name, layer in unwrapped(target).items():
        layer.set_weights(theirs[name].get_weights())


def _libraries() -> tuple[Any, Any]:
    try:
        import tensorflow_model_optimization as tfmot
        import tf_keras
    except ModuleNotFoundError as error:
        raise MicroferError(
            f"pruning needs the package {error.name}: python -m pip install --require-hashes -r requirements/train.lock"
        ) from error
    return tf_keras, tfmot
