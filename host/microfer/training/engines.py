"""Which engine trains a network: the fastest one for Keras' backend."""

from typing import Any

from microfer.errors import MicroferError
from microfer.model.baselines import Application
from microfer.model.networks import Network
from microfer.training.distill import Distillation
from microfer.training.engine import Engine, KerasEngine
from microfer.training.recipe import Recipe


def make_engine(
    model: Any, config: Network, recipe: Recipe, *, precision: str = "auto", distillation: Distillation | None = None
) -> Engine:
    """Return the fastest engine for the Keras backend in use.

    precision: "float32", "bfloat16" (PyTorch only), or "auto": bfloat16 where PyTorch's processor multiplies it.
    distillation: how teachers are followed; the engine is then trained on what `Teachers.targets` returns.

    Raises:
        MicroferError: bfloat16 was asked for on another backend.
    """
    import keras

    # A network of keras.applications has no nodes to run natively.
    if keras.backend.backend() == "torch" and not isinstance(config, Application):
        from microfer.training.torch_engine import TorchEngine  # only here is PyTorch sure to be installed

        return TorchEngine(model, config, _optimizer(recipe), precision, distillation)
    if precision == "bfloat16":
        raise MicroferError(
            f"bfloat16 training of {config.name} is not possible here: it needs the PyTorch backend "
            "(KERAS_BACKEND=torch) and a network that is not from keras.applications"
        )
    return KerasEngine(model, _optimizer(recipe), distillation)


def _optimizer(recipe: Recipe) -> Any:
    import keras

    if recipe.optimizer == "adam":
        return keras.optimizers.Adam(recipe.learning_rate)
    optimizer = keras.optimizers.AdamW(recipe.learning_rate, weight_decay=recipe.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
