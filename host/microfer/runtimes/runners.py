"""One interface for every way to run a model on face crops: Keras, LiteRT, TFLM.

LiteRT's reference kernels are the oracle: TFLM and the board must equal them bit for bit. Its optimized (XNNPACK)
kernels are quicker and round differently. Knows nothing about data sets, metrics or reports.
"""

import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from microfer.contract import LABELS, LAYOUT_OF_SHAPE, InputLayout
from microfer.errors import MicroferError
from microfer.model import saved
from microfer.model.backend import load_keras
from microfer.model.saved import check_any
from microfer.tensor import (
    INPUT_SHAPE,
    check_crops,
    decode_scores,
    encode_float,
    encode_int8,
    regroup,
)
from microfer.tflite import tflite_file
from microfer.tflite.check import check_ends, check_shapes
from microfer.tflite.graph import TfliteModel
from microfer.tflite.metadata import ENTRY_NAME, read_metadata

Crops = npt.NDArray[np.uint8]
Progress = Callable[[int], None]
"""Told, after each step, how many images are done since the last call."""

TFLITE_RUNNERS = ("reference", "optimized", "tflm")
"""What can run a .tflite: LiteRT's reference kernels, its optimized ones, TFLM."""

KERAS_BATCH = 256
TFLM_ARENA_BYTES = 8 * 2**20
"""Ample for any network that fits an ESP32-S3; what is not touched costs nothing. `measure_arena` finds the need."""


class Runner(Protocol):
    """A loaded model. `raw` raises MicroferError where the model's output is not int8.

    name: what ran, for reports, such as "litert-reference".
    divisible: whether a pickled copy can work in another process.
    """

    name: str
    divisible: bool

    def scores(self, images: Crops, progress: Progress | None = None) -> npt.NDArray[np.float32]:
        """Return probabilities, float32 (n, classes) in [0, 1], for crops, uint8 (n, 48, 48)."""
        ...

    def raw(self, images: Crops, progress: Progress | None = None) -> npt.NDArray[np.int8]:
        """Return the output tensors as the model gives them, int8 (n, classes), for crops, uint8 (n, 48, 48)."""
        ...


class KerasRunner:
    """A Keras model on whichever backend Keras runs, in batches."""

    divisible = False

    def __init__(self, model: Any, name: str = "keras") -> None:
        self._model = model
        self.name = name

    def scores(self, images: Crops, progress: Progress | None = None) -> npt.NDArray[np.float32]:
        """Return probabilities, float32 (n, classes)."""
        check_crops(images)
        result = np.empty((len(images), self._model.output_shape[-1]), np.float32)
        for start in range(0, len(images), KERAS_BATCH):
            batch = images[start : start + KERAS_BATCH]
            result[start : start + len(batch)] = self._model.predict_on_batch(encode_float(batch))
            if progress:
                progress(len(batch))
        return result

    def raw(self, images: Crops, progress: Progress | None = None) -> npt.NDArray[np.int8]:
        """Raise MicroferError: a float model has no int8 output."""
        raise MicroferError(
            f"a Keras model has no int8 output; quantize it first ({len(images)} images were to be run)"
        )


class LiteRTRunner:
    """A .tflite in LiteRT, one image at a time on one thread, with reference or optimized kernels.

    Raises:
        MicroferError: LiteRT cannot load the model or does not know one of its operators.
    """

    divisible = True

    def __init__(self, content: bytes, source: str = "the .tflite", *, optimized: bool = False) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        self._arguments = (content, source, optimized)
        self.name = "litert-optimized" if optimized else "litert-reference"
        resolver = OpResolverType.AUTO if optimized else OpResolverType.BUILTIN_REF
        try:
            self._interpreter = Interpreter(
                model_content=content, num_threads=1, experimental_op_resolver_type=resolver
            )
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise MicroferError(f"{source}: LiteRT cannot run it ({error}); convert the network again") from error
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]
        self.is_int8 = self._output["dtype"] == np.int8
        self._layout = layout_of(self._input["shape"])

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy to another process by loading the model there again; an interpreter itself cannot travel."""
        content, source, optimized = self._arguments
        return _load_litert, (content, source, optimized)

    def scores(self, images: Crops, progress: Progress | None = None) -> npt.NDArray[np.float32]:
        """Return probabilities, float32 (n, classes)."""
        if self.is_int8:
            return decode_scores(self.raw(images, progress))
        return self._invoke_each(regroup(encode_float(images), self._layout), np.dtype(np.float32), progress)

    def raw(self, images: Crops, progress: Progress | None = None) -> npt.NDArray[np.int8]:
        """Return int8 (n, classes)."""
        if not self.is_int8:
            raise MicroferError(f"{self._arguments[1]} has a float output; a full-int8 model is needed here")
        return self._invoke_each(encode_int8(images, self._layout), np.dtype(np.int8), progress)

    def invoke(self, tensor: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the output tensor, flat, for an input tensor of the model's own type and shape."""
        self._interpreter.set_tensor(self._input["index"], tensor)
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._output["index"])[0])

    def _invoke_each(
        self, inputs: npt.NDArray[Any], dtype: np.dtype[Any], progress: Progress | None
    ) -> npt.NDArray[Any]:
        result = np.empty((len(inputs), int(self._output["shape"][-1])), dtype)
        for i, one in enumerate(inputs):
            result[i] = self.invoke(one[np.newaxis])
            if progress:
                progress(1)
        return result


class TflmRunner:
    """A full-int8 .tflite in TensorFlow Lite for Microcontrollers, built for this host, one image at a time.

    Raises:
        MicroferError: there is no tflite-micro for this machine, or TFLM cannot load the model.
    """

    name = "tflm"
    divisible = True

    def __init__(self, content: bytes, source: str = "the .tflite", arena_bytes: int = TFLM_ARENA_BYTES) -> None:
        runtime = tflm_runtime()
        self._arguments = (content, source, arena_bytes)
        try:
            self._interpreter = runtime.Interpreter.from_bytes(content, arena_size=arena_bytes)
        except RuntimeError as error:
            raise MicroferError(f"{source}: TFLM cannot run it: {str(error).strip()}") from error
        self._layout = layout_of(self._interpreter.get_input_details(0)["shape"])

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy to another process by loading the model there again."""
        return TflmRunner, self._arguments

    def scores(self, images: Crops, progress: Progress | None = None) -> npt.NDArray[np.float32]:
        """Return probabilities, float32 (n, classes)."""
        return decode_scores(self.raw(images, progress))

    def raw(self, images: Crops, progress: Progress | None = None) -> npt.NDArray[np.int8]:
        """Return int8 (n, classes)."""
        inputs = encode_int8(images, self._layout)
        classes = int(self._interpreter.get_output_details(0)["shape"][-1])
        result = np.empty((len(inputs), classes), np.int8)
        for i, one in enumerate(inputs):
            result[i] = self.invoke(one[np.newaxis])
            if progress:
                progress(1)
        return result

    def invoke(self, tensor: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
        """Return the output tensor, int8 (classes,), for an input of the model's own shape, such as (1, 48, 48, 1)."""
        self._interpreter.set_input(tensor, 0)
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_output(0)[0], np.int8)


def open_model(path: Path | str, runner: str = "reference", *, need_int8: bool = False) -> Runner:
    """Return a runner for the .keras or .tflite at `path`, its input and output checked against the contract.

    runner: one of TFLITE_RUNNERS; a .keras takes no notice of it.
    need_int8: refuse a model that is not full int8, as "tflm" always does.

    Raises:
        MicroferError: the file is missing, corrupt, of another kind or for other inputs; a package is missing.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".tflite":
        return open_tflite(path, runner, need_int8=need_int8)
    if suffix != ".keras":
        raise MicroferError(f"{path} is neither a .keras nor a .tflite model")
    if need_int8:
        raise MicroferError(f"{path} is a float model; a full-int8 .tflite is needed here")
    model = open_keras_model(path)
    import keras

    return KerasRunner(model, f"keras-{keras.backend.backend()}")


def open_tflite(path: Path | str, runner: str = "reference", *, need_int8: bool = False) -> LiteRTRunner | TflmRunner:
    """Return a runner for the .tflite at `path`; see `open_model`."""
    if runner not in TFLITE_RUNNERS:
        raise MicroferError(f"there is no runner {runner!r}; choose one of {', '.join(TFLITE_RUNNERS)}")
    model = tflite_file.read(path)
    # LiteRT verifies the whole file first: TFLM trusts what it is given, and a corrupt file would crash it.
    litert = LiteRTRunner(model.content, str(path), optimized=runner == "optimized")
    check_contract(model, need_int8=need_int8 or runner == "tflm")
    return TflmRunner(model.content, str(path)) if runner == "tflm" else litert


def check_contract(model: TfliteModel, *, need_int8: bool) -> None:
    """Raise MicroferError where the model's ends are neither the contract's int8 ones nor, if allowed, float ones."""
    kinds = [model.tensors[end].type for end in (*model.inputs, *model.outputs)]
    if need_int8 or kinds != ["FLOAT32", "FLOAT32"]:
        check_ends(model)
        return
    check_shapes(model)


def tflm_runtime() -> Any:
    """Return tflite-micro's runtime module. Raises MicroferError where this machine has none, and says what to do."""
    try:
        from tflite_micro.python.tflite_micro import runtime
    except ImportError as error:
        raise MicroferError(
            f"TFLM is not installed here ({error}). tflite-micro has wheels for Linux x86-64 alone, and this is "
            f"{platform.system()} {platform.machine()}. There: pip install --pre tflite-micro; elsewhere LiteRT's "
            "reference kernels take its place"
        ) from error
    return runtime


def has_tflm() -> bool:
    """Return whether this machine can run TFLM."""
    try:
        tflm_runtime()
    except MicroferError:
        return False
    return True


def layout_of(input_shape: Sequence[int]) -> InputLayout:
    """Return the layout of a model with this input; plain where it takes no crop, which the contract's check tells."""
    shape = tuple(int(size) for size in input_shape[1:])
    return next((layout for known, layout in LAYOUT_OF_SHAPE.items() if known == shape), "plain")


def _load_litert(content: bytes, source: str, optimized: bool) -> LiteRTRunner:
    return LiteRTRunner(content, source, optimized=optimized)


def labels_of(path: Path) -> tuple[str, ...]:
    """Return the classes that the model at `path` tells apart: those that it carries, or FER-2013's where it says none.

    Raises:
        MicroferError: it cannot be read.
    """
    if path.suffix.lower() == ".keras":
        return saved.read_config(path)[0].labels if saved.is_ours(path) else LABELS
    model = tflite_file.read(path)
    return read_metadata(model).labels if ENTRY_NAME in model.metadata else LABELS


def open_keras_model(path: Path) -> Any:
    """Return the uncompiled Keras 3 model at `path`, its input and output checked against the contract.

    Raises:
        MicroferError: the file is missing, no Keras model or for other inputs; Keras is not installed.
    """
    if not path.is_file():
        raise MicroferError(f"cannot read {path}: there is no such file")
    keras = load_keras(str(path), prefer="tensorflow")
    try:
        check_any(path)
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras does not say what a damaged archive makes it raise
        raise MicroferError(f"{path} is not a Keras 3 model that can be loaded: {error}") from error
    classes = len(labels_of(path))
    for end, found, expected in (
        ("input", model.input_shape, (None, *INPUT_SHAPE)),
        ("output", model.output_shape, (None, classes)),
    ):
        if tuple(found[1:]) != expected[1:]:
            raise MicroferError(f"{path}: the {end} has the shape {found}, expected {expected}")
    return model
