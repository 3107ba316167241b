"""What a program does with microfer: `import microfer` offers these names. docs/api.md shows them at work."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from microfer.cost.estimate import Estimate
from microfer.cost.estimate import estimate as estimate_model
from microfer.cost.faults import pinned
from microfer.current_model import current_model
from microfer.data.fer2013 import load as load_data
from microfer.errors import MicroferError
from microfer.link.connection import Connection
from microfer.link.messages import Answer, Hello, Prediction
from microfer.link.ports import find_ports, only_port
from microfer.link.reader import Received
from microfer.oracle.prediction import ONE
from microfer.parity.certificate import Certificate, certify, float_beside
from microfer.parity.images import choose_images, synthetic_images
from microfer.parity.limits import Limits
from microfer.pictures.classify import UNCERTAIN, Classifier
from microfer.pictures.faces import FaceFinder, crop
from microfer.pictures.pictures import Picture, read
from microfer.release import MANIFEST
from microfer.runtimes.runners import labels_of
from microfer.tflite import tflite_file
from microfer.viewer.view_model import labels_for

Pixels = npt.NDArray[np.uint8]

HELLO_WITHIN_S = 2.0
"""How long a board's first predictions wait for its hello, which the connection asks for."""


@dataclass(frozen=True)
class Perceived:
    """What the network perceives in one face.

    label: one of the model's labels, which are `microfer.LABELS` unless it has its own; None where the answer is
    uncertain, or where a board saw no face.
    probabilities: label -> 0..1, calibrated; a board's are smoothed over its last frames.
    box: left, top, width and height of the face's square in pixels; it may reach over the edge. None: no face.
    frame: the number of the board's camera frame; 0 in a picture.
    """

    label: str | None
    probabilities: Mapping[str, float]
    box: tuple[int, int, int, int] | None
    frame: int = 0

    @property
    def confidence(self) -> float:
        """The largest probability; 0 where no face was seen."""
        return max(self.probabilities.values(), default=0.0)


class Model:
    """A full-int8 .tflite, run as the board runs it, with the calibration that travels in it."""

    def __init__(self, path: Path) -> None:
        """Load it; see `load_model`."""
        self.path = path
        self._classifier = Classifier(path)
        self._finder: FaceFinder | None = None

    @property
    def model_id(self) -> str:
        """The name that its metadata gives it, or its file's name."""
        return self._classifier.model_id

    def classify(self, picture: Path | str | Pixels) -> tuple[Perceived, ...]:
        """Return what is perceived in each face of a picture, the largest face first; empty where there is none.

        picture: a file, or pixels, uint8: (height, width) gray, or (height, width, 3) in OpenCV's order, blue first.

        Raises:
            MicroferError: the file is no picture, or the pixels are of another form.
        """
        gray = _gray(picture)
        if self._finder is None:
            self._finder = FaceFinder()
        return tuple(
            self._perceived(crop(gray, face), (face.left, face.top, face.size, face.size))
            for face in self._finder.find(gray)
        )

    def classify_crop(self, pixels: Pixels) -> Perceived:
        """Return what is perceived in a face that was cut out already: uint8 (48, 48), gray."""
        return self._perceived(pixels, (0, 0, pixels.shape[1], pixels.shape[0]))

    def _perceived(self, pixels: Pixels, box: tuple[int, int, int, int]) -> Perceived:
        answer = self._classifier.answer(pixels)
        probabilities = dict(zip(self._classifier.labels, map(float, answer.scores), strict=True))
        return Perceived(None if answer.label == UNCERTAIN else answer.label, probabilities, box)


def load_model(path: Path | str | None = None) -> Model:
    """Return the model at `path`, a .tflite; None takes the one that the commands take.

    Raises:
        MicroferError: it is missing, damaged, not full int8, or has another input or output than a board expects.
    """
    return Model(_path(path))


def classify(picture: Path | str | Pixels, model: Model | None = None) -> tuple[Perceived, ...]:
    """Return what is perceived in each face of a picture; see `Model.classify`. For many pictures load a model once."""
    return (model or load_model()).classify(picture)


@contextmanager
def open_board(port: str = "auto", give_up_after_s: float | None = None) -> Iterator[Iterator[Perceived]]:
    """Open a board, and yield an iterator over its predictions: one for each camera frame, as they arrive.

    port: such as "/dev/ttyACM0", "COM5" or "socket://127.0.0.1:5333"; "auto": the one board on USB. A lost board is
    waited for, give_up_after_s at most. Other messages of the link are for `microfer.link.connection`.

    Raises:
        MicroferError: there is no such port; or, from the iterator, the board was gone for too long.
    """
    name = only_port(find_ports()).device if port == "auto" else port
    with Connection(name, give_up_after_s=give_up_after_s) as connection:
        yield _predictions(connection)


def estimate(model: Path | str | None = None) -> Estimate:
    """Return what a .tflite costs on the ESP32-S3: instructions, memory and time, by operator and together.

    Raises:
        MicroferError: the file is missing or damaged, or has control flow.
    """
    return estimate_model(tflite_file.read(_path(model)), components=pinned(MANIFEST))


def check_parity(
    model: Path | str | None = None,
    float_model: Path | str | None = None,
    *,
    data: Path | str | None = None,
    split: str = "PublicTest",
    limit: int | None = None,
) -> Certificate:
    """Return the certificate of an int8 .tflite: against its float model, and LiteRT's kernels against TFLM's.

    float_model: .keras or float .tflite; None takes the one beside the model. data: FER-2013; None takes drawn faces,
    on which the bits are compared and the accuracy is not judged. limit: use so many images.

    Raises:
        MicroferError: a model or the data cannot be read.
    """
    path = _path(model)
    beside, missing = (Path(float_model), "") if float_model else float_beside(path)
    images = choose_images(load_data(Path(data)), split, limit) if data else synthetic_images(limit, labels_of(path))
    return certify(path, beside, images, Limits(), float_missing=missing)


def _path(model: Path | str | None) -> Path:
    return current_model().path if model is None else Path(model)


def _gray(picture: Path | str | Pixels) -> Pixels:
    if not isinstance(picture, np.ndarray):
        return read(Path(picture)).gray()
    if picture.dtype == np.uint8 and picture.ndim == 2:
        return picture
    if picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3:
        return Picture("pixels", picture).gray()
    raise MicroferError(
        f"expected pixels uint8 (height, width) or (height, width, 3), got {picture.dtype} {picture.shape}"
    )


def _predictions(connection: Connection) -> Iterator[Perceived]:
    """Yield predictions in their order; those before the hello, which tells the labels, wait for it a little."""
    hello: Hello | None = None
    waiting: list[Prediction] = []
    end_s = time.monotonic() + HELLO_WITHIN_S
    while True:
        for timed in connection.poll():
            message = timed.event.message if isinstance(timed.event, Received) else None
            if isinstance(message, Hello):
                hello = message
            elif isinstance(message, Prediction):
                waiting.append(message)
        if hello is not None or time.monotonic() > end_s:
            yield from (_of(found, labels_for(found.classes, hello)) for found in waiting)
            waiting.clear()


def _of(found: Prediction, labels: tuple[str, ...]) -> Perceived:
    if found.answer == Answer.NO_FACE:
        return Perceived(None, {}, None, found.frame)
    shares = found.smoothed_q16[: len(labels)]
    probabilities = {label: share / ONE for label, share in zip(labels, shares, strict=True)}
    box = (found.face_x_px, found.face_y_px, found.face_width_px, found.face_height_px)
    return Perceived(labels[found.label] if found.answer == Answer.LABEL else None, probabilities, box, found.frame)
