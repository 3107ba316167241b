"""Which code computes an operator on the ESP32-S3, why, and what its work is made of.

Read from the sources of esp-nn 1.2.3 (the dispatchers in src/*/*_esp32s3.c) and esp-tflite-micro 1.4.0. A path's
`work` counts how often each part of its loops runs; the fit (`scripts/generate.py costs`) finds what one turn costs.
Standard library alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

VECTOR = "vector"
PLAIN = "plain C"


@dataclass(frozen=True)
class Path:
    """How one operator is computed.

    name: of the code, such as "conv 1x1 vector"; the fit has one set of costs for each name.
    why: what in the operator's shape leads there.
    is_fast: whether it is the best code that esp-nn has for this kind of operator.
    work: part of the code -> how often it runs in one invoke. Empty where nothing is known of the operator.
    scratch_bytes: what the kernel asks of the arena beside its tensors, in the order in which it asks.
    copied_bytes: constants that are copied, or summed, anew at every invoke.
    filter_passes: how often one invoke reads the whole filter.
    least: instructions that it takes at least, for an operator that was never measured.
    runs: subgraphs that it runs, by their numbers in the file.
    """

    name: str
    why: str
    is_fast: bool
    work: Mapping[str, float] = field(default_factory=dict)
    scratch_bytes: tuple[int, ...] = ()
    copied_bytes: int = 0
    filter_passes: int = 1
    least: float = 0.0
    runs: tuple[int, ...] = ()


def round_up(value: int, unit: int) -> int:
    """Return the smallest multiple of `unit` that is not below `value`."""
    return -(-value // unit) * unit
