"""A model's scores on one split, with what they were measured on: for the terminal, JSON and the model card."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from microfer.data.audit import also_in
from microfer.data.dataset import Dataset
from microfer.metrics.metrics import Metrics, classification_metrics

SCHEMA = "microfer.evaluation/1"
"""Names the JSON's layout; a key that changes its meaning or goes away makes it /2."""


@dataclass(frozen=True)
class Evaluation:
    """Metrics on all images of a split, and on those of which Training has no exact copy.

    repeated: images that are also in Training, pixel for pixel; None where Training was not there to compare.
    unseen: the metrics without them; None also where nothing else remains.
    """

    whole: Metrics
    repeated: int | None
    unseen: Metrics | None

    def to_json(self) -> dict[str, Any]:
        """Return plain values, `schema` first."""
        return {
            "schema": SCHEMA,
            **self.whole.to_json(),
            "images_also_in_training": self.repeated,
            "without_images_also_in_training": self.unseen.to_json() if self.unseen else None,
        }


def evaluate(probabilities: npt.NDArray[np.floating[Any]], test: Dataset, training: Dataset | None) -> Evaluation:
    """Return how well `probabilities`, float (n, classes), fit the labels of `test`.

    training: the images that the model learned from; None, or an empty set, where they are not at hand. With `test`
        itself being the training split, nothing is left as unseen.

    Raises:
        MicroferError: there is no image, or a probability is not a number.
    """
    whole = classification_metrics(probabilities, test.labels, test.classes)
    if training is None or len(training) == 0:
        return Evaluation(whole, None, None)
    repeated = also_in(test, training)
    if repeated.all():
        return Evaluation(whole, len(test), None)
    unseen = classification_metrics(probabilities[~repeated], test.labels[~repeated], test.classes)
    return Evaluation(whole, int(repeated.sum()), unseen)
