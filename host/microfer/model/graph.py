"""A network as a list of nodes: the one description that every builder and the layer table read.

Keras, tf_keras (for pruning) and the native PyTorch forward pass (for speed) are built from the same nodes, under the
same names, so that weights carry over by name.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from microfer.contract import NUM_CLASSES
from microfer.model.presets import SqueezeNet

Op = Literal[
    "input", "pad", "conv", "norm", "relu", "max_pool", "concat", "add", "dropout", "global_average", "softmax"
]


@dataclass(frozen=True)
class Node:
    """One operation on tensors of shape (batch, height, width, channels).

    name: unique, and the name of the Keras layer.
    inputs: names of the nodes whose outputs it takes.
    filters, kernel, stride: of a conv; kernel and stride also of a max_pool. A conv pads to keep the size
        ("same") unless `valid`; a max_pool always pads.
    initial_std: standard deviation of a conv's first kernel, drawn from a normal distribution; zero for He's.
    bias: whether a conv has one; it has none where batch normalization follows.
    rate: of a dropout. limit: upper bound of a relu, or None. margin: pixels that a pad adds on each side.
    """

    name: str
    op: Op
    inputs: tuple[str, ...] = ()
    filters: int = 0
    kernel: int = 0
    stride: int = 1
    valid: bool = False
    bias: bool = True
    initial_std: float = 0.0
    rate: float = 0.0
    limit: float | None = None
    margin: int = 0


def nodes(config: SqueezeNet) -> tuple[Node, ...]:
    """Return the network of `config` in the order of computation, from "input" to "softmax".

    The node "logits" is the last before the softmax: shape (batch, 7).
    """
    return tuple(_network(config))


def _network(config: SqueezeNet) -> Iterator[Node]:
    yield Node("input", "input")
    yield Node("stem_pad", "pad", ("input",), margin=config.stem_kernel // 2)
    last = yield from _conv(
        config, "stem", "stem_pad", config.stem_filters, config.stem_kernel, normed=config.norm == "all", stride=2
    )
    yield Node("stem_pool", "max_pool", (last,), kernel=3, stride=2)
    last = "stem_pool"
    channels = config.stem_filters
    for number, (squeeze, expand) in enumerate(config.fires, start=1):
        bypass = config.bypass and channels == 2 * expand
        last = yield from _fire(config, f"fire{number}", last, squeeze, expand, bypass)
        channels = 2 * expand
        if number in config.pool_after:
            yield Node(f"fire{number}_pool", "max_pool", (last,), kernel=3, stride=2)
            last = f"fire{number}_pool"
    if config.head_dropout:
        yield Node("head_dropout", "dropout", (last,), rate=config.head_dropout)
        last = "head_dropout"
    yield Node("classifier", "conv", (last,), filters=NUM_CLASSES, kernel=1, initial_std=0.01)
    # Small first logits, as SqueezeNet's authors have them: with He's, the sums of the bypasses start at a loss above 3.
    last = "classifier"
    if config.classifier_relu:
        yield Node("classifier_relu", "relu", (last,))
        last = "classifier_relu"
    yield Node("logits", "global_average", (last,))
    yield Node("softmax", "softmax", ("logits",))


def _fire(
    config: SqueezeNet, name: str, source: str, squeeze: int, expand: int, bypass: bool
) -> Iterator[Node]:
    """Yield one fire module and return the name of its output."""
    every = config.norm == "all"
    last = yield from _conv(config, f"{name}_squeeze", source, squeeze, 1, normed=config.norm != "none")
    last = yield from _dropout(config, f"{name}_squeeze", last)
    left = yield from _conv(config, f"{name}_expand1x1", last, expand, 1, normed=every)
    left = yield from _dropout(config, f"{name}_expand1x1", left)
    right = yield from _conv(config, f"{name}_expand3x3", last, expand, 3, normed=every)
    right = yield from _dropout(config, f"{name}_expand3x3", right)
    yield Node(f"{name}_concat", "concat", (left, right))
    if not bypass:
        return f"{name}_concat"
    yield Node(f"{name}_bypass", "add", (source, f"{name}_concat"))
    return f"{name}_bypass"


def _conv(
    config: SqueezeNet, name: str, source: str, filters: int, kernel: int, *, normed: bool, stride: int = 1
) -> Iterator[Node]:
    """Yield a convolution with its batch normalization, if `normed`, and its ReLU; return the last one's name."""
    yield Node(
        name, "conv", (source,), filters=filters, kernel=kernel, stride=stride, valid=stride != 1, bias=not normed
    )
    last = name
    if normed:
        yield Node(f"{name}_norm", "norm", (last,))
        last = f"{name}_norm"
    yield Node(f"{name}_relu", "relu", (last,), limit=config.activation_limit)
    return f"{name}_relu"


def _dropout(config: SqueezeNet, name: str, source: str) -> Iterator[Node]:
    if not config.fire_dropout:
        return source
    yield Node(f"{name}_dropout", "dropout", (source,), rate=config.fire_dropout)
    return f"{name}_dropout"
