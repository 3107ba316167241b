"""Channel pruning: whole filters go, and a plain smaller network is left that is as much faster.

Channels that are added up by a bypass share one mask, so that both ends fit. How much a channel matters is read from
the trained weights: the mean square that its batch normalization lets through the bounded ReLU, times the squared norm
of the kernels that read it, which is its part in the variance of what comes next. Filter norms and the scales of
normalizations are what H. Li et al. 2017 (arXiv:1608.08710) and Z. Liu et al. 2017 (arXiv:1708.06519) rank by. Where to
take channels from is decided by the chip's cost model: of all groups, again and again the one that loses least for an
instruction saved, the loss being the logarithm of the part of the variance that is left.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from microfer.cost.network import instructions
from microfer.errors import MicroferError
from microfer.model.presets import SqueezeNet

Kept = dict[str, npt.NDArray[np.intp]]
"""The name of each group and the channels that stay, ascending."""


@dataclass(frozen=True)
class Group:
    """Channels that go together: channel i of every producer, and of nothing else.

    name: of the first producer. producers: convolutions, each followed by its normalization.
    consumers: (convolution, first of its input channels that is this group's).
    """

    name: str
    channels: int
    producers: tuple[str, ...]
    consumers: tuple[tuple[str, int], ...]


def groups(config: SqueezeNet) -> list[Group]:
    """Return the groups of a network, from the stem to the last fire module.

    Raises:
        MicroferError: a convolution has no normalization to rank its channels by, or the stem is added to a module.
    """
    if config.norm != "all":
        raise MicroferError(
            f"{config.name} normalizes {config.norm} of its convolutions; channels are ranked by the batch "
            "normalization after each: train a preset with norm='all', such as thesis-bn"
        )
    if config.bypasses(1):
        raise MicroferError(f"{config.name} adds its stem to the first fire module, which is not provided for")
    found = [Group("stem", config.stem_filters, ("stem",), (("fire1_squeeze", 0),))]
    count = len(config.fires)
    for first in range(1, count + 1):
        squeeze = config.fire(first)[0]
        found.append(
            Group(
                f"fire{first}_squeeze",
                squeeze,
                (f"fire{first}_squeeze",),
                ((f"fire{first}_expand1x1", 0), (f"fire{first}_expand3x3", 0)),
            )
        )
        if not config.bypasses(first):
            found += _outputs(config, first)
    return found


def _outputs(config: SqueezeNet, first: int) -> list[Group]:
    """Return the two groups of the outputs of module `first` and of those that are added to it, one after the other."""
    last = first
    while last < len(config.fires) and config.bypasses(last + 1):
        last += 1
    readers = [f"fire{number}_squeeze" for number in range(first + 1, min(last + 1, len(config.fires)) + 1)]
    if last == len(config.fires):
        readers.append("classifier")
    _, expand1x1, expand3x3 = config.fire(first)
    modules = range(first, last + 1)
    return [
        Group(f"fire{first}_{part}", channels, tuple(f"fire{number}_{part}" for number in modules),
              tuple((reader, start) for reader in readers))
        for part, channels, start in (("expand1x1", expand1x1, 0), ("expand3x3", expand3x3, expand1x1))
    ]  # fmt: skip


def importance(model: Any, config: SqueezeNet, group: Group) -> npt.NDArray[np.float64]:
    """Return what each channel of `group` contributes to what comes next, float64 (channels,), adding up to one."""
    passed = np.zeros(group.channels)
    for producer in group.producers:
        gamma, beta = model.get_layer(f"{producer}_norm").get_weights()[:2]
        passed += _mean_square(beta.astype(float), np.abs(gamma).astype(float), config.activation_limit)
    read = np.zeros(group.channels)
    for consumer, start in group.consumers:
        kernel = model.get_layer(consumer).get_weights()[0][:, :, start : start + group.channels]
        read += np.square(kernel.astype(float)).sum(axis=(0, 1, 3))
    contribution = passed * read
    result: npt.NDArray[np.float64] = contribution / max(contribution.sum(), 1e-30)
    return result


def _mean_square(
    mean: npt.NDArray[np.float64], deviation: npt.NDArray[np.float64], limit: float | None
) -> npt.NDArray[np.float64]:
    """Return E[relu(x)^2] of normally distributed x, elementwise; relu bounded by `limit`."""
    points, weights = np.polynomial.hermite_e.hermegauss(64)
    values = np.clip(mean[:, None] + deviation[:, None] * points, 0, limit)
    result: npt.NDArray[np.float64] = (values**2 * weights).sum(axis=1) / weights.sum()
    return result


def choose(model: Any, config: SqueezeNet, share: float, multiple: int) -> Kept:
    """Return the channels to keep, so that at most `share` (0..1) of the instructions are left.

    multiple: what every group keeps is a multiple of it, and at least it: 8 or 16, the width of the chip's vectors.

    Raises:
        MicroferError: `share` or `multiple` is out of range, or with so wide steps the share cannot be reached.
    """
    if not 0 < share < 1:
        raise MicroferError(f"the share of instructions to keep must lie between 0 and 1, not {share:g}")
    if multiple not in (8, 16):
        raise MicroferError(f"channels are kept in multiples of 8 or 16, not of {multiple}")
    every = groups(config)
    ranked = {group.name: np.argsort(-importance(model, config, group), kind="stable") for group in every}
    worth = {group.name: np.sort(importance(model, config, group))[::-1] for group in every}
    counts = {group.name: group.channels for group in every}
    aim = share * instructions(config)
    while (now := instructions(_shaped(config, counts))) > aim:
        best: tuple[float, str, int] | None = None
        for group in every:
            fewer = (counts[group.name] - 1) // multiple * multiple
            if fewer < multiple:
                continue
            saved = now - instructions(_shaped(config, counts | {group.name: fewer}))
            lost = -math.log(worth[group.name][:fewer].sum() / worth[group.name][: counts[group.name]].sum())
            if saved > 0 and (best is None or lost / saved < best[0]):
                best = (lost / saved, group.name, fewer)
        if best is None:
            raise MicroferError(
                f"with at least {multiple} channels everywhere {config.name} still takes {now / 1e6:.1f} million "
                f"instructions, more than the {aim / 1e6:.1f} million asked for: keep a larger share"
            )
        counts[best[1]] = best[2]
    return {name: np.sort(order[: counts[name]]) for name, order in ranked.items()}


def cut(model: Any, config: SqueezeNet, kept: Kept, name: str) -> tuple[Any, SqueezeNet]:
    """Return the Keras model with the channels of `kept` alone, their weights taken over, and its configuration."""
    from microfer.model.build import build

    smaller = replace(_shaped(config, {group: len(channels) for group, channels in kept.items()}), name=name)
    result = build(smaller)
    written = {producer: kept[group.name] for group in groups(config) for producer in group.producers}
    read: dict[str, list[npt.NDArray[np.intp]]] = {}
    for group in groups(config):
        for consumer, start in group.consumers:
            read.setdefault(consumer, []).append(kept[group.name] + start)
    for layer in result.layers:
        if not layer.weights:
            continue
        weights = model.get_layer(layer.name).get_weights()
        out = written.get(layer.name.removesuffix("_norm"))
        if layer.name.endswith("_norm"):
            layer.set_weights([values[out] for values in weights])
            continue
        if layer.name in read:
            weights[0] = weights[0][:, :, np.concatenate(read[layer.name])]
        layer.set_weights([values if out is None else values[..., out] for values in weights])
    return result, smaller


def _shaped(config: SqueezeNet, counts: dict[str, int]) -> SqueezeNet:
    """Return `config` with so many channels in each group, its bypasses where they were."""
    of_conv = {producer: counts[group.name] for group in groups(config) for producer in group.producers}
    numbers = range(1, len(config.fires) + 1)
    parts = ("squeeze", "expand1x1", "expand3x3")
    fires = tuple(tuple(of_conv[f"fire{number}_{part}"] for part in parts) for number in numbers)
    bypass = tuple(number for number in numbers if config.bypasses(number))
    return replace(config, stem_filters=counts["stem"], fires=fires, bypass=bypass)
