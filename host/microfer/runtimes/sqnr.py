"""Which layer quantization hurts: the signal-to-quantization-noise ratio of every activation."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from microfer.errors import MicroferError
from microfer.runtimes.runners import LiteRTRunner, layout_of
from microfer.tensor import encode_float, encode_int8, regroup
from microfer.tflite import tflite_file
from microfer.tflite.graph import TfliteModel

Layers = list[tuple[str, float]]

SQNR_IMAGES = 32
"""Each takes two invokes of the slow reference kernels."""


def layer_sqnr(
    float_tflite: Path | str | bytes, int8_tflite: Path | str | bytes, images: npt.NDArray[np.uint8]
) -> Layers:
    """Return (tensor name, dB) for every activation that both models have, in the order of computation.

    The ratio is 10 log10(sum x^2 / sum (x - q)^2) over all elements and images, x from the float model and q from the
    int8 model, dequantized. It is +inf where the two are equal (as where both are all zero), -inf where the float
    activation alone is all zero. The input is left out: its encoding is exact. Noise adds up along the network, so
    what points at a layer is a fall against the tensors it reads, besides a low value.

    float_tflite, int8_tflite: paths or contents of models converted from the same network, without a change of names.
    images: uint8 (n, 48, 48), n > 0, of all classes; see `spread`.

    Raises:
        MicroferError: a model cannot be run, or the two share no activation's name.
    """
    if len(images) == 0:
        raise MicroferError("the noise of quantization cannot be measured without an image")
    reference = _Probe(tflite_file.read(float_tflite, "the float .tflite"), encode_float(images[:1]).dtype)
    quantized = _Probe(tflite_file.read(int8_tflite, "the int8 .tflite"), encode_int8(images[:1]).dtype)
    shared = [name for name in quantized.activations if name in reference.activations]
    if not shared:
        raise MicroferError(
            f"{reference.name} and {quantized.name} share no activation's name; convert both from the same model"
        )
    signal = dict.fromkeys(shared, 0.0)
    noise = dict.fromkeys(shared, 0.0)
    layout = layout_of(quantized.input_shape)
    for exact, coded in zip(regroup(encode_float(images), layout), encode_int8(images, layout), strict=True):
        reference.invoke(exact)
        quantized.invoke(coded)
        for name in shared:
            wanted, got = reference.value(name), quantized.value(name)
            signal[name] += float(np.sum(wanted**2))
            noise[name] += float(np.sum((wanted - got) ** 2))
    return [(name, _decibel(signal[name], noise[name])) for name in shared]


def spread(images: npt.NDArray[np.uint8], count: int = SQNR_IMAGES) -> npt.NDArray[np.uint8]:
    """Return at most `count` of `images`, evenly spread over them: a folder is read class by class.

    The first few would all show one expression, and a module that answers to another one would seem to be silent.
    """
    if len(images) <= count:
        return images
    return np.take(images, np.linspace(0, len(images) - 1, count).astype(int), axis=0)


def worst_layer(layers: Layers) -> tuple[str, float]:
    """Return the entry of `layer_sqnr`'s non-empty result with the lowest ratio, the first of equals."""
    return min(layers, key=lambda layer: layer[1])


class _Probe:
    """A model that keeps every tensor, so that the activations can be read after an invoke."""

    def __init__(self, model: TfliteModel, input_type: np.dtype[Any]) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        LiteRTRunner(model.content, model.name)  # says what is wrong with a model that cannot be run
        self._interpreter = Interpreter(
            model_content=model.content,
            num_threads=1,
            experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
            experimental_preserve_all_tensors=True,
        )
        self._interpreter.allocate_tensors()
        self.name = model.name
        self._input = self._interpreter.get_input_details()[0]
        self.input_shape = tuple(self._input["shape"])
        if self._input["dtype"] != input_type:
            raise MicroferError(f"{model.name} takes {np.dtype(self._input['dtype'])} input, expected {input_type}")
        self.activations = {
            model.tensors[index].name: index for operator in model.operators for index in operator.outputs
        }
        self._scales = {
            name: (model.tensors[index].scales, model.tensors[index].zero_points)
            for name, index in self.activations.items()
        }

    def invoke(self, one: npt.NDArray[Any]) -> None:
        self._interpreter.set_tensor(self._input["index"], one[np.newaxis])
        self._interpreter.invoke()

    def value(self, name: str) -> npt.NDArray[np.float64]:
        """Return an activation of the last invoke as real numbers; activations are quantized per tensor."""
        stored: npt.NDArray[np.float64] = self._interpreter.get_tensor(self.activations[name]).astype(np.float64)
        scales, zero_points = self._scales[name]
        return (stored - zero_points[0]) * scales[0] if scales else stored


def _decibel(signal: float, noise: float) -> float:
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal > 0 else -math.inf
