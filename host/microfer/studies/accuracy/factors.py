"""The factors of the strong recipe that an ablation takes away, one at a time."""

from dataclasses import dataclass, replace

from microfer.errors import MicroferError
from microfer.model.presets import SqueezeNet
from microfer.training.augment import Augmentation
from microfer.training.recipe import Recipe, recipe

WHOLE = "whole"
"""The name of the runs that nothing was taken away from."""


@dataclass(frozen=True)
class Factor:
    """One choice of the strong recipe and what stands in its place without it. name: also of its runs' folders."""

    name: str
    choice: str
    instead: str

    def without(self, network: SqueezeNet, training: Recipe) -> tuple[SqueezeNet, Recipe]:
        """Return network and recipe without this factor, all else as it was."""
        match self.name:
            case "normalization":
                return replace(network, norm="squeeze"), training
            case "augmentation":
                return network, replace(training, augmentation=Augmentation(flip=True))
            case "cosine":
                return network, replace(training, schedule="constant")
            case "equal-weights":
                return network, replace(training, class_weights=1.0)
        raise MicroferError(f"no factor is called {self.name!r}")


FACTORS = {
    factor.name: factor
    for factor in (
        Factor("normalization", "batch normalization after every convolution", "after the squeeze ones only"),
        Factor("augmentation", "rotation, shift, zoom, light, erasing", "mirrored images alone"),
        Factor("cosine", "the rate falls to zero along a cosine", "the rate stays after the warm-up"),
        Factor("equal-weights", "every image counts alike", "every class counts alike"),
    )
}
"""Those that promise most by what is reported elsewhere (models/ABLATION.md); the rest waits for a GPU."""


def variant(name: str, network: SqueezeNet, epochs: int) -> tuple[SqueezeNet, Recipe]:
    """Return what is trained under `name`, which is WHOLE or a factor's: the strong recipe over `epochs`, or less."""
    whole = replace(recipe("strong"), epochs=epochs)
    if name == WHOLE:
        return network, whole
    network, less = FACTORS[name].without(network, whole)
    return network, replace(less, name=f"strong without {name}")
