"""The networks that microfer trains, each a frozen configuration.

Sources: SqueezeNet and its simple bypass, Iandola et al. 2016 (arXiv:1602.07360); the customisation, Zima 2024 (the
thesis that the README cites). Widths are SqueezeNet v1.0's; the original takes 224x224x3, these take the 48x48x1 crop.
"""

import json
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from microfer.contract import LABELS, InputLayout
from microfer.errors import MicroferError, named
from microfer.json_reader import JsonError, Length, Range, parse, typed
from microfer.model.limits import Blocks, Filters, Kernel, Labels, Name, Rate, Stride, without_usual_labels


@dataclass(frozen=True)
class SqueezeNet:
    """A SqueezeNet for the 48x48 gray crop: stem, max pool, fire modules, 1x1 classifier, global average, softmax.

    name: the preset's name.
    fires: (squeeze, expand) filters of each fire module, whose output has 2 * expand channels; where channels were
        pruned (squeeze, expand1x1, expand3x3).
    pool_after: fire modules, counted from 1, that a 3x3 max pool of stride 2 follows.
    bypass: add a fire module's input to its output wherever the channel counts match; or in the modules counted here.
    norm: convolutions that batch normalization follows: none, the squeeze ones, or all but the classifier.
    fire_dropout: dropout rate after each convolution of a fire module.
    head_dropout: dropout rate before the classifier.
    activation_limit: upper bound of every ReLU, or None. A bound keeps int8 ranges narrow where bypasses add up.
    classifier_relu: ReLU on the class maps, as in the original.
    stem_filters, stem_kernel: the first convolution, padded alike on all four sides because an uneven
        padding is computed wrongly by some ESP-NN releases (esp-nn issue 31).
    stem_stride, stem_pool: stride of the stem, and whether the first max pool follows it.
    pool_kernel, pool_valid: side of the max pools' windows; padded to "same" unless `pool_valid`. Even padding needs
        odd maps under a window of 3, or a window of 2.
    average_first: average the maps before the classifier, not its maps after it. The answer is the same, for
        the average of a linear map is the map of the average, at a fraction of the products.
    input_layout: how the crop fills the input tensor, see `microfer.contract`.
    labels: the classes that it tells apart, in the order of its outputs.
    """

    name: Name
    fires: Annotated[tuple[Annotated[tuple[Filters, ...], Length(2, 3)], ...], Blocks]
    pool_after: tuple[int, ...]
    bypass: bool | tuple[int, ...] = False
    norm: Literal["none", "squeeze", "all"] = "none"
    fire_dropout: Rate = 0.0
    head_dropout: Rate = 0.0
    activation_limit: Annotated[float, Range(0.1, 1000)] | None = None
    classifier_relu: bool = False
    stem_filters: Filters = 96
    stem_kernel: Kernel = 7
    stem_stride: Stride = 2
    stem_pool: bool = True
    pool_kernel: Kernel = 3
    pool_valid: bool = False
    average_first: bool = False
    input_layout: InputLayout = "plain"
    labels: Labels = LABELS

    def fire(self, number: int) -> tuple[int, int, int]:
        """Return the squeeze, expand1x1 and expand3x3 filters of a fire module, counted from 1."""
        squeeze, *expand = self.fires[number - 1]
        return squeeze, expand[0], expand[-1]

    def bypasses(self, number: int) -> bool:
        """Return whether the input of a fire module, counted from 1, is added to its output."""
        if isinstance(self.bypass, tuple):
            return number in self.bypass
        channels = sum(self.fire(number - 1)[1:]) if number > 1 else self.stem_filters
        return self.bypass and channels == sum(self.fire(number)[1:])

    def to_json(self) -> dict[str, Any]:
        """Return the configuration as JSON values; `from_json` takes it back."""
        plain: dict[str, Any] = parse(json.dumps(asdict(self)))  # tuples as lists, as a file gives them back
        return without_usual_labels(plain)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "SqueezeNet":
        """Return the configuration that `to_json` wrote.

        Raises:
            MicroferError: a key is missing or unknown, so another version of microfer wrote it, or a value is none
                that a network can have.
        """
        try:
            return typed(values, cls)
        except JsonError as error:
            raise MicroferError(f"this network configuration is not one of this version's: {error}") from error


_ORIGINAL_FIRES = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))
_THESIS_FIRES = (*_ORIGINAL_FIRES, (64, 256), (64, 256), (64, 256))


def _for_the_chip(
    name: str,
    fires: tuple[tuple[int, int], ...],
    *,
    pool_after: tuple[int, ...],
    stem_filters: int,
    head_dropout: float,
) -> SqueezeNet:
    """Return a SqueezeNet shaped by what ESP-NN does fast on an ESP32-S3 (docs/cost-model.md, docs/s3-presets.md).

    The stem sees 4x4 places of 2x2 pixels each, whole vectors of 16. Its maps are odd, 23, 11 and 5 pixels wide, so
    that 3x3 pools of stride 2 need no padding. No 3x3 filter bank is above the 48 KiB that stay in the data cache.
    """
    return SqueezeNet(
        name,
        fires,
        pool_after,
        bypass=True,
        norm="all",
        head_dropout=head_dropout,
        activation_limit=6.0,
        stem_filters=stem_filters,
        stem_kernel=4,
        stem_stride=1,
        pool_valid=True,
        average_first=True,
        input_layout="space_to_depth_2",
    )


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
        _for_the_chip("s3", ((48, 80),) * 2 + ((48, 112),) * 4, pool_after=(2,), stem_filters=24, head_dropout=0.2),
        _for_the_chip("nano", ((32, 24),) * 2 + ((32, 80),) * 2, pool_after=(2,), stem_filters=16, head_dropout=0.0),
    )
}


def preset(name: str) -> SqueezeNet:
    """Return the preset called `name`.

    Raises:
        MicroferError: there is none, with the names that there are.
    """
    return named(PRESETS, name, "preset")
