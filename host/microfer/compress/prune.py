"""Magnitude pruning with tensorflow-model-optimization (Zhu and Gupta 2017, arXiv:1710.01878).

The library needs tf_keras, so the same nodes are built there and the weights carried over both ways. What comes out is
the same network with zeros in its kernels. That makes the file compress better and nothing else: TFLM stores and
multiplies zeros like any other weight, so neither the flatbuffer's size nor the latency changes.
"""

import gzip
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from microfer.data.dataset import Dataset
from microfer.errors import MicroferError
from microfer.model.backend import load_quietly
from microfer.model.build import build, copy_weights
from microfer.model.networks import Network
from microfer.tensor import encode_float
from microfer.training.engine import Array

MASK_UPDATES = 40
"""How many times the masks are drawn anew while the sparsity grows."""

GRADIENT_BATCH = 8

KEPT_SHARE = 0.01
"""What every layer keeps of its weights, the largest ones: an emptied layer would cut the network in two."""


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
    kernels = [(layer.name, layer.get_weights()[0]) for layer in _convolutions(model)]
    return [LayerSparsity(name, int((kernel == 0).sum()), kernel.size) for name, kernel in kernels]


def overall_sparsity(rows: list[LayerSparsity]) -> float:
    """Return the share of zeros among all kernel values of `rows`, 0..1."""
    return sum(row.zeros for row in rows) / sum(row.weights for row in rows)


def weight_bytes(model: Any) -> tuple[int, int]:
    """Return the size of all weights as float32, plain and after gzip (level 9), in bytes."""
    raw = b"".join(np.ascontiguousarray(w, np.float32).tobytes() for w in model.get_weights())
    return len(raw), len(gzip.compress(raw, 9, mtime=0))


def gradient_scales(model: Any, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8]) -> dict[str, float]:
    """Return, for each convolution of a tf_keras `model`, the root mean square of the loss's gradient by its kernel.

    images: uint8 (n, 48, 48). labels: (n,). The gradients are taken over small batches, in which those of single
    images do not yet cancel out as they do, at the end of training, over all of them.
    """
    tf = load_quietly("tensorflow", "pruning")
    logits = type(model)(model.input, model.get_layer("logits").output)
    kernels = {layer.name: layer.kernel for layer in _convolutions(model)}
    squares = dict.fromkeys(kernels, 0.0)

    def gradients(inputs: Any, truth: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(truth, logits(inputs, training=False))
            mean = tf.reduce_mean(loss)
        return tape.gradient(mean, list(kernels.values()))

    traced = tf.function(gradients)
    starts = range(0, len(images) - GRADIENT_BATCH + 1, GRADIENT_BATCH)
    for start in starts:
        part = slice(start, start + GRADIENT_BATCH)
        found = traced(tf.constant(encode_float(images[part])), tf.constant(labels[part].astype(np.int32)))
        for name, gradient in zip(kernels, found, strict=True):
            squares[name] += float(tf.reduce_mean(gradient**2))
    return {name: math.sqrt(total / max(len(starts), 1)) for name, total in squares.items()}


def layer_targets(model: Any, scales: dict[str, float], target: float) -> dict[str, float]:
    """Return each convolution's sparsity, 0..1, by name, such that `target` of all kernel values are zero.

    Inside a layer the smallest values go. Between layers the measure is the magnitude times the square root of
    `scales`, the layer's gradient: one threshold on it serves the whole network. The last fire modules hardly move the
    loss and give up most of their values; the first ones keep nearly all. The same share in every layer, or one
    threshold on the magnitude alone, costs accuracy that fine-tuning does not bring back soon.
    """
    kernels = {layer.name: np.abs(layer.get_weights()[0]) for layer in _convolutions(model)}
    measures = {name: kernel * math.sqrt(scales[name]) for name, kernel in kernels.items()}
    for measure in measures.values():
        measure[measure >= np.quantile(measure, 1 - KEPT_SHARE)] = np.inf
    everything = np.sort(np.concatenate([measure.ravel() for measure in measures.values()]))
    threshold = everything[min(math.ceil(target * len(everything)), len(everything)) - 1]
    # The library rounds what a layer keeps, in float32: one weight more makes up for it.
    return {name: float((np.sum(measure <= threshold) + 1) / measure.size) for name, measure in measures.items()}


class PruningEngine:
    """Fine-tunes a network while its smallest weights are set to zero; an `Engine` for `training.loop.Run`.

    The zeros in each convolution grow over the first `ramp_steps` steps along the library's polynomial schedule to the
    layer's share of `target`, and stay. `layer_targets` gives the shares, with gradients on the training images of
    `sample`. `model` is a Keras 3 model with the pruned weights of this moment.
    """

    def __init__(self, model: Any, config: Network, target: float, ramp_steps: int, sample: Dataset) -> None:
        if not 0 < target < 1:
            raise MicroferError(f"the sparsity must lie between 0 and 1, not {target}")
        tf_keras, tfmot = _libraries()
        self.name = "tf_keras with tensorflow-model-optimization, float32"
        self._keras_model = model
        plain = build(config, tf_keras)
        copy_weights(model, plain)
        scales = gradient_scales(plain, sample.images, sample.labels)
        targets = layer_targets(plain, scales, target)

        def wrap(layer: Any) -> Any:
            if isinstance(layer, tf_keras.layers.Conv2D):
                schedule = tfmot.sparsity.keras.PolynomialDecay(
                    0.0, targets[layer.name], 0, ramp_steps, frequency=max(ramp_steps // MASK_UPDATES, 1)
                )
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


def _convolutions(model: Any) -> list[Any]:
    return [layer for layer in model.layers if type(layer).__name__ == "Conv2D"]


def _copy_inner(source: Any, target: Any) -> None:
    """Copy weights by layer name where either model's convolutions may be wrapped for pruning."""

    def unwrapped(model: Any) -> dict[str, Any]:
        inner = [getattr(layer, "layer", layer) for layer in model.layers]
        return {layer.name: layer for layer in inner if layer.weights}

    theirs = unwrapped(source)
    for name, layer in unwrapped(target).items():
        layer.set_weights(theirs[name].get_weights())


def _libraries() -> tuple[Any, Any]:
    tfmot, tf_keras = load_quietly("tensorflow_model_optimization", "pruning"), load_quietly("tf_keras", "pruning")
    return tf_keras, tfmot
