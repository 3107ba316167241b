"""What a network will cost on the chip, from its description alone: no weights, no conversion.

Good enough to compare shapes by: what the converter adds or merges is left out, some hundredths of a per cent.
"""

from functools import cache

from microfer.cost.costs import fitted
from microfer.cost.dispatch import path_of
from microfer.cost.step import Shape, Step
from microfer.errors import MicroferError
from microfer.model.graph import nodes
from microfer.model.networks import Network
from microfer.model.node import Node
from microfer.model.table import layers

KINDS = {
    "pad": "PAD",
    "conv": "CONV_2D",
    "depthwise": "DEPTHWISE_CONV_2D",
    "dense": "FULLY_CONNECTED",
    "max_pool": "MAX_POOL_2D",
    "average_pool": "AVERAGE_POOL_2D",
    "concat": "CONCATENATION",
    "add": "ADD",
}
"""The operators that cost something worth counting; activations and normalizations are merged into convolutions."""


@cache
def instructions(config: Network) -> float:
    """Return about how many instructions an inference takes with ESP-NN on an ESP32-S3, see docs/cost-model.md.

    Raises:
        MicroferError: nothing is known of one of its operators.
    """
    shapes = {layer.name: layer.shape for layer in layers(config)}
    return sum(_cost(node, [shapes[name] for name in node.inputs], shapes[node.name]) for node in nodes(config))


def _cost(node: Node, inputs: list[Shape], output: Shape) -> float:
    if node.op not in KINDS:
        return 0.0
    path = path_of(_step(node, inputs, output))
    costs = fitted().get(path.name)
    if costs is None:
        raise MicroferError(f"what {node.name} costs on the chip is not known: {path.why}")
    return costs.instructions(path)


def _step(node: Node, inputs: list[Shape], output: Shape) -> Step:
    height, width, channels = inputs[0]
    kernel = (height, width) if node.op == "average_pool" else (max(node.kernel, 1),) * 2
    before, after = ((0, 0), (0, 0)) if node.valid or node.op == "average_pool" else _same(node, (height, width))
    filters = output[2]
    taps = kernel[0] * kernel[1] * (channels if node.op in ("conv", "dense") else 1)
    weights = taps * filters if node.op in ("conv", "depthwise", "dense") else 0
    return Step(
        index=0,
        kind=KINDS[node.op],
        input=inputs[0],
        output=output,
        kernel=kernel,
        stride=(node.stride, node.stride),
        before=before,
        after=after,
        filter_channels=channels if node.op == "conv" else 1,
        weight_bytes=weights,
        bias_bytes=4 * filters if weights else 0,
        filter_scales=filters if weights else 1,
        input_elements=sum(shape[0] * shape[1] * shape[2] for shape in inputs),
        output_elements=output[0] * output[1] * filters,
        inputs=len(inputs),
        outer=height * width,
    )


def _same(node: Node, size: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the padding before and after that keeps the size, as TensorFlow lays it: the odd one comes after."""
    missing = [max((-(-side // node.stride) - 1) * node.stride + node.kernel - side, 0) for side in size]
    return (missing[0] // 2, missing[1] // 2), (missing[0] - missing[0] // 2, missing[1] - missing[1] // 2)
