"""What each layer of a network costs: shape, parameters, bytes, multiply-accumulates. Counted, with no framework."""

from dataclasses import dataclass

from microfer.contract import CROP_SIZE
from microfer.model.graph import nodes
from microfer.model.networks import Network
from microfer.model.node import Node


@dataclass(frozen=True)
class Layer:
    """One layer's costs, for one image.

    shape: of its output, (height, width, channels); once flat (1, 1, channels).
    parameters: numbers that training sets, or keeps as running statistics (of a batch normalization: 4 a channel).
    int8_bytes: weights once quantized: one byte a kernel value, four a bias; a batch normalization folds into its
        convolution, which then has a bias.
    macs: multiply-accumulates of one inference; only convolutions and dense layers have any worth
        counting.
    """

    name: str
    op: str
    shape: tuple[int, int, int]
    parameters: int
    int8_bytes: int
    macs: int


def layers(config: Network) -> list[Layer]:
    """Return the layers of `config` in the order of computation."""
    table: dict[str, Layer] = {}
    for node in nodes(config):
        table[node.name] = _layer(node, [table[name].shape for name in node.inputs])
    return list(table.values())


def parameters(config: Network) -> int:
    """Return the number of parameters of `config`, running statistics included."""
    return sum(layer.parameters for layer in layers(config))


def macs(config: Network) -> int:
    """Return the multiply-accumulates of one inference of `config`."""
    return sum(layer.macs for layer in layers(config))


def _layer(node: Node, inputs: list[tuple[int, int, int]]) -> Layer:
    height, width, channels = inputs[0] if inputs else (CROP_SIZE, CROP_SIZE, 1)
    parameter_count, int8_bytes, mac_count = 0, 0, 0
    match node.op:
        case "space_to_depth":
            height, width, channels = height // node.stride, width // node.stride, channels * node.stride**2
        case "pad":
            height, width = height + 2 * node.margin, width + 2 * node.margin
        case "conv":
            window = node.kernel**2 * channels
            lost = node.kernel - 1 if node.valid else 0
            height, width = -(-(height - lost) // node.stride), -(-(width - lost) // node.stride)
            channels = node.filters
            parameter_count = window * channels + (channels if node.bias else 0)
            int8_bytes = window * channels + 4 * channels
            mac_count = height * width * window * channels
        case "depthwise":
            lost = node.kernel - 1 if node.valid else 0
            height, width = -(-(height - lost) // node.stride), -(-(width - lost) // node.stride)
            parameter_count = node.kernel**2 * channels + (channels if node.bias else 0)
            int8_bytes = node.kernel**2 * channels + 4 * channels
            mac_count = height * width * node.kernel**2 * channels
        case "dense":
            mac_count = channels * node.filters
            parameter_count = mac_count + (node.filters if node.bias else 0)
            int8_bytes = mac_count + 4 * node.filters
            channels = node.filters
        case "flatten":
            height, width, channels = 1, 1, height * width * channels
        case "norm":
            parameter_count = 4 * channels
        case "max_pool":
            lost = node.kernel - 1 if node.valid else 0
            height, width = -(-(height - lost) // node.stride), -(-(width - lost) // node.stride)
        case "concat":
            channels = sum(shape[2] for shape in inputs)
        case "global_average" | "average_pool":
            height, width = 1, 1
    return Layer(node.name, node.op, (height, width, channels), parameter_count, int8_bytes, mac_count)
