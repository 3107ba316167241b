"""The training step in PyTorch's own operators, over the variables of a Keras model on the PyTorch backend."""

from typing import Any

import torch
import torch.nn.functional as F

from microfer.model.networks import Network
from microfer.training.distill import Distillation
from microfer.training.engine import Array, VariablesState
from microfer.training.loss import loss, split_targets
from microfer.training.torch_network import TorchNetwork


class TorchEngine(VariablesState):
    """Trains a network that `TorchNetwork` runs; with a `distillation`, targets come from `Teachers.targets`."""

    def __init__(
        self, model: Any, config: Network, optimizer: Any, precision: str, distillation: Distillation | None = None
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        optimizer.build(model.trainable_variables)
        self._network = TorchNetwork(model, config, precision)
        self._distillation = distillation
        self.name = f"PyTorch on {self._network.device.type}, {'bfloat16' if self._network.bfloat16 else 'float32'}"

    def start_epoch(self, seed: int) -> None:
        """See `Engine.start_epoch`."""
        self._network.seed(seed)

    def train_step(self, inputs: Array, targets: Array, weights: Array, rate: float) -> tuple[float, int]:
        """See `Engine.train_step`."""
        self.optimizer.learning_rate = rate
        parameters = self.model.trainable_variables
        for parameter in parameters:
            parameter.value.grad = None
        target = self._network.tensor(targets)
        logits = self._network.logits(inputs, training=True)
        losses = loss(self._distillation, target, logits, _cross_entropy)
        mean = (losses * self._network.tensor(weights)).mean()
        mean.backward()
        with torch.no_grad():
            self.optimizer.apply([parameter.value.grad for parameter in parameters], parameters)
        hits = int((logits.argmax(1) == split_targets(target, logits)[0].argmax(1)).sum())
        return float(mean.detach()), hits

    def predict(self, inputs: Array) -> Array:
        """See `Engine.predict`."""
        return self._network.predict(inputs)


def _cross_entropy(targets: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(logits, targets, reduction="none")
