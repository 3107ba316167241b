"""A network's nodes as a Keras model, in Keras 3 (any backend) or in tf_keras (which pruning needs)."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from microfer.contract import CROP_SIZE, input_shape
from microfer.errors import MicroferError
from microfer.model.backend import load_keras
from microfer.model.baselines import Application
from microfer.model.graph import nodes
from microfer.model.networks import Network
from microfer.model.node import Node
from microfer.model.weights import check_hdf5

NORM_MOMENTUM = 0.9
NORM_EPSILON = 1e-3


def build(
    config: Network,
    framework: Any = None,
    *,
    fixed_batch: int | None = None,
    regrouped: bool = False,
    strided: bool = False,
) -> Any:
    """Return the uncompiled functional model of `config`, weights freshly initialised.

    It takes float32 (batch, 48, 48, 1), pixel / 255, and returns float32 (batch, classes) that sum to one; the layer
    "logits" gives the numbers before the softmax.

    framework: `keras` (the default) or `tf_keras`.
    fixed_batch: batch size to fix in the graph, for export.
    regrouped: let it take crops as the board gives them, regrouped by `tensor.regroup` for the input layout.
    strided: let 1x1 convolutions keep their strides, for export. In training that is not safe: for the gradient of such
        a kernel oneDNN, which PyTorch and TensorFlow compute with, writes past its memory where the input has fewer
        channels than a vector has lanes (https://github.com/uxlfoundation/oneDNN/issues/6035, open in version 3.12).
        Without `strided` a layer in front takes the pixels that the stride meets, and the stride is 1: the same sums.
    """
    if framework is None:
        framework = load_keras("a network")
    if isinstance(config, Application):
        return _application(config, framework)
    tensors: dict[str, Any] = {}
    for node in nodes(config):
        if node.op == "input":
            shape = input_shape(config.input_layout if regrouped else "plain")
            tensors[node.name] = framework.Input(shape, batch_size=fixed_batch, name=node.name)
            continue
        inputs = [tensors[name] for name in node.inputs]
        if node.op == "space_to_depth":
            tensors[node.name] = inputs[0] if regrouped else _regrouped(inputs[0], node.stride, framework)
        elif node.skips_pixels and not strided:
            tensors[node.name] = _without_stride(node, inputs[0], framework)
        else:
            shape = tuple(inputs[0].shape[1:])
            tensors[node.name] = _layer(node, shape, framework)(inputs if len(inputs) > 1 else inputs[0])
    return framework.Model(tensors["input"], tensors["softmax"], name=config.name.replace("-", "_"))


def _regrouped(x: Any, side: int, framework: Any) -> Any:
    """Return the tensor that `tensor.regroup` makes of a crop: (batch, 48, 48, 1) to (batch, 48/n, 48/n, n * n)."""
    layers, places = framework.layers, CROP_SIZE // side
    x = layers.Reshape((places, side, places, side), name="regroup_blocks")(x)
    x = layers.Permute((1, 3, 2, 4), name="regroup_order")(x)
    return layers.Reshape((places, places, side * side), name="regroup")(x)


def _without_stride(node: Node, x: Any, framework: Any) -> Any:
    """Return what a strided 1x1 convolution makes of `x`: the pixels that the stride meets, then stride 1."""
    pixels = framework.layers.AveragePooling2D(1, strides=node.stride, name=f"{node.name}_pixels")(x)
    return _layer(replace(node, stride=1), (), framework)(pixels)


def _layer(node: Node, shape: tuple[int, ...], framework: Any) -> Any:
    layers = framework.layers
    match node.op:
        case "pad":
            return layers.ZeroPadding2D(node.margin, name=node.name)
        case "conv":
            return layers.Conv2D(
                node.filters,
                node.kernel,
                strides=node.stride,
                padding="valid" if node.valid else "same",
                use_bias=node.bias,
                kernel_initializer=_initializer(node, framework),
                name=node.name,
            )
        case "depthwise":
            return layers.DepthwiseConv2D(
                node.kernel,
                strides=node.stride,
                padding="valid" if node.valid else "same",
                use_bias=node.bias,
                depthwise_initializer="he_normal",
                name=node.name,
            )
        case "dense":
            return layers.Dense(
                node.filters, use_bias=node.bias, kernel_initializer=_initializer(node, framework), name=node.name
            )
        case "norm":
            return layers.BatchNormalization(momentum=NORM_MOMENTUM, epsilon=NORM_EPSILON, name=node.name)
        case "relu":
            return layers.ReLU(max_value=node.limit, name=node.name)
        case "max_pool":
            return layers.MaxPooling2D(
                node.kernel, strides=node.stride, padding="valid" if node.valid else "same", name=node.name
            )
        case "average_pool":
            return layers.AveragePooling2D(shape[:2], name=node.name)
        case "concat":
            return layers.Concatenate(name=node.name)
        case "add":
            return layers.Add(name=node.name)
        case "dropout":
            return layers.Dropout(node.rate, name=node.name)
        case "flatten":
            return layers.Flatten(name=node.name)
        case "global_average":
            return layers.GlobalAveragePooling2D(name=node.name)
        case "softmax":
            return layers.Softmax(name=node.name)
        case _:
            raise ValueError(f"no layer for the operation {node.op!r} of {node.name}")


def _initializer(node: Node, framework: Any) -> Any:
    return framework.initializers.RandomNormal(stddev=node.initial_std) if node.initial_std else "he_normal"


def _application(config: Application, framework: Any) -> Any:
    """Return a network of keras.applications, its layers inside one named "backbone", as `build` does."""
    layers = framework.layers
    gray = framework.Input((CROP_SIZE, CROP_SIZE, 1), name="input")
    # What both were made for: EfficientNet scales 0..255 itself, ResNet50 takes them less the mean colour of ImageNet.
    scaling = {"offset": [-103.939, -116.779, -123.68]} if config.function == "ResNet50" else {}
    pixels = layers.Concatenate(name="three_channels")([gray, gray, gray])
    backbone = getattr(framework.applications, config.function)(
        include_top=False, weights=None, input_shape=(CROP_SIZE, CROP_SIZE, 3), pooling="avg", name="backbone"
    )
    features = backbone(layers.Rescaling(255.0, **scaling, name="pixels")(pixels))
    dropped = layers.Dropout(config.head_dropout, name="head_dropout")(features)
    logits = layers.Dense(len(config.labels), name="logits")(dropped)
    return framework.Model(gray, layers.Softmax(name="softmax")(logits), name=config.name.replace("-", "_"))


def load_imagenet(model: Any, config: Network, path: Path) -> None:
    """Set the backbone of a freshly built `model` to ImageNet weights: keras.applications' own file without the top.

    Raises:
        MicroferError: the network is none of keras.applications, or the file does not fit it.
    """
    if not isinstance(config, Application):
        raise MicroferError(f"there are ImageNet weights for networks of keras.applications alone, not {config.name}")
    backbone = model.get_layer("backbone")
    try:
        check_hdf5(path, {tuple(variable.shape) for variable in backbone.variables})
        backbone.load_weights(path)
    except (OSError, ValueError, KeyError) as error:  # an ArchiveError is a ValueError
        raise MicroferError(
            f"{path} does not fit {config.name} ({error}); it must be keras.applications' file of {config.function} "
            "without the top, such as resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
        ) from error


def copy_weights(source: Any, target: Any) -> None:
    """Set every layer's weights of `target` to those of the layer of the same name in `source`.

    The two may come from Keras 3 and from tf_keras, in either direction.

    Raises:
        MicroferError: the layers or their shapes differ: the two are not the same network.
    """
    theirs = {layer.name: layer.get_weights() for layer in source.layers if layer.weights}
    ours = {layer.name: layer for layer in target.layers if layer.weights}
    if theirs.keys() != ours.keys():
        raise MicroferError(f"the networks differ in layers {sorted(theirs.keys() ^ ours.keys())}")
    for name, layer in ours.items():
        if [w.shape for w in theirs[name]] != [tuple(w.shape) for w in layer.get_weights()]:
            raise MicroferError(f"the networks differ in the shapes of layer {name}")
        layer.set_weights(theirs[name])
