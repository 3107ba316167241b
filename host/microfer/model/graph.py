"""A network as a list of nodes: the one description that every builder and the layer table read.

Keras, tf_keras (for pruning) and the native PyTorch forward pass (for speed) are built from the same nodes, under the
same names, so that weights carry over by name.
"""

from microfer.contract import block_side
from microfer.model import baselines
from microfer.model.networks import Network
from microfer.model.node import Node
from microfer.model.presets import SqueezeNet


def nodes(config: Network) -> tuple[Node, ...]:
    """Return the network of `config` in the order of computation, from "input" to "softmax".

    The node "logits" is the last before the softmax: shape (batch, classes).

    Raises:
        MicroferError: the network is one of Keras' own, which is not described here.
    """
    if not isinstance(config, SqueezeNet):
        return baselines.nodes(config)
    net = _Network(config)
    last = net.add(Node("input", "input"))
    if (side := block_side(config.input_layout)) > 1:
        last = net.add(Node("regroup", "space_to_depth", (last,), stride=side))
    last = net.add(Node("stem_pad", "pad", (last,), margin=(config.stem_kernel - 1) // 2))
    last = net.stem(last)
    if config.stem_pool:
        last = net.max_pool("stem", last)
    for number in range(1, len(config.fires) + 1):
        last = net.fire(number, last)
        if number in config.pool_after:
            last = net.max_pool(f"fire{number}", last)
    last = net.dropout("head", last, config.head_dropout)
    if config.average_first:
        last = net.add(Node("average", "average_pool", (last,)))
    # Small first logits, as SqueezeNet's authors have them: with He's, the bypasses' sums start at a loss above 3.
    last = net.add(Node("classifier", "conv", (last,), filters=len(config.labels), kernel=1, initial_std=0.01))
    if config.classifier_relu:
        last = net.add(Node("classifier_relu", "relu", (last,)))
    net.add(Node("logits", "flatten" if config.average_first else "global_average", (last,)))
    net.add(Node("softmax", "softmax", ("logits",)))
    return tuple(net.nodes)


class _Network:
    """Nodes as they are added; each method returns the name of the node to go on from."""

    def __init__(self, config: SqueezeNet) -> None:
        self.config = config
        self.nodes: list[Node] = []

    def add(self, node: Node) -> str:
        self.nodes.append(node)
        return node.name

    def stem(self, source: str) -> str:
        """Add the first convolution, on a map that is padded already."""
        config = self.config
        kernel, stride = config.stem_kernel, config.stem_stride
        return self.conv(
            "stem", source, config.stem_filters, kernel, normed=config.norm == "all", stride=stride, valid=True
        )

    def conv(
        self, name: str, source: str, filters: int, kernel: int, *, normed: bool, stride: int = 1, valid: bool = False
    ) -> str:
        """Add a convolution, its batch normalization if `normed`, and its ReLU."""
        last = self.add(
            Node(name, "conv", (source,), filters=filters, kernel=kernel, stride=stride, valid=valid, bias=not normed)
        )
        if normed:
            last = self.add(Node(f"{name}_norm", "norm", (last,)))
        return self.add(Node(f"{name}_relu", "relu", (last,), limit=self.config.activation_limit))

    def fire(self, number: int, source: str) -> str:
        """Add a fire module: squeeze, the two expansions side by side, and the bypass around all if there is one."""
        name, (squeeze, expand1x1, expand3x3) = f"fire{number}", self.config.fire(number)
        last = self._fire_conv(f"{name}_squeeze", source, squeeze, 1, normed=self.config.norm != "none")
        left = self._fire_conv(f"{name}_expand1x1", last, expand1x1, 1, normed=self.config.norm == "all")
        right = self._fire_conv(f"{name}_expand3x3", last, expand3x3, 3, normed=self.config.norm == "all")
        last = self.add(Node(f"{name}_concat", "concat", (left, right)))
        return self.add(Node(f"{name}_bypass", "add", (source, last))) if self.config.bypasses(number) else last

    def _fire_conv(self, name: str, source: str, filters: int, kernel: int, *, normed: bool) -> str:
        last = self.conv(name, source, filters, kernel, normed=normed)
        return self.dropout(name, last, self.config.fire_dropout)

    def dropout(self, name: str, source: str, rate: float) -> str:
        return self.add(Node(f"{name}_dropout", "dropout", (source,), rate=rate)) if rate else source

    def max_pool(self, name: str, source: str) -> str:
        config = self.config
        return self.add(
            Node(f"{name}_pool", "max_pool", (source,), kernel=config.pool_kernel, stride=2, valid=config.pool_valid)
        )
