"""Other people's int8 networks, given the ends that the board counts on.

A board writes `pixel - 128` into an int8 input of scale 1/255, and reads seven probabilities, int8 of scale 1/256, in
the order of `contract.LABELS`. A network that takes other values, answers with logits or has its classes in another
order gets an operator or two at its ends; nothing within it changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from microfer.contract import (
    CROP_SIZE,
    INPUT_SCALE,
    INPUT_ZERO_POINT,
    LABELS,
    NUM_CLASSES,
    OUTPUT_SCALE,
    OUTPUT_ZERO_POINT,
    PIXEL_MAX,
)
from microfer.data.spelling import label_of
from microfer.errors import MicroferError
from microfer.runtimes.runners import LiteRTRunner
from microfer.tflite import tflite_file
from microfer.tflite.graph import Tensor, TfliteModel
from microfer.tflite.packing import new_buffer, pack, unpack

INPUT_RANGES = {"0..1": (0.0, 1.0), "-1..1": (-1.0, 1.0), "0..255": (0.0, 255.0)}
"""What networks are trained on: the values of a black and a white pixel."""

KERAS_ORDER = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
"""FER-2013's classes as Keras numbers its folders angry, disgust, fear, happy, neutral, sad, surprise."""

_NEAR = 0.02
"""How far, as a share of its width, a quantized range may lie from one of INPUT_RANGES to be taken for it."""

LARGEST_INT8 = 127


@dataclass(frozen=True)
class Adopted:
    """The network with the board's ends, and a line about each thing that was changed for it.

    order: for each of `contract.LABELS`, the place of its score in the original's output.
    input_range: the original's values of a black and a white pixel. ends_in_logits: it had no softmax.
    """

    tflite: bytes
    changes: tuple[str, ...]
    order: tuple[int, ...]
    input_range: tuple[float, float]
    ends_in_logits: bool


def adopt(content: bytes, name: str, labels: Sequence[str], input_range: str | None = None) -> Adopted:
    """Return a full-int8 network for a 48x48 gray crop and seven classes with the ends that the board counts on.

    labels: the classes in the order of the original's scores, in any of the usual spellings.
    input_range: one of INPUT_RANGES; None takes the one that the input's quantization spans.

    Raises:
        MicroferError: the network is another than that; the message says what to change.
    """
    model = tflite_file.read(content, name)
    order = _order(labels)
    objects = unpack(content)
    graph = _Graph(objects)
    graph.strip_float_ends()
    crop, scores = _ends(model, graph)
    chosen = _range_of(crop, input_range, name)
    changes = [*graph.changes, *graph.take_pixels(crop, INPUT_RANGES[chosen])]
    ends_in_logits = graph.name_of_last() != "SOFTMAX"
    changes += graph.add_softmax() if ends_in_logits else graph.rescale_output(scores)
    if order != tuple(range(NUM_CLASSES)):
        changes += graph.reorder(order, labels)
    objects.metadata = [entry for entry in objects.metadata or [] if entry.name != b"microfer"]
    return Adopted(pack(objects), tuple(changes), order, INPUT_RANGES[chosen], ends_in_logits)


def read_labels(text: str) -> tuple[str, ...]:
    """Return the class names of a comma-separated list, or of a file with one on each line."""
    path = Path(text)
    names = path.read_text(errors="replace").split("\n") if path.is_file() else text.split(",")
    return tuple(name.strip() for name in names if name.strip())


def original_inputs(images: npt.NDArray[np.uint8], crop: Tensor, span: tuple[float, float]) -> npt.NDArray[Any]:
    """Return crops, uint8 (n, 48, 48), as the original network took them: of its own type and quantization."""
    low, high = span
    real = low + (high - low) * images[..., np.newaxis].astype(np.float64) / PIXEL_MAX
    if crop.type == "FLOAT32":
        return real.astype(np.float32)
    return np.clip(np.round(real / crop.scales[0]) + crop.zero_points[0], -128, 127).astype(np.int8)


@dataclass(frozen=True)
class Comparison:
    """How the adopted network answers beside the original, on the same crops.

    agreement: the share, 0..1, on which both put the same class first. largest: the largest difference of one
    probability. accuracy: of the adopted one, None without real faces; keras_order_accuracy: what it would be if the
    original's classes were in the order of Keras' folders.
    """

    count: int
    agreement: float
    largest: float
    accuracy: float | None
    keras_order_accuracy: float | None


def compare(original: bytes, adopted: Adopted, images: npt.NDArray[np.uint8], labels: Any = None) -> Comparison:
    """Run both networks in LiteRT's reference kernels on crops, uint8 (n, 48, 48).

    labels: uint8 (n,), the true classes, None for drawn faces.
    """
    model = tflite_file.read(original)
    crop, scores = model.tensors[model.inputs[0]], model.tensors[model.outputs[0]]
    runner = LiteRTRunner(original)
    raw = np.stack([runner.invoke(one[np.newaxis]) for one in original_inputs(images, crop, adopted.input_range)])
    before = raw.astype(np.float64)
    if scores.scales:
        before = (before - scores.zero_points[0]) * scores.scales[0]
    if adopted.ends_in_logits:
        powers = np.exp(before - before.max(axis=1, keepdims=True))
        before = powers / powers.sum(axis=1, keepdims=True)
    after = LiteRTRunner(adopted.tflite).scores(images)
    expected = before[:, adopted.order]
    keras_order = before[:, [KERAS_ORDER.index(label) for label in LABELS]]
    return Comparison(
        count=len(images),
        agreement=float((after.argmax(1) == expected.argmax(1)).mean()),
        largest=float(np.abs(after - expected).max()),
        accuracy=None if labels is None else float((after.argmax(1) == labels).mean()),
        keras_order_accuracy=None if labels is None else float((keras_order.argmax(1) == labels).mean()),
    )


def _order(labels: Sequence[str]) -> tuple[int, ...]:
    found = [label_of(label) if not label.strip().isdigit() else None for label in labels]
    if len(labels) != NUM_CLASSES or None in found or len(set(found)) != NUM_CLASSES:
        raise MicroferError(
            f"--labels is {', '.join(labels) or 'empty'}; name the seven classes in the order of the network's scores, "
            f"such as {','.join(LABELS)}, or angry,disgust,fear,happy,neutral,sad,surprise as Keras reads folders"
        )
    return tuple(found.index(index) for index in range(NUM_CLASSES))


def _ends(model: TfliteModel, graph: "_Graph") -> tuple[Tensor, Tensor]:
    """Return the input and the output, without float ends. Raises MicroferError where the board cannot have them."""
    crop, scores = model.tensors[graph.input], model.tensors[graph.output]
    fix = "quantize it fully to int8, input and output too"
    for what, tensor in (("input", crop), ("output", scores)):
        if tensor.type != "INT8":
            raise MicroferError(f"{model.name}: the {what} {tensor.name!r} is {tensor.type}, not INT8; {fix}")
        if len(tensor.scales) != 1:
            raise MicroferError(f"{model.name}: the {what} {tensor.name!r} has no scale; {fix}")
    if crop.shape != (1, CROP_SIZE, CROP_SIZE, 1):
        raise MicroferError(
            f"{model.name}: the input has the shape {crop.shape}, the board has one gray crop of "
            f"(1, {CROP_SIZE}, {CROP_SIZE}, 1): train the network on gray {CROP_SIZE}x{CROP_SIZE} pictures"
        )
    if scores.shape != (1, NUM_CLASSES):
        raise MicroferError(
            f"{model.name}: the output has the shape {scores.shape}, expected (1, {NUM_CLASSES}): end the network with "
            "one score for each class"
        )
    return crop, scores


def _range_of(crop: Tensor, named: str | None, name: str) -> str:
    scale, zero_point = crop.scales[0], crop.zero_points[0]
    low, high = scale * (-128 - zero_point), scale * (127 - zero_point)
    if named is not None:
        return named
    for candidate, (black, white) in INPUT_RANGES.items():
        if max(abs(low - black), abs(high - white)) <= _NEAR * (white - black):
            return candidate
    raise MicroferError(
        f"{name}: the input ranges from {low:.4g} to {high:.4g}, which is none of {', '.join(INPUT_RANGES)}; say with "
        "--input-range what a black and a white pixel are in its training"
    )


class _Graph:
    """The objects of a .tflite with one subgraph; what is added goes to its ends."""

    def __init__(self, model: Any) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self._schema = schema
        self._model = model
        self._graph = model.subgraphs[0]
        self.changes: list[str] = []
        if len(model.subgraphs) != 1 or len(self._graph.inputs) != 1 or len(self._graph.outputs) != 1:
            raise MicroferError("the board runs one graph with one input and one output; export the network as such")

    @property
    def input(self) -> int:
        """The index of the input's tensor."""
        return int(self._graph.inputs[0])

    @property
    def output(self) -> int:
        """The index of the output's tensor."""
        return int(self._graph.outputs[0])

    def name_of_last(self) -> str:
        """Return the name of the operator that computes the output."""
        return self._name(self._producer(self.output))

    def strip_float_ends(self) -> None:
        """Leave out the conversion from float at the input and to float at the output, as stock converters add them."""
        takers = [one for one in self._graph.operators if self.input in one.inputs]
        if len(takers) == 1 and self._name(takers[0]) == "QUANTIZE" and self._type(self.input) == "FLOAT32":
            self._graph.inputs = [int(takers[0].outputs[0])]
            self._graph.operators.remove(takers[0])
            self.changes.append("left out the conversion of a float input: the board's pixels are int8 already")
        last = self._producer(self.output)
        if self._name(last) == "DEQUANTIZE":
            self._graph.outputs = [int(last.inputs[0])]
            self._graph.operators.remove(last)
            self.changes.append("left out the conversion to float scores")

    def take_pixels(self, crop: Tensor, span: tuple[float, float]) -> list[str]:
        """Let the network take `pixel - 128` at scale 1/255, whatever it took before."""
        (black, white), old = span, self.input
        scale, zero_point = crop.scales[0], crop.zero_points[0]
        if span == (0.0, 1.0) and scale == np.float32(INPUT_SCALE) and zero_point == INPUT_ZERO_POINT:
            return []
        shape = [1, CROP_SIZE, CROP_SIZE, 1]
        pixels = self._tensor("crop", shape, INPUT_SCALE, INPUT_ZERO_POINT)
        self._graph.inputs = [pixels]
        width = white - black
        steps = []
        if width == 1.0 and black == 0.0:
            steps.append(self._operator("QUANTIZE", [pixels], [old], "QuantizeOptions", version=2))
        else:
            factor = self._scalar("white_minus_black", width)
            wide = old if black == 0.0 else self._tensor("wide_crop", shape, width * INPUT_SCALE, INPUT_ZERO_POINT)
            steps.append(self._operator("MUL", [pixels, factor], [wide], "MulOptions", version=2))
            if black != 0.0:
                offset = self._scalar("black", black)
                steps.append(self._operator("ADD", [wide, offset], [old], "AddOptions", version=2))
        self._graph.operators = [*steps, *self._graph.operators]
        return [
            f"pixels become {black:g}..{white:g} at scale {scale:.6g} and zero point {zero_point}: "
            f"{len(steps)} operator{'s' * (len(steps) > 1)} more"
        ]

    def rescale_output(self, scores: Tensor) -> list[str]:
        """Give probabilities the scale 1/256."""
        if scores.scales[0] == np.float32(OUTPUT_SCALE) and scores.zero_points[0] == OUTPUT_ZERO_POINT:
            return []
        self._append("QUANTIZE", "QuantizeOptions", "probabilities", version=2)
        return [f"probabilities of scale {scores.scales[0]:.6g} become multiples of 1/256"]

    def add_softmax(self) -> list[str]:
        """Turn logits into probabilities."""
        options = self._append("SOFTMAX", "SoftmaxOptions", "probabilities", version=2)
        options.beta = 1.0
        return ["added the missing softmax at the end: its scores are taken as logits"]

    def reorder(self, order: tuple[int, ...], labels: Sequence[str]) -> list[str]:
        """Put the scores into the order of `contract.LABELS`."""
        places = self._constant("order", np.array(order, np.int32))
        options = self._append("GATHER", "GatherOptions", "scores", version=2, more=[places])
        options.axis = 1
        return [f"put the classes into the board's order: {', '.join(LABELS)} (they were {', '.join(labels)})"]

    def _append(self, operator: str, options: str, tensor: str, *, version: int, more: Sequence[int] = ()) -> Any:
        new = self._tensor(tensor, [1, NUM_CLASSES], OUTPUT_SCALE, OUTPUT_ZERO_POINT)
        step = self._operator(operator, [self.output, *more], [new], options, version=version)
        self._graph.operators = [*self._graph.operators, step]
        self._graph.outputs = [new]
        return step.builtinOptions

    def _tensor(self, name: str, shape: list[int], scale: float, zero_point: int) -> int:
        tensor = self._schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name.encode(), shape, self._schema.TensorType.INT8, 0
        tensor.quantization = self._quantization(scale, zero_point)
        return self._add(tensor)

    def _scalar(self, name: str, value: float) -> int:
        """Add one real value, held as finely as an int8 can."""
        index = self._constant(name, np.array([LARGEST_INT8 if value > 0 else -LARGEST_INT8], np.int8))
        self._graph.tensors[index].quantization = self._quantization(abs(value) / LARGEST_INT8, 0)
        return index

    def _constant(self, name: str, values: npt.NDArray[np.int8] | npt.NDArray[np.int32]) -> int:
        tensor = self._schema.TensorT()
        tensor.type = self._schema.TensorType.INT8 if values.dtype == np.int8 else self._schema.TensorType.INT32
        self._model.buffers.append(new_buffer(values.tobytes()))
        tensor.name, tensor.shape, tensor.buffer = name.encode(), [len(values)], len(self._model.buffers) - 1
        return self._add(tensor)

    def _add(self, tensor: Any) -> int:
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def _quantization(self, scale: float, zero_point: int) -> Any:
        quantization = self._schema.QuantizationParametersT()
        quantization.scale, quantization.zeroPoint = [scale], [zero_point]
        return quantization

    def _operator(self, name: str, inputs: list[int], outputs: list[int], options: str, *, version: int) -> Any:
        step = self._schema.OperatorT()
        step.opcodeIndex = self._code(name, version)
        step.inputs, step.outputs = inputs, outputs
        step.builtinOptionsType = getattr(self._schema.BuiltinOptions, options)
        step.builtinOptions = getattr(self._schema, f"{options}T")()
        return step

    def _code(self, name: str, version: int) -> int:
        number = getattr(self._schema.BuiltinOperator, name)
        for index, code in enumerate(self._model.operatorCodes):
            if code.builtinCode == number and code.version >= version:
                return index
        code = self._schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), version
        self._model.operatorCodes.append(code)
        return len(self._model.operatorCodes) - 1

    def _producer(self, tensor: int) -> Any:
        found = [one for one in self._graph.operators if tensor in one.outputs]
        if not found:
            raise MicroferError("no operator computes the network's output; export a trained network")
        return found[0]

    def _name(self, operator: Any) -> str:
        return _name_in(self._schema.BuiltinOperator, self._model.operatorCodes[operator.opcodeIndex].builtinCode)

    def _type(self, tensor: int) -> str:
        return _name_in(self._schema.TensorType, self._graph.tensors[tensor].type)


def _name_in(enumeration: Any, number: int) -> str:
    """Return what the schema calls a value of one of its enumerations."""
    return next((name for name, value in vars(enumeration).items() if value == number), str(number))
