"""The loss of a training step, for every framework: of labels alone, or of labels and what teachers answer."""

from collections.abc import Callable
from typing import Any

from microfer.training.distill import Distillation


def split_targets(targets: Any, logits: Any = None) -> tuple[Any, Any]:
    """Return the labels' and the teachers' part of what `Teachers.targets` gave, of any framework's arrays.

    logits: the student's, which tell the number of classes where the targets may have no teachers' part.
    """
    classes = int(targets.shape[1] // 2 if logits is None else logits.shape[1])
    return targets[:, :classes], targets[:, classes:]


def loss(settings: Distillation | None, targets: Any, logits: Any, cross_entropy: Callable[[Any, Any], Any]) -> Any:
    """Return each image's loss, (b,), by any framework's `cross_entropy` of probabilities and logits, (b, classes).

    targets: (b, classes), or what `Teachers.targets` gave where `settings` say how teachers are followed.
    """
    own, teachers = split_targets(targets, logits)
    plain = cross_entropy(own, logits)
    if settings is None:
        return plain
    followed = cross_entropy(teachers, logits / settings.temperature) * settings.temperature**2
    return (1 - settings.weight) * plain + settings.weight * followed
