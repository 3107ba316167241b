"""Accuracy and size of one network against how far it is compressed: what is measured at each point, and kept."""

import gzip
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from microfer.compress.prune import overall_sparsity, sparsity, weight_bytes
from microfer.data.dataset import Dataset
from microfer.errors import MicroferError
from microfer.files import read_bytes, write_json
from microfer.json_reader import only_fields, parse
from microfer.model.convert import quantize
from microfer.model.networks import Network
from microfer.parity.compare import Accuracy, compare_scores
from microfer.runtimes.parallel import run_parallel
from microfer.runtimes.runners import KerasRunner, LiteRTRunner
from microfer.tflite import tflite_file

SCHEMA = "microfer.compression_curves/1"
POINT_SCHEMA = "microfer.compression_point/1"

SPARSITIES = tuple(tenth / 10 for tenth in range(10))
VALUES = (2, 4, 8, 16, 32, 64, 256)
"""How many different values a kernel is clustered to; 16 take four bits."""

How = Literal["cut", "healed", "clustered"]
Origin = dict[str, str | int | None]
"""What a point depends on, by name: it is found again only where all of it is the same."""


@dataclass(frozen=True)
class Step:
    """A point to measure. how: "cut" at once, or "healed" while training on, to a sparsity of `asked` (0..1);
    "clustered" to `asked` values a kernel.
    """

    how: How
    asked: float

    @property
    def name(self) -> str:
        """What its file is called, such as "cut-30" or "clustered-16"."""
        return f"{self.how}-{self.asked:.0f}" if self.how == "clustered" else f"{self.how}-{100 * self.asked:02.0f}"

    def __str__(self) -> str:
        if self.how == "clustered":
            return f"{self.asked:.0f} values a kernel"
        return f"{self.asked:.0%} zeros, {'cut at once' if self.how == 'cut' else 'healed'}"


@dataclass(frozen=True)
class Int8Kernel:
    """One convolution's kernel as the int8 .tflite stores it, batch normalization folded in.

    values: different numbers, -127..127, in the whole tensor. channel_values: the most in one output channel. Scales
    are per channel, so what is one float value in two channels is two int8 values.
    """

    name: str
    weights: int
    zeros: int
    values: int
    channel_values: int


@dataclass(frozen=True)
class Point:
    """One network, compressed so far. Sizes in bytes; rates in [0, 1].

    zeros: the share of zeros in the float kernels. agreement: of float and int8, images with the same top-1 class.
    float32_bytes: of all weights. int8_bytes: of the .tflite without microfer's metadata. *_gzip_bytes: after gzip -9.
    packed_bytes: of the clustered kernels, computed by `cluster.packed_bytes`; None for the others.
    """

    how: How
    asked: float
    float_accuracy: Accuracy
    int8_accuracy: Accuracy
    agreement: float
    zeros: float
    float32_bytes: int
    float32_gzip_bytes: int
    int8_bytes: int
    int8_gzip_bytes: int
    packed_bytes: int | None
    kernels: tuple[Int8Kernel, ...]

    @property
    def int8_kernel_bytes(self) -> int:
        """What the convolutions' kernels take in the .tflite, a byte a weight."""
        return sum(kernel.weights for kernel in self.kernels)

    @property
    def int8_zeros(self) -> float:
        """The share of zeros in the int8 kernels: those cut, and those too small for their channel's scale."""
        return sum(kernel.zeros for kernel in self.kernels) / self.int8_kernel_bytes

    @property
    def middle_values(self) -> float:
        """Different int8 values in a kernel, the median over the kernels."""
        return float(median(kernel.values for kernel in self.kernels))

    @property
    def channel_values(self) -> int:
        """The most different int8 values in one output channel of any kernel."""
        return max(kernel.channel_values for kernel in self.kernels)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, ready for `json.dumps`; the properties too, which `from_json` passes over."""
        shares = {"int8_kernel_bytes": self.int8_kernel_bytes, "int8_zeros": self.int8_zeros}
        return {key: value for key, value in asdict(self).items() if key != "kernels"} | shares | {
            "int8_values_median": self.middle_values,
            "int8_values_largest_in_a_channel": self.channel_values,
            "kernels": [asdict(kernel) for kernel in self.kernels],
        }  # fmt: skip

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Point":
        """Return the point that `to_json` wrote. Raises KeyError or TypeError where something lacks or is odd."""
        found = {field: values[field] for field in cls.__dataclass_fields__}
        for key in ("float_accuracy", "int8_accuracy"):
            found[key] = Accuracy(**found[key])
        found["kernels"] = tuple(Int8Kernel(**kernel) for kernel in found["kernels"])
        return cls(**found)


@dataclass(frozen=True)
class Curves:
    """All points of one network, and what they were measured on.

    split: "PublicTest" or "drawn faces". images: how many of it. epochs, recipe: of healing; 0 and None where nothing
    was healed.
    """

    network: str
    source: str
    split: str
    images: int
    epochs: int
    recipe: str | None
    origin: Origin
    points: tuple[Point, ...]

    def of(self, how: How) -> list[Point]:
        """Return the points of one kind, in the order of what was asked."""
        return sorted((point for point in self.points if point.how == how), key=lambda point: point.asked)

    @property
    def whole(self) -> Point:
        """The network itself: with no weight cut."""
        return self.of("cut")[0]

    def to_json(self) -> dict[str, Any]:
        """Return plain values, `schema` first; no path of this computer."""
        document = {key: value for key, value in vars(self).items() if key != "points"}
        return {"schema": SCHEMA} | document | {"points": [point.to_json() for point in self.points]}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Curves":
        """Return the curves that `to_json` wrote. Raises KeyError or TypeError where something lacks or is odd."""
        points = tuple(Point.from_json(point) for point in values["points"])
        return cls(**only_fields(values, cls) | {"points": points})


def measure(
    step: Step,
    model: Any,
    config: Network,
    calibration: npt.NDArray[np.uint8],
    validation: Dataset,
    *,
    packed: int | None = None,
    title: str = "",
    workers: int | None = None,
) -> Point:
    """Return the point of `step`, whose Keras 3 network is `model`: quantized with `calibration`, run on `validation`.

    packed: see `Point.packed_bytes`. title, workers: of the bar and the processes, see `run_parallel`.
    """
    tflite = quantize(model, config, calibration)
    floats = KerasRunner(model).scores(validation.images)
    ints = run_parallel(LiteRTRunner(tflite, optimized=True), validation.images, "scores", title=title, workers=workers)
    compared = compare_scores(floats, ints, validation.labels, validation.names, classes=validation.classes)
    plain, zipped = weight_bytes(model)
    return Point(
        how=step.how,
        asked=step.asked,
        float_accuracy=compared.float_accuracy,
        int8_accuracy=compared.int8_accuracy,
        agreement=compared.agreement,
        zeros=overall_sparsity(sparsity(model)),
        float32_bytes=plain,
        float32_gzip_bytes=zipped,
        int8_bytes=len(tflite),
        int8_gzip_bytes=len(gzip.compress(tflite, 9, mtime=0)),
        packed_bytes=packed,
        kernels=int8_kernels(tflite),
    )


def int8_kernels(tflite: bytes) -> tuple[Int8Kernel, ...]:
    """Return what the convolutions' kernels of an int8 .tflite hold, in the order of computation."""
    model = tflite_file.read(tflite)
    found = []
    for operator in model.operators:
        if operator.name != "CONV_2D":
            continue
        tensor = model.tensors[operator.inputs[1]]
        stored = np.frombuffer(tflite, np.int8, tensor.data_bytes, tensor.data_offset).reshape(tensor.shape)
        channels = np.moveaxis(stored, tensor.quantized_dimension, 0)
        most = max(len(np.unique(channel)) for channel in channels)
        found.append(
            Int8Kernel(tensor.name, stored.size, int((stored == 0).sum()), len(np.unique(stored)), most)
        )  # fmt: skip
    return tuple(found)


def keep(path: Path, point: Point, origin: Origin) -> None:
    """Write a measured point to `path`, with what it depends on."""
    write_json(path, {"schema": POINT_SCHEMA, "of": origin, "point": point.to_json()})


def kept(path: Path, origin: Origin) -> Point | None:
    """Return the point in `path`; None where there is none, or one that depends on something else than `origin`.

    Raises:
        MicroferError: the file is damaged, or of another version of microfer.
    """
    if not path.exists():
        return None
    try:
        document = parse(read_bytes(path))
        if document["schema"] != POINT_SCHEMA:
            raise ValueError(f"its schema is {document['schema']}, expected {POINT_SCHEMA}")
        return Point.from_json(document["point"]) if document["of"] == origin else None
    except (ValueError, KeyError, TypeError) as error:
        raise MicroferError(f"{path} is damaged ({error!r}); delete it, and it is measured again") from error
