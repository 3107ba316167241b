"""Distillation: a network learns from labels and from what larger ones, its teachers, answer on the very same view.

G. Hinton, O. Vinyals, J. Dean, Distilling the knowledge in a neural network, 2015 (arXiv:1503.02531). That teacher and
student see the same augmented crop matters: L. Beyer et al., Knowledge distillation: a good teacher is patient and
consistent, CVPR 2022 (arXiv:2106.05237).
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from microfer.errors import MicroferError
from microfer.files import fingerprint
from microfer.model import saved
from microfer.model.baselines import Application
from microfer.runtimes.runners import open_keras_model
from microfer.tensor import INPUT_SHAPE, encode_float

Array = npt.NDArray[np.float32]

_LOOK_BATCH = 256


@dataclass(frozen=True)
class Distillation:
    """How much and how softly the teachers are followed.

    weight: of the teachers' part in the loss, above 0 and at most 1; the labels have the rest.
    temperature: what both sides' logits are divided by in that part, from 0.5 to 20; higher tells more about the
        labels that are not the answer. The part is multiplied by its square, so that its gradients keep their size.
    views: how many augmented views of each image there are, epoch after epoch in turn, so that teachers answer each
        only once; 0 is a new one in every epoch.
    once: whether teachers look at each image only once, before training, as it is and mirrored. The mean of both
        answers then stands for all of its views, of which there is a new one in every epoch.

    Raises:
        MicroferError: a value is out of its range, or views come again although teachers do not look at them.
    """

    weight: float = 0.7
    temperature: float = 2.0
    views: int = 0
    once: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.weight <= 1:
            raise MicroferError(f"the teachers' weight must be above 0 and at most 1, not {self.weight:g}")
        if not 0.5 <= self.temperature <= 20:
            raise MicroferError(f"the teachers' temperature must lie from 0.5 to 20, not at {self.temperature:g}")
        if self.views < 0:
            raise MicroferError(f"the number of views must be at least 1, or 0 for new ones, not {self.views}")
        if self.once and self.views:
            raise MicroferError("teachers that look at each image once need no views that come again: leave one out")


class _Answering(Protocol):
    def predict(self, inputs: Array) -> Array: ...


class Teachers:
    """Trained networks whose mean answer is followed.

    paths: .keras files that microfer saved, or any Keras 3 model from (48, 48, 1) in 0..1 to each class's probability.
    precision: as of `engines.make_engine`.

    Raises:
        MicroferError: there is none, or one cannot be read or has other inputs or outputs.
    """

    def __init__(self, paths: Sequence[Path], settings: Distillation, precision: str = "auto") -> None:
        if not paths:
            raise MicroferError("distillation needs at least one teacher: name a .keras file")
        self.settings = settings
        self._files = [fingerprint(path) for path in paths]
        self._networks = [_open(path, precision) for path in paths]
        self._answered: dict[tuple[int, int], Array] = {}
        self._of_images: Array | None = None

    def look_at(self, images: npt.NDArray[np.uint8], on_images: Callable[[int], None] = lambda _: None) -> None:
        """Ask the teachers for every training image, uint8 (n, 48, 48), where they are to look at each only once.

        on_images: called with how many images are done, after each batch.
        """
        answers = []
        for start in range(0, len(images), _LOOK_BATCH):
            inputs = encode_float(images[start : start + _LOOK_BATCH])
            answers.append((self._answer(inputs) + self._answer(np.ascontiguousarray(inputs[:, :, ::-1]))) / 2)
            on_images(start + len(inputs))
        self._of_images = np.concatenate(answers)

    def view(self, epoch: int) -> int:
        """Return the number of the augmented view that every image shows in `epoch`, both counted from 0."""
        return epoch % self.settings.views if self.settings.views else epoch

    def targets(self, inputs: Array, own: Array, chosen: npt.NDArray[np.intp], view: int, step: int) -> Array:
        """Return what the student is trained on, float32 (b, 2 * classes): its own targets, then the teachers' answer.

        inputs: the augmented crops that the student gets, (b, 48, 48, 1): always the same ones at this step of `view`.
        chosen: which training images they were made of, (b,): their places among those that `look_at` was given.
        The answer is softened by the temperature. Where views come again, it is kept in memory, and given again.
        """
        if self.settings.once:
            if self._of_images is None:
                raise ValueError("look_at comes first where teachers look at each image once")
            return _beside(own, self._of_images[chosen])
        answer = self._answered.get((view, step))
        if answer is None:
            answer = self._answer(inputs)
            if self.settings.views:
                self._answered[view, step] = answer
        return _beside(own, answer)

    def _answer(self, inputs: Array) -> Array:
        answers = [softened(network.predict(inputs), self.settings.temperature) for network in self._networks]
        return np.asarray(np.mean(answers, axis=0), np.float32)

    def to_json(self) -> dict[str, Any]:
        """Return what must be the same for a run to be resumed: which teachers, and how they are followed."""
        return asdict(self.settings) | {"teachers": self._files}


def _beside(own: Array, answer: Array) -> Array:
    if own.shape != answer.shape:
        raise MicroferError(
            f"the teachers tell {answer.shape[1]} classes apart and the data has {own.shape[1]}; "
            "take teachers that were trained on these classes"
        )
    return np.concatenate([own, answer], axis=1)


def softened(probabilities: Array, temperature: float) -> Array:
    """Return probabilities (b, classes) as if their logits were divided by `temperature`: p^(1/T), scaled to one."""
    powers = np.maximum(probabilities, 1e-7) ** np.float32(1 / temperature)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


class _AnyKerasModel:
    def __init__(self, model: Any) -> None:
        self._model = model

    def predict(self, inputs: Array) -> Array:
        return np.asarray(self._model.predict_on_batch(inputs), np.float32)


def _open(path: Path, precision: str) -> _Answering:
    import keras

    if not saved.is_ours(path):
        return _AnyKerasModel(open_keras_model(path))
    model, config = saved.load(path)
    if tuple(model.input_shape[1:]) != INPUT_SHAPE:
        raise MicroferError(f"the teacher {path} takes {model.input_shape}, not crops of {INPUT_SHAPE}")
    if keras.backend.backend() == "torch" and not isinstance(config, Application):
        from microfer.training.torch_network import TorchNetwork

        return TorchNetwork(model, config, precision)
    return _AnyKerasModel(model)
