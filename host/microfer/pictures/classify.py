"""From a face crop to an answer: the shipped int8 model in TFLM, with the calibration that travels in the model."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from microfer.contract import LABELS, OUTPUT_SCALE, OUTPUT_ZERO_POINT
from microfer.errors import MicroferError
from microfer.oracle.prediction import ONE, Predictor, Settings, calibrated_all, settings_of
from microfer.runtimes.runners import has_tflm, open_tflite
from microfer.tflite import tflite_file
from microfer.tflite.graph import TfliteModel
from microfer.tflite.metadata import ENTRY_NAME, read_metadata

UNCERTAIN = "uncertain"
"""The answer where the largest probability is under the model's own threshold."""


@dataclass(frozen=True)
class Answer:
    """What the network perceives in one crop.

    scores: calibrated probabilities in the order of the labels, float32 (classes,), multiples of 1/65536 as on a board.
    label: the label of the largest (of the first one where two tie), or "uncertain".
    milliseconds: how long the invoke took on this computer; a board is another matter.
    """

    scores: npt.NDArray[np.float32]
    label: str
    milliseconds: float


class Classifier:
    """A full-int8 .tflite in TFLM, or in LiteRT's reference kernels where TFLM has no wheel; these give the same bits.

    model_id: the name in the model's metadata, or its file's name where it carries none.
    labels: what it tells apart.
    runtime: "TFLM", or "LiteRT reference kernels".

    Raises:
        MicroferError: the model is missing, corrupt, not full int8, or has another input or output than the contract.
    """

    def __init__(self, path: Path) -> None:
        in_tflm = has_tflm()
        self._runner = open_tflite(path, "tflm" if in_tflm else "reference", need_int8=True)
        self.runtime = "TFLM" if in_tflm else "LiteRT reference kernels"
        self.model_id, self._settings = path.name, Settings()
        self.labels: tuple[str, ...] = LABELS
        model = tflite_file.read(path)
        if ENTRY_NAME in model.metadata:
            metadata = read_metadata(model)
            self.model_id, self._settings, self.labels = metadata.model_id, settings_in(model), metadata.labels

    def answer(self, crop: npt.NDArray[np.uint8]) -> Answer:
        """Return the answer for one crop, uint8 (48, 48), 0..255, as a board gives it for a face's first frame.

        Raises:
            MicroferError: no score is above the floor, which no softmax gives.
        """
        begin = time.perf_counter()
        raw = self._runner.raw(crop[np.newaxis])[0]
        took = 1000 * (time.perf_counter() - begin)
        prediction = Predictor(self._settings).update(raw.tolist())
        if prediction is None:
            raise MicroferError(f"{self.model_id} scores every expression with zero: its file is damaged, restore it")
        scores = np.array(prediction.smoothed, np.float32) / np.float32(ONE)
        return Answer(scores, self.labels[prediction.label] if prediction.certain else UNCERTAIN, took)


def settings_in(model: TfliteModel) -> Settings:
    """Return how the scores of a .tflite become an answer: by its metadata, or uncalibrated where it has no entry.

    Raises:
        MicroferError: the entry cannot be read.
    """
    if ENTRY_NAME not in model.metadata:
        return Settings()
    metadata = read_metadata(model)
    return settings_of(metadata.temperature, metadata.uncertain_below, metadata.score_floor, len(metadata.labels))


def as_shown(path: Path, scores: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return a model's scores, float32 (n, classes), as a person sees them: calibrated as its board does if it has one.

    A float model, and a .tflite without an entry or with a temperature of 1 and no floor, has them as they are.

    Raises:
        MicroferError: the .tflite or its entry cannot be read.
    """
    if path.suffix.lower() != ".tflite":
        return scores
    model = tflite_file.read(path)
    settings = settings_in(model)
    is_calibrated = settings.inverse_temperature != ONE or settings.score_floor != 0
    if not is_calibrated or model.tensors[model.outputs[0]].type != "INT8":
        return scores
    raw = np.rint(scores / np.float32(OUTPUT_SCALE) + OUTPUT_ZERO_POINT).astype(np.int8)  # exact: 256 levels
    return (calibrated_all(raw, settings.inverse_temperature, settings.score_floor) / ONE).astype(np.float32)
