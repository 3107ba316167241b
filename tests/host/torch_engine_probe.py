"""Print how far one step of the native PyTorch engine is from one of Keras; tests run it, with or without JSON."""

import json
import sys

import keras
import numpy as np

from microfer.model import networks
from microfer.model.build import build, copy_weights
from microfer.model.presets import SqueezeNet
from microfer.training.distill import Distillation
from microfer.training.engine import KerasEngine
from microfer.training.engines import make_engine
from microfer.training.recipe import recipe

config = (
    networks.from_json(json.loads(sys.argv[1]))
    if sys.argv[1:] and sys.argv[1].startswith("{")
    else SqueezeNet(
        "probe", ((8, 16), (8, 16)), pool_after=(1,), bypass=True, norm="all", stem_filters=32, activation_limit=6.0
    )
)
rng = np.random.default_rng(0)
inputs = rng.random((16, 48, 48, 1), np.float32)
targets = recipe("strong").targets(rng.integers(0, 7, 16).astype(np.uint8))
weights = rng.uniform(0.5, 2, 16).astype(np.float32)

start = build(config)
models = [build(config), build(config)]
for model in models:
    copy_weights(start, model)
distillation = Distillation(0.6, 3.0) if "--distil" in sys.argv else None
if distillation:
    targets = np.concatenate([targets, rng.dirichlet(np.ones(7), 16).astype(np.float32)], axis=1)
native = make_engine(models[0], config, recipe("strong"), precision="float32", distillation=distillation)
optimizer = keras.optimizers.AdamW(1e-3, weight_decay=recipe("strong").weight_decay)
plain = KerasEngine(models[1], optimizer, distillation)
plain.optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
before = np.abs(native.predict(inputs) - plain.predict(inputs)).max()
steps = [engine.train_step(inputs, targets, weights, 1e-3) for engine in (native, plain)]
losses, hits = zip(*steps, strict=True)


def trainable(model: object) -> np.ndarray:
    return np.concatenate([keras.ops.convert_to_numpy(v).ravel() for v in model.trainable_variables])


print(
    json.dumps(
        {
            "prediction_before": float(before),
            "loss": abs(losses[0] - losses[1]),
            "hits": abs(hits[0] - hits[1]),
            # Adam divides by the gradient's size, so a tiny gradient's rounding can turn a step around: the median.
            "trainable": float(np.median(np.abs(trainable(models[0]) - trainable(models[1])))),
            "moved": float(np.abs(trainable(models[0]) - trainable(start)).max()) + 1e-9,
        }
    )
)
