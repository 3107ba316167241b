"""How a network is trained, as frozen configurations: a page to read from top to bottom."""

import json
import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from microfer.contract import NUM_CLASSES
from microfer.errors import named
from microfer.json_reader import parse
from microfer.training.augment import Augmentation


@dataclass(frozen=True)
class Recipe:
    """One way of training.

    optimizer: "adam", or "adamw" with `weight_decay` on convolution kernels only (decoupled, times the rate).
    learning_rate: the highest one; `schedule` keeps it ("constant") or lets it fall to zero ("cosine") after
        rising from zero over `warmup_epochs`.
    label_smoothing: share of each target that is spread over all classes.
    class_weights: how much images of rare classes count: each by n / (classes * images of its class) to this power. At
        0 every image counts alike, at 1 every class.
    mixup: blend each batch with itself in another order, images and targets alike, by a share drawn from
        Beta(mixup, mixup) (Zhang et al. 2018, arXiv:1710.09412); 0 blends nothing.
    average: validate and keep a moving average of the weights in place of the weights themselves; each step takes
        `1 - average` of the new ones, and more in the first steps. 0 keeps the weights.
    """

    name: str
    epochs: int
    batch_size: int
    optimizer: Literal["adam", "adamw"]
    learning_rate: float
    schedule: Literal["constant", "cosine"]
    augmentation: Augmentation
    warmup_epochs: float = 0.0
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    class_weights: float = 0.0
    mixup: float = 0.0
    average: float = 0.0

    def rate(self, epoch: float) -> float:
        """Return the learning rate after `epoch` (0..epochs, fractions count) of training."""
        if epoch < self.warmup_epochs:
            return self.learning_rate * epoch / self.warmup_epochs
        if self.schedule == "constant":
            return self.learning_rate
        done = (epoch - self.warmup_epochs) / max(self.epochs - self.warmup_epochs, 1e-9)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))

    def targets(self, labels: npt.NDArray[np.uint8], classes: int = NUM_CLASSES) -> npt.NDArray[np.float32]:
        """Return smoothed one-hot targets, float32 (n, classes), each row summing to one."""
        hard = np.eye(classes, dtype=np.float32)[labels]
        return hard * np.float32(1 - self.label_smoothing) + np.float32(self.label_smoothing / classes)

    def image_weights(self, labels: npt.NDArray[np.uint8], classes: int = NUM_CLASSES) -> npt.NDArray[np.float32]:
        """Return each image's weight in the loss, float32 (n,), mean one."""
        counts = np.bincount(labels, minlength=classes)
        of_class = (len(labels) / (classes * np.maximum(counts, 1))) ** self.class_weights
        weights = of_class[labels]
        return np.asarray(weights / weights.mean(), np.float32)

    def to_json(self) -> dict[str, Any]:
        """Return the recipe as JSON values."""
        plain: dict[str, Any] = parse(json.dumps(asdict(self)))  # tuples as lists, as a file gives them back
        return plain


# The thesis names Adam, batch 256, the class weights and the kinds of augmentation; it leaves the rate, the number of
# epochs and the amounts open. Keras' default rate and mild amounts stand in for them.
_THESIS = Recipe(
    "thesis",
    epochs=100,
    batch_size=256,
    optimizer="adam",
    learning_rate=1e-3,
    schedule="constant",
    class_weights=1.0,
    augmentation=Augmentation(rotation_deg=20, shear_deg=6, shift=0.1, zoom=0.1, flip=True),
)

# A long cosine schedule and stronger augmentation; no class weights, because they cost accuracy.
_STRONG = Recipe(
    "strong",
    epochs=120,
    batch_size=128,
    optimizer="adamw",
    learning_rate=3e-3,
    schedule="cosine",
    warmup_epochs=2,
    weight_decay=0.03,
    label_smoothing=0.1,
    augmentation=Augmentation(
        rotation_deg=12, shift=0.08, zoom=0.12, flip=True, brightness=0.1, contrast=0.25, erase_probability=0.25
    ),
)

# Twice as long, on blends of images, kept as an average of the weights: for teachers, and for students of live teachers
# (Beyer et al. 2022, arXiv:2106.05237).
_PATIENT = replace(_STRONG, name="patient", epochs=240, mixup=0.2, average=0.999)

# To go on from what "strong" has trained, with teachers that know more: half of its rate leaves that state behind, and
# the same cosine comes to rest.
_CONTINUED = replace(_STRONG, name="continued", epochs=36, learning_rate=1.5e-3, warmup_epochs=0.5)

# To go on from what "strong" has trained, at a rate that keeps most of it: every class counts alike now, which costs
# accuracy and buys recall of the rare ones; their precision falls as much. The other one goes half of that way.
_BALANCED = replace(_STRONG, name="balanced", epochs=24, learning_rate=6e-4, warmup_epochs=0.5, class_weights=1.0)
_HALF_BALANCED = replace(_BALANCED, name="half-balanced", class_weights=0.5)

RECIPES = {recipe.name: recipe for recipe in (_THESIS, _STRONG, _PATIENT, _CONTINUED, _BALANCED, _HALF_BALANCED)}


def recipe(name: str) -> Recipe:
    """Return the recipe called `name`.

    Raises:
        MicroferError: there is none, with the names that there are.
    """
    return named(RECIPES, name, "recipe")
