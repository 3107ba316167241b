"""Weight sharing: a kernel's values replaced by few (Han, Mao and Dally 2016, arXiv:1510.00149), without training."""

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # scikit-learn's own

from microfer.errors import MicroferError

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
