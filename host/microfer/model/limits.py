"""The types of a configuration's values, with the bounds in which a network of this project can be.

They hold for what is read from a file: a .keras whose configuration asks for a billion filters is refused before
anything is built.
"""

from typing import Annotated, Any

from microfer.contract import CROP_SIZE, LABEL_PATTERN, LABELS, LONGEST_LABEL, MAX_CLASSES, MIN_CLASSES
from microfer.json_reader import Length, Pattern, Range

MOST_PARAMETERS = 64_000_000
"""Twice those of the largest network here, vgg16."""

Name = Annotated[str, Pattern("[A-Za-z0-9][A-Za-z0-9._+-]{0,62}", "1 to 63 letters, digits and ._+-")]
Filters = Annotated[int, Range(1, 4096)]
Kernel = Annotated[int, Range(1, CROP_SIZE)]
Stride = Annotated[int, Range(1, CROP_SIZE)]
Rate = Annotated[float, Range(0.0, 0.95)]
"""The share that a dropout leaves out."""

Blocks = Length(1, 64)
"""How many modules, stages or layers follow each other."""

Labels = Annotated[
    tuple[Annotated[str, Pattern(LABEL_PATTERN, f"1 to {LONGEST_LABEL} of a-z, 0-9, ' ', '_', '-'")], ...],
    Length(MIN_CLASSES, MAX_CLASSES),
]
"""The classes' names, in the order of the outputs."""


def without_usual_labels(values: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration's JSON values without the labels where these are `contract.LABELS`.

    So what was written before networks had labels of their own reads and compares as ever.
    """
    return {key: value for key, value in values.items() if key != "labels" or tuple(value) != LABELS}
