"""One operation of a network, under the name that its layer has in every framework."""

from dataclasses import dataclass
from typing import Literal

Op = Literal[
    "input",
    "space_to_depth",
    "pad",
    "conv",
    "depthwise",
    "dense",
    "norm",
    "relu",
    "max_pool",
    "concat",
    "add",
    "dropout",
    "flatten",
    "average_pool",
    "global_average",
    "softmax",
]


@dataclass(frozen=True)
class Node:
    """One operation on tensors of shape (batch, height, width, channels), or (batch, channels) once they are flat.

    name: unique, and the name of the Keras layer.
    inputs: names of the nodes whose outputs it takes.
    filters, kernel, stride: of a conv; kernel and stride also of a depthwise and a max_pool; filters also of a dense,
        which takes flat tensors. A conv, a depthwise and a max_pool pad ("same") unless `valid`. An average_pool spans
        the whole map and leaves (batch, 1, 1, channels). The stride of a space_to_depth is the side of its blocks.
    initial_std: standard deviation of a conv's first kernel, drawn from a normal distribution; zero for He's.
    bias: whether a conv, depthwise or dense has one; it has none where batch normalization follows.
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

    @property
    def skips_pixels(self) -> bool:
        """Whether it is a convolution that leaves pixels out: 1x1 with a stride."""
        return self.op == "conv" and self.kernel == 1 and self.stride > 1
