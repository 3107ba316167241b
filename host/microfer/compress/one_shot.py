"""A trained network compressed at once, without training: its smallest weights cut, or its kernels clustered."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from microfer.compress.cluster import Kernel, clustered
from microfer.compress.prune import gradient_scales, layer_targets, sparsity
from microfer.data.dataset import Dataset
from microfer.errors import TRAIN_LOCK_HINT, MicroferError
from microfer.model import saved
from microfer.model.build import build, copy_weights


class OneShot:
    """The network in a .keras file, of which `cut` and `clustered` give variants, each from the weights in the file.

    All variants are one Keras model, `model`: the next one replaces the last. `sample` is what it is measured on how
    much each layer moves the loss, as `prune.PruningEngine` does.

    Raises:
        MicroferError: the file holds no trained network, or one without convolutions of its own.
    """

    def __init__(self, source: Path, sample: Dataset) -> None:
        self.model, self.config = saved.load(source)
        self._kernels: dict[str, Kernel] = {
            row.name: self.model.get_layer(row.name).get_weights()[0] for row in sparsity(self.model)
        }
        if not self._kernels:
            raise MicroferError(
                f"{source} holds {self.config.name}, which has no convolutions of its own; take one of the SqueezeNets"
            )
        self._sample = sample
        self._scales: dict[str, float] | None = None

    @property
    def sizes(self) -> list[int]:
        """How many weights each convolution's kernel has."""
        return [kernel.size for kernel in self._kernels.values()]

    def cut(self, target: float) -> Any:
        """Return the network with `target` (0..1) of its kernel values zero: those that `prune.py` takes.

        `prune.layer_targets` gives each layer's share, and inside a layer the smallest go. With 0 nothing is changed.
        """
        self._set(lambda _, kernel: kernel)
        if target:
            shares = layer_targets(self.model, self._layer_scales(), target)
            self._set(lambda name, kernel: cut_smallest(kernel, shares[name]))
        return self.model

    def clustered(self, count: int) -> Any:
        """Return the network with at most `count` different values in each convolution's kernel."""
        self._set(lambda _, kernel: clustered(kernel, count))
        return self.model

    def _set(self, change: Callable[[str, Kernel], Kernel]) -> None:
        for name, kernel in self._kernels.items():
            layer = self.model.get_layer(name)
            layer.set_weights([change(name, kernel), *layer.get_weights()[1:]])

    def _layer_scales(self) -> dict[str, float]:
        """Return how much each layer moves the loss; called while the model has the weights of the file."""
        if self._scales is None:
            try:
                import tf_keras
            except ModuleNotFoundError as error:
                raise MicroferError(f"pruning needs the package {error.name}: {TRAIN_LOCK_HINT}") from error
            twin = build(self.config, tf_keras)
            copy_weights(self.model, twin)
            self._scales = gradient_scales(twin, self._sample.images, self._sample.labels)
        return self._scales


def cut_smallest(kernel: Kernel, share: float) -> Kernel:
    """Return `kernel` with the nearest number to `share` (0..1) of its values zero: the smallest, the first of equals.

    It is a new array; values that were zero before are among those counted.
    """
    result = kernel.copy()
    count = min(math.floor(share * kernel.size + 0.5), kernel.size)
    result.reshape(-1)[np.argsort(np.abs(kernel), axis=None, kind="stable")[:count]] = 0
    return result
