"""A trained network compressed at once, without training: its smallest weights cut, or its kernels clustered."""

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # scikit-learn's own

from microfer.compress.prune import gradient_scales, layer_targets, sparsity
from microfer.data.dataset import Dataset
from microfer.errors import MicroferError
from microfer.model import saved
from microfer.model.backend import load_quietly
from microfer.model.build import build, copy_weights

Kernel = npt.NDArray[np.float32]

TABLE_ENTRY_BYTES = 4
"""A value of a kernel's table, as float32: int8 entries would have to be kept for every channel, by its scale."""


def clustered(kernel: Kernel, count: int) -> Kernel:
    """Return `kernel`, float32 of any shape, with every value replaced by the nearest of `count` centroids.

    The centroids are k-means' in one dimension over all values, begun at their quantiles, so that the same kernel
    always gives the same ones. A kernel with no more than `count` different values is returned as it is.

    Raises:
        MicroferError: `count` is below 2.
    """
    if count < 2:
        raise MicroferError(f"a kernel is clustered to at least 2 values, not {count}")
    different = np.unique(kernel)
    if len(different) <= count:
        return kernel
    # Quantiles of the different values alone: where most are equal, as zeros are, no two centroids begin as one.
    first = np.quantile(different.astype(np.float64), (np.arange(count) + 0.5) / count)
    # Several threads add up in an order that changes, and so would the last digits.
    with threadpool_limits(1):
        fit = KMeans(count, init=first[:, None], n_init=1).fit(kernel.reshape(-1, 1).astype(np.float64))
    centroids = fit.cluster_centers_[:, 0].astype(np.float32)
    result: Kernel = centroids[fit.labels_].reshape(kernel.shape)
    return result


def packed_bytes(sizes: Iterable[int], count: int) -> int:
    """Return what kernels of so many weights would take as numbers of log2(`count`) bits and a table each, in bytes.

    It is computed; nothing here writes or runs such a file.
    """
    bits = math.ceil(math.log2(count))
    return sum(math.ceil(size * bits / 8) + TABLE_ENTRY_BYTES * count for size in sizes)


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
        """Return the network with `target` (0..1) of its kernel values zero: those that `microfer prune` takes.

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
            tf_keras = load_quietly("tf_keras", "pruning")
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
