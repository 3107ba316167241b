"""The networks that the SqueezeNets are compared with.

VGG: K. Simonyan, A. Zisserman 2015 (arXiv:1409.1556), customised as in the thesis that the README cites. MobileNet-V2:
Sandler et al. 2018 (arXiv:1801.04381). Mini-Xception: Arriaga et al. 2017 (arXiv:1710.07557). ResNet50: He et al. 2016
(arXiv:1512.03385), and EfficientNet-B0: Tan and Le 2019 (arXiv:1905.11946), are those of keras.applications.

All but the last two are nodes, so that training in PyTorch, the layer table and quantization work as for the others.
"""

import json
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from microfer.contract import LABELS, InputLayout, block_side
from microfer.errors import MicroferError
from microfer.json_reader import JsonError, Length, Range, parse, typed
from microfer.model.limits import Blocks, Filters, Labels, Name, Rate, Stride, without_usual_labels
from microfer.model.node import Node


@dataclass(frozen=True)
class Vgg:
    """Blocks of 3x3 convolutions, a max pool between them, then dense layers.

    blocks: (filters, convolutions) of each. Batch normalization follows the first convolution of each block and every
        dense layer, dropout each block and each dense layer.
    """

    name: Name
    blocks: Annotated[tuple[tuple[Filters, Annotated[int, Range(1, 16)]], ...], Blocks]
    dense: Annotated[tuple[Filters, ...], Length(0, 16)]
    block_dropout: Rate = 0.25
    dense_dropout: Rate = 0.5
    input_layout: Literal["plain"] = "plain"
    labels: Labels = LABELS


@dataclass(frozen=True)
class MobileNetV2:
    """Inverted residuals: a 1x1 expansion, a 3x3 depthwise convolution, a linear 1x1 projection.

    stem: filters of the first convolution, of stride 2. stages: (expansion, channels, modules, stride of the first).
    head: filters of the last 1x1 convolution.
    """

    name: Name
    stem: Filters
    stages: Annotated[
        tuple[tuple[Annotated[int, Range(1, 64)], Filters, Annotated[int, Range(1, 16)], Stride], ...], Blocks
    ]
    head: Filters
    head_dropout: Rate = 0.2
    input_layout: Literal["plain"] = "plain"
    labels: Labels = LABELS


@dataclass(frozen=True)
class MiniXception:
    """Two 3x3 convolutions, then modules of two separable convolutions beside a strided 1x1 one. modules: channels."""

    name: Name
    stem: Filters
    modules: Annotated[tuple[Filters, ...], Blocks]
    input_layout: Literal["plain"] = "plain"
    labels: Labels = LABELS


@dataclass(frozen=True)
class ResNet:
    """Stages of residual blocks, each of two 3x3 convolutions; every stage but the first halves the map.

    With (16, 32, 64) it is the ResNet-8 of MLPerf Tiny (Banbury et al. 2021, arXiv:2106.07597) on the gray crop.

    filters: of the convolutions of each stage. blocks: how many each stage has, one where it is empty.
    head_dropout: rate before the classifier. input_layout: how the crop fills the input, see `microfer.contract`.
    """

    name: Name
    filters: Annotated[tuple[Filters, ...], Blocks]
    blocks: tuple[Annotated[int, Range(1, 64)], ...] = ()
    head_dropout: Rate = 0.0
    input_layout: InputLayout = "plain"
    labels: Labels = LABELS

    def __post_init__(self) -> None:
        if self.blocks and len(self.blocks) != len(self.filters):
            raise MicroferError(f"{self.name} has {len(self.filters)} stages, but blocks for {len(self.blocks)}")


@dataclass(frozen=True)
class Application:
    """A network of keras.applications on the crop in three equal channels, with a dense layer of the classes on top.

    function: its name there. It is for training alone: microfer neither prunes nor quantizes it.
    """

    name: Name
    function: Literal["ResNet50", "EfficientNetB0"]
    head_dropout: Rate = 0.2
    input_layout: Literal["plain"] = "plain"
    labels: Labels = LABELS


Baseline = Vgg | MobileNetV2 | MiniXception | ResNet | Application

_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in (Vgg, MobileNetV2, MiniXception, ResNet, Application)}

BASELINES: dict[str, Baseline] = {
    baseline.name: baseline
    for baseline in (
        # The thesis gives 28,913,223 parameters. This reading has just so many with three input channels and a bias
        # wherever batch normalization makes one idle.
        Vgg("vgg16", ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), dense=(3072,)),
        # Six convolutions and two dense layers; the thesis does not give its widths.
        Vgg("vgg8", ((64, 1), (128, 1), (256, 2), (512, 2)), dense=(512,)),
        MobileNetV2(
            "mobilenet-v2",
            stem=16,
            stages=((1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 3, 2), (6, 96, 2, 1)),
            head=512,
        ),
        MobileNetV2(
            "mobilenet-v2-small", stem=16, stages=((1, 16, 1, 2), (6, 24, 2, 1), (6, 32, 2, 2), (6, 48, 1, 1)), head=256
        ),
        ResNet("resnet8", (16, 32, 64)),
        # A teacher: 24x24 and 12x12 maps hold what the maps of the chip's networks are too small for.
        ResNet("resnet12", (64, 128, 192), blocks=(1, 2, 2), head_dropout=0.3, input_layout="space_to_depth_2"),
        MiniXception("mini-xception", stem=8, modules=(16, 32, 64, 128)),
        Application("resnet50", "ResNet50"),
        Application("efficientnet-b0", "EfficientNetB0"),
    )
}


def to_json(config: Baseline) -> dict[str, Any]:
    """Return the configuration as JSON values; `from_json` takes it back."""
    plain: dict[str, Any] = parse(json.dumps({"kind": type(config).__name__} | asdict(config)))
    return without_usual_labels(plain)


def from_json(values: dict[str, Any]) -> Baseline:
    """Return the configuration that `to_json` wrote.

    Raises:
        MicroferError: it is of another version of microfer, or has a value that no network can have.
    """
    try:
        kind = typed(values["kind"], str, "kind")
        if kind not in _KINDS:
            raise JsonError(f"kind is {kind!r}, expected one of {', '.join(_KINDS)}")
        found: Baseline = typed({key: value for key, value in values.items() if key != "kind"}, _KINDS[kind])
    except JsonError as error:
        raise MicroferError(f"this network configuration is not one of this version's: {error}") from error
    return found


def nodes(config: Baseline) -> tuple[Node, ...]:
    """Return the network in the order of computation, as `graph.nodes` does, which see."""
    match config:
        case Vgg():
            return _vgg(config)
        case MobileNetV2():
            return _mobilenet_v2(config)
        case MiniXception():
            return _mini_xception(config)
        case ResNet():
            return _resnet(config)
        case Application():
            raise MicroferError(
                f"{config.name} is a network of keras.applications, for comparison on a host: it is not pruned, "
                "quantized or put on a board; choose a preset such as thesis-bn"
            )


class _Chain:
    """Nodes as they are added one after another; `last` is the name of the node to go on from."""

    def __init__(self) -> None:
        self.nodes = [Node("input", "input")]
        self.last = "input"

    def add(self, node: Node) -> str:
        self.nodes.append(node)
        self.last = node.name
        return self.last

    def conv(
        self, name: str, filters: int, kernel: int, *, stride: int = 1, norm: bool = True, relu: bool = True,
        limit: float | None = None,
    ) -> str:  # fmt: skip
        """Add a convolution that keeps the size (but for the stride), its normalization and ReLU if asked for."""
        self._pad(name, kernel, stride)
        valid = stride != 1
        self.add(
            Node(name, "conv", (self.last,), filters=filters, kernel=kernel, stride=stride, valid=valid, bias=not norm)
        )
        return self._finish(name, norm, relu, limit)

    def depthwise(
        self, name: str, *, stride: int = 1, norm: bool = True, relu: bool = True, limit: float | None = None
    ) -> str:
        """Add a 3x3 depthwise convolution, its normalization and ReLU if asked for."""
        self._pad(name, 3, stride)
        self.add(Node(name, "depthwise", (self.last,), kernel=3, stride=stride, valid=stride != 1, bias=False))
        return self._finish(name, norm, relu, limit)

    def dropout(self, name: str, rate: float) -> None:
        if rate:
            self.add(Node(f"{name}_dropout", "dropout", (self.last,), rate=rate))

    def pool(self, name: str, kernel: int) -> None:
        self.add(Node(f"{name}_pool", "max_pool", (self.last,), kernel=kernel, stride=2))

    def finished(self) -> tuple[Node, ...]:
        """Add the softmax to what must be the logits, and return all nodes."""
        return (*self.nodes, Node("softmax", "softmax", ("logits",)))

    def _pad(self, name: str, kernel: int, stride: int) -> None:
        # Alike on all sides, as in the SqueezeNets: uneven padding is computed wrongly by some ESP-NN releases.
        if stride != 1 and kernel > 1:
            self.add(Node(f"{name}_pad", "pad", (self.last,), margin=kernel // 2))

    def _finish(self, name: str, norm: bool, relu: bool, limit: float | None) -> str:
        if norm:
            self.add(Node(f"{name}_norm", "norm", (self.last,)))
        return self.add(Node(f"{name}_relu", "relu", (self.last,), limit=limit)) if relu else self.last


def _vgg(config: Vgg) -> tuple[Node, ...]:
    net = _Chain()
    for number, (filters, count) in enumerate(config.blocks, start=1):
        for index in range(1, count + 1):
            net.conv(f"block{number}_conv{index}", filters, 3, norm=index == 1)
        if number < len(config.blocks):
            net.pool(f"block{number}", 2)
        net.dropout(f"block{number}", config.block_dropout)
    net.add(Node("flatten", "flatten", (net.last,)))
    for number, units in enumerate(config.dense, start=1):
        net.add(Node(f"dense{number}", "dense", (net.last,), filters=units, bias=False))
        net.add(Node(f"dense{number}_norm", "norm", (net.last,)))
        net.add(Node(f"dense{number}_relu", "relu", (net.last,)))
        net.dropout(f"dense{number}", config.dense_dropout)
    net.add(Node("logits", "dense", (net.last,), filters=len(config.labels), initial_std=0.01))
    return net.finished()


def _mobilenet_v2(config: MobileNetV2) -> tuple[Node, ...]:
    net = _Chain()
    net.conv("stem", config.stem, 3, stride=2, limit=6.0)
    channels = config.stem
    for stage, (expansion, filters, count, first_stride) in enumerate(config.stages, start=1):
        for index in range(1, count + 1):
            name, source, stride = f"stage{stage}_{index}", net.last, first_stride if index == 1 else 1
            if expansion > 1:
                net.conv(f"{name}_expand", expansion * channels, 1, limit=6.0)
            net.depthwise(f"{name}_depthwise", stride=stride, limit=6.0)
            net.conv(f"{name}_project", filters, 1, relu=False)
            if stride == 1 and channels == filters:
                net.add(Node(f"{name}_add", "add", (source, net.last)))
            channels = filters
    net.conv("head", config.head, 1, limit=6.0)
    net.dropout("head", config.head_dropout)
    net.add(Node("classifier", "conv", (net.last,), filters=len(config.labels), kernel=1, initial_std=0.01))
    net.add(Node("logits", "global_average", (net.last,)))
    return net.finished()


def _resnet(config: ResNet) -> tuple[Node, ...]:
    net = _Chain()
    if (side := block_side(config.input_layout)) > 1:
        net.add(Node("regroup", "space_to_depth", (net.last,), stride=side))
    net.conv("stem", config.filters[0], 3)
    strides = [
        (filters, 2 if block == 0 and stage > 0 else 1)
        for stage, filters in enumerate(config.filters)
        for block in range(config.blocks[stage] if config.blocks else 1)
    ]
    for number, (filters, stride) in enumerate(strides, start=1):
        name, source = f"block{number}", net.last
        net.conv(f"{name}_conv1", filters, 3, stride=stride)
        around = net.conv(f"{name}_conv2", filters, 3, relu=False)
        if stride != 1:
            net.last = source
            source = net.conv(f"{name}_beside", filters, 1, stride=stride, relu=False)
        net.add(Node(f"{name}_add", "add", (source, around)))
        net.add(Node(f"{name}_relu", "relu", (net.last,)))
    net.add(Node("average", "global_average", (net.last,)))
    net.dropout("head", config.head_dropout)
    net.add(Node("logits", "dense", (net.last,), filters=len(config.labels), initial_std=0.01))
    return net.finished()


def _mini_xception(config: MiniXception) -> tuple[Node, ...]:
    net = _Chain()
    net.conv("stem1", config.stem, 3)
    net.conv("stem2", config.stem, 3)
    for number, filters in enumerate(config.modules, start=1):
        name, source = f"module{number}", net.last
        beside = net.conv(f"{name}_beside", filters, 1, stride=2, relu=False)
        net.last = source
        for index in (1, 2):
            net.depthwise(f"{name}_depthwise{index}", norm=False, relu=False)
            net.conv(f"{name}_pointwise{index}", filters, 1, relu=index == 1)
        net.pool(name, 3)
        net.add(Node(f"{name}_add", "add", (beside, net.last)))
    net.add(Node("classifier", "conv", (net.last,), filters=len(config.labels), kernel=3, initial_std=0.01))
    net.add(Node("logits", "global_average", (net.last,)))
    return net.finished()
