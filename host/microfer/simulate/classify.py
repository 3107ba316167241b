"""From a face crop to an answer: the shipped int8 model in TFLM, with the calibration that travels in the model."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from microfer.contract import LABELS
from microfer.deploy import tflite_file
from microfer.deploy.metadata import ENTRY_NAME, read_metadata
from microfer.simulate.runners import has_tflm, open_tflite

UNCERTAIN = "uncertain"
"""The answer where the largest probability is under the model's own threshold."""


@dataclass(frozen=True)
class Answer:
    """What the network perceives in one crop.

    scores: calibrated probabilities in the order of LABELS, float32 (7,).
    label: the label of the largest (of the first one where two tie), or "uncertain".
    milliseconds: how long the invoke took on this computer; a board is another matter.
    """

    scores: npt.NDArray[np.float32]
    label: str
    milliseconds: float


class Classifier:
    """A full-int8 .tflite in TFLM, or in LiteRT's reference kernels where TFLM has no wheel; these give the same bits.

    model_id: the name in the model's metadata, or its file's name where it carries none.
    runtime: "TFLM", or "LiteRT reference kernels".

    Raises:
        MicroferError: the model is missing, corrupt, not full int8, or has another input or output than the contract.
    """

    def __init__(self, path: Path) -> None:
        in_tflm = has_tflm()
        self._runner = open_tflite(path, "tflm" if in_tflm else "reference", need_int8=True)
        self.runtime = "TFLM" if in_tflm else "LiteRT reference kernels"
        self.model_id, self._temperature, self._uncertain_below = path.name, 1.0, 0.0
        model = tflite_file.read(path)
        if ENTRY_NAME in model.metadata:
            metadata = read_metadata(model)
            self.model_id = metadata.model_id
            self._temperature, self._uncertain_below = metadata.temperature, metadata.uncertain_below

    def answer(self, crop: npt.NDArray[np.uint8]) -> Answer:
        """Return the answer for one crop, uint8 (48, 48), 0..255."""
        begin = time.perf_counter()
        raw_scores = self._runner.scores(crop[np.newaxis])[0]
        took = 1000 * (time.perf_counter() - begin)
        scores = calibrated(raw_scores, self._temperature)
        return Answer(scores, label_of(scores, self._uncertain_below), took)


def calibrated(scores: npt.NDArray[np.float32], temperature: float) -> npt.NDArray[np.float32]:
    """Return the probabilities that the softmax would have given with its logits divided by `temperature`.

    softmax(z / T) is softmax(z) ** (1 / T), scaled to add up to one: so the logits, which the int8 network does not
    give out, are not needed. C. Guo et al., On Calibration of Modern Neural Networks, ICML 2017.

    scores: float32 (7,), with at least one above 0; a temperature of 1 returns them as they are.
    """
    if temperature == 1:
        return scores
    powers = scores ** np.float32(1 / temperature)
    return np.asarray(powers / powers.sum(), np.float32)


def label_of(scores: npt.NDArray[np.float32], uncertain_below: float) -> str:
    """Return the label of the largest probability, or "uncertain" where it is under `uncertain_below`."""
    best = int(scores.argmax())
    return LABELS[best] if scores[best] >= uncertain_below else UNCERTAIN
