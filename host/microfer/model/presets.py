"""The networks that microfer trains, each a frozen configuration.

Sources: SqueezeNet and its simple bypass, Iandola et al. 2016 (arXiv:1602.07360); the customisation, Zima 2024 (the
thesis that the README cites). Widths are SqueezeNet v1.0's; the original takes 224x224x3, these take the 48x48x1 crop.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from microfer.errors import MicroferError


@dataclass(frozen=True)
class SqueezeNet:
    """A SqueezeNet for the 48x48 gray crop: stem, max pool, fire modules, 1x1 classifier, global average, softmax.

    name: the preset's name.
    fires: (squeeze, expand) filters of each fire module; its output has 2 * expand channels.
    pool_after: fire modules, counted from 1, that a 3x3 max pool of stride 2 follows.
    bypass: add a fire module's input to its output wherever the channel counts match.
    norm: convolutions that batch normalization follows: none, the squeeze ones, or all but the classifier.
    fire_dropout: dropout rate after each convolution of a fire module.
    head_dropout: dropout rate before the classifier.
    activation_limit: upper bound of every ReLU, or None. A bound keeps int8 ranges narrow where bypasses add up.
    classifier_relu: ReLU on the seven class maps, as in the original.
    stem_filters, stem_kernel: the first convolution, of stride 2, padded alike on all four sides because an uneven
        padding is computed wrongly by some ESP-NN releases (esp-nn issue 31).
    input_layout: how the crop fills the input tensor; "plain" is (48, 48, 1), row by row.
    """

    name: str
    fires: tuple[tuple[int, int], ...]
    pool_after: tuple[int, ...]
    bypass: bool = False
    norm: Literal["none", "squeeze", "all"] = "none"
    fire_dropout: float = 0.0
    head_dropout: float = 0.0
    activation_limit: float | None = None
    classifier_relu: bool = False
    stem_filters: int = 96
    stem_kernel: int = 7
    input_layout: Literal["plain"] = "plain"

    def to_json(self) -> dict[str, Any]:
        """Return the configuration as JSON values; `from_json` takes it back."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))  # tuples as lists, as a file gives them back
        return plain

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "SqueezeNet":
        """Return the configuration that `to_json` wrote.

        Raises:
            MicroferError: a key is missing or unknown, so another version of microfer wrote it.
        """
        try:
            lists_as_tuples = {
                "fires": tuple((int(squeeze), int(expand)) for squeeze, expand in values["fires"]),
                "pool_after": tuple(int(module) for module in values["pool_after"]),
            }
            return cls(**{**values, **lists_as_tuples})
        except (KeyError, TypeError, ValueError) as error:
            raise MicroferError(f"this network configuration is not one of this version's: {error}") from error


_ORIGINAL_FIRES = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
_THESIS_FIRES = (*_ORIGINAL_FIRES, (64, 256), (64, 256), (64, 256))

PRESETS = {
    preset.name: preset
    for preset in (
        SqueezeNet("squeezenet", _ORIGINAL_FIRES, pool_after=(3, 7), head_dropout=0.5, classifier_relu=True),
        SqueezeNet(
            "squeezenet-bypass", _ORIGINAL_FIRES, pool_after=(3, 7), bypass=True, head_dropout=0.5, classifier_relu=True
        ),
        SqueezeNet("thesis", _THESIS_FIRES, pool_after=(3, 7), bypass=True, norm="squeeze", fire_dropout=0.2),
        SqueezeNet(
            "thesis-bn",
            _THESIS_FIRES,
            pool_after=(3, 7),
            bypass=True,
            norm="all",
            head_dropout=0.3,
            activation_limit=6.0,
        ),
    )
}


def preset(name: str) -> SqueezeNet:
    """Return the preset called `name`.

    Raises:
        MicroferError: there is none, with the names that there are.
    """
    if name not in PRESETS:
        raise MicroferError(f"no preset is called {name!r}; there are: {', '.join(PRESETS)}")
    return PRESETS[name]
