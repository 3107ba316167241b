"""Print how far each engine's gradients of strided 1x1 convolutions are from NumPy's; tests run it once a backend."""

import json
from typing import Any

import keras
import numpy as np

from microfer.model import build
from microfer.model.node import Node
from microfer.model.presets import SqueezeNet
from microfer.training.engine import KerasEngine

# Up to one and a half vectors of AVX-512, three of AVX2; JAX, which does without oneDNN, compiles each for a second.
CHANNELS = (1, 4, 8, 24) if keras.backend.backend() == "jax" else tuple(range(1, 25))

CONFIG = SqueezeNet("probe", ((1, 1),), ())  # its nodes are replaced


def network(_: object) -> tuple[Node, ...]:
    """Return a branch for each number of channels: it makes so many of the crop and convolves them with stride 2."""
    chain, last = [Node("input", "input")], ""
    for count in CHANNELS:
        chain.append(Node(f"wide{count}", "conv", ("input",), filters=count, kernel=1, bias=False))
        chain.append(Node(f"narrow{count}", "conv", (f"wide{count}",), filters=7, kernel=1, stride=2, bias=False))
        if last:
            chain.append(Node(f"sum{count}", "add", (last, f"narrow{count}")))
        last = chain[-1].name
    return (*chain, Node("logits", "global_average", (last,)), Node("softmax", "softmax", ("logits",)))


def reference(kernels: dict[str, Any], inputs: Any, targets: Any) -> dict[str, Any]:
    """Return the gradients of the mean cross-entropy by each kernel, in float64."""
    seen = inputs.astype(np.float64)[:, ::2, ::2, 0].mean((1, 2))  # what a mean of strided 1x1 convolutions needs
    products = {n: kernels[f"wide{n}"][0, 0].astype(np.float64) @ kernels[f"narrow{n}"][0, 0] for n in CHANNELS}
    logits = seen[:, np.newaxis] * sum(products.values())
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    by_product = seen @ (probabilities - targets) / len(inputs)
    found = {}
    for n in CHANNELS:
        found[f"wide{n}"] = by_product[np.newaxis] @ kernels[f"narrow{n}"][0, 0].T
        found[f"narrow{n}"] = kernels[f"wide{n}"][0, 0].T @ by_product[np.newaxis]
    return found


def kernels_of(model: Any) -> dict[str, Any]:
    return {layer.name: np.array(layer.get_weights()[0]) for layer in model.layers if layer.weights}


def difference(model: Any, step: Any) -> float:
    """Return the largest error of a gradient, against the largest gradient of its kernel."""
    rng = np.random.default_rng(0)
    inputs, targets = rng.random((16, 48, 48, 1), np.float32), np.eye(7, dtype=np.float32)[rng.integers(0, 7, 16)]
    before = kernels_of(model)
    step(inputs, targets, np.ones(16, np.float32), 1.0)
    expected = reference(before, inputs, targets)
    moved = {name: (before[name] - after)[0, 0] for name, after in kernels_of(model).items()}
    return max(float(np.abs(moved[name] - one).max() / np.abs(one).max()) for name, one in expected.items())


def tf_keras_step(model: Any) -> Any:
    import tf_keras

    training = tf_keras.Model(model.input, model.get_layer("logits").output)
    training.compile(tf_keras.optimizers.SGD(1.0), tf_keras.losses.CategoricalCrossentropy(from_logits=True))
    return lambda inputs, targets, weights, rate: training.train_on_batch(inputs, targets)


def main() -> None:
    build.nodes = network
    keras.utils.set_random_seed(0)  # with other weights a gradient may happen to be near zero, and its error large
    sgd = keras.optimizers.SGD
    found = {}
    model = build.build(CONFIG)
    found["keras"] = difference(model, KerasEngine(model, sgd()).train_step)
    if keras.backend.backend() == "torch":
        from microfer.training import torch_network
        from microfer.training.torch_engine import TorchEngine

        torch_network.nodes = network
        for precision in ("float32", "bfloat16"):
            model = build.build(CONFIG)
            found[precision] = difference(model, TorchEngine(model, CONFIG, sgd(), precision).train_step)
    if keras.backend.backend() == "tensorflow":
        import tf_keras

        model = build.build(CONFIG, tf_keras)
        found["tf_keras"] = difference(model, tf_keras_step(model))
    print(json.dumps(found))


main()
