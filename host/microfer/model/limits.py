"""The types of a configuration's values, with the bounds in which a network of this project can be.

They hold for what is read from a file: a .keras whose configuration asks for a billion filters is refused before
anything is built.
"""

from typing import Annotated

from microfer.contract import CROP_SIZE
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
