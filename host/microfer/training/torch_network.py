"""A network's forward pass in PyTorch's own operators, over the variables of a Keras model on the PyTorch backend."""

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from microfer.model.build import NORM_EPSILON, NORM_MOMENTUM
from microfer.model.graph import nodes
from microfer.model.networks import Network
from microfer.model.node import Node

Array = npt.NDArray[np.float32]


class TorchNetwork:
    """Runs a network's nodes channels-last, in bfloat16 where that is asked for or pays.

    bfloat16: whether it does. device: where the model's variables are.
    """

    def __init__(self, model: Any, config: Network, precision: str) -> None:
        self._nodes = nodes(config)
        self._takers = Counter(name for node in self._nodes for name in node.inputs)
        self._layers = {layer.name: layer for layer in model.layers}
        self.device = model.variables[0].value.device
        self.bfloat16 = precision == "bfloat16" or (precision == "auto" and _multiplies_bfloat16(self.device))
        self._rng = np.random.default_rng(0)

    def seed(self, seed: int) -> None:
        """Fix the random numbers of dropout."""
        torch.manual_seed(seed)
        self._rng = np.random.default_rng(seed)

    def predict(self, inputs: Array) -> Array:
        """Return probabilities, float32 (b, classes), for inputs (b, 48, 48, 1)."""
        with torch.inference_mode():
            result: Array = self.logits(inputs, training=False).softmax(1).cpu().numpy()
        return result

    def logits(self, inputs: Array, *, training: bool) -> torch.Tensor:
        """Return the logits, float32 (b, classes), with dropout and batch statistics if `training`."""
        # (b, 48, 48, 1) and (b, 1, 48, 48) are the same bytes.
        tensors = {"input": self.tensor(inputs).permute(0, 3, 1, 2)}
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            for node in self._nodes[1:]:
                if node.name == "softmax":
                    break
                tensors[node.name] = self._apply(node, [tensors[name] for name in node.inputs], training)
        return tensors["logits"].float()

    def _dropout(self, x: torch.Tensor, rate: float) -> torch.Tensor:
        """Zero about `rate` of the values. A random byte decides on each, so the rate is a multiple of 1/256.

        PyTorch draws a number per value on one core, which takes longer than all convolutions of `thesis` together.
        """
        if x.device.type != "cpu":
            return F.dropout(x, rate)
        dropped = round(256 * rate)
        last = x.permute(0, 2, 3, 1) if x.dim() == 4 else x
        words = self._rng.bit_generator.random_raw(-(-x.numel() // 8))
        kept = words.view(np.uint8)[: x.numel()] >= dropped  # NumPy compares bytes many times as fast as PyTorch
        keep = torch.from_numpy(kept.view(np.int8)).view(last.shape)  # int8 is turned into floats faster than bool
        keep = keep.permute(0, 3, 1, 2) if x.dim() == 4 else keep
        return x * keep.to(x.dtype).mul_(256 / (256 - dropped))

    def tensor(self, array: Array) -> torch.Tensor:
        """Return an array on the network's device."""
        return torch.from_numpy(array).to(self.device)

    def _apply(self, node: Node, inputs: list[torch.Tensor], training: bool) -> torch.Tensor:
        x = inputs[0]
        layer = self._layers[node.name]
        match node.op:
            case "pad":
                return F.pad(x, (node.margin,) * 4)
            case "conv":
                kernel = layer.kernel.value.permute(3, 2, 0, 1)  # Keras keeps (height, width, in, out)
                bias = layer.bias.value if node.bias else None
                if node.skips_pixels:  # see `build`: oneDNN's own way is not safe
                    return F.conv2d(x[:, :, :: node.stride, :: node.stride], kernel, bias)
                return F.conv2d(x, kernel, bias, node.stride, 0 if node.valid else node.kernel // 2)
            case "depthwise":
                kernel = layer.kernel.value.permute(2, 3, 0, 1)  # Keras keeps (height, width, channels, 1)
                bias = layer.bias.value if node.bias else None
                margin = 0 if node.valid else node.kernel // 2
                return F.conv2d(x, kernel, bias, node.stride, margin, groups=x.shape[1])
            case "dense":
                return F.linear(x, layer.kernel.value.T, layer.bias.value if node.bias else None)
            case "flatten":
                return x.permute(0, 2, 3, 1).flatten(1)  # in Keras' order: row, column, channel
            case "norm":
                return F.batch_norm(
                    x,
                    layer.moving_mean.value,
                    layer.moving_variance.value,
                    layer.gamma.value,
                    layer.beta.value,
                    training,
                    1 - NORM_MOMENTUM,
                    NORM_EPSILON,
                )
            case "relu":
                alone = self._takers[node.inputs[0]] == 1  # nothing else needs the values, so they are overwritten
                return F.relu(x, alone) if node.limit is None else F.hardtanh(x, 0.0, node.limit, alone)
            case "space_to_depth":
                return space_to_depth(x, node.stride)
            case "max_pool":
                return F.max_pool2d(x, node.kernel, node.stride) if node.valid else _max_pool_same(x, node)
            case "concat":
                return torch.cat(inputs, 1)
            case "add":
                return inputs[0] + inputs[1]
            case "dropout":
                return self._dropout(x, node.rate) if training else x
            case "average_pool":
                return x.mean((2, 3), keepdim=True)
            case "global_average":
                return x.mean((2, 3))
            case _:
                raise ValueError(f"no operator for {node.op!r} of {node.name}")


def _max_pool_same(x: torch.Tensor, node: Node) -> torch.Tensor:
    """Pool with Keras' "same" padding: what is odd of it goes to the right and the bottom."""
    total = max((-(-x.shape[2] // node.stride) - 1) * node.stride + node.kernel - x.shape[2], 0)
    # `ceil_mode` adds the odd row and column by itself, without a padded copy of a large map.
    return F.max_pool2d(x, node.kernel, node.stride, total // 2, ceil_mode=True)


def space_to_depth(x: torch.Tensor, side: int) -> torch.Tensor:
    """Return (b, side * side, h / side, w / side) of (b, 1, h, w): each block's pixels, row by row, as channels."""
    return F.pixel_unshuffle(x, side).contiguous(memory_format=torch.channels_last)


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return device.type == "cpu" and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
