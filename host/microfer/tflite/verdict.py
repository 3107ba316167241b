"""What TFLM on this computer made of a .tflite: `runtimes.judge` asks it, lint and arena take its word."""

import re
from dataclasses import dataclass

_NODE = re.compile(r"Node (\S+) \(number (\d+)")


@dataclass(frozen=True)
class Verdict:
    """TFLM prepared the network and ran it once on zeros, or said why not.

    refused: its own words, one line; None where it ran. at: "start" or "run", where it refused.
    head_bytes: of the arena, tensors and scratch, with reference kernels. tail_bytes: its records, 64 bits wide, and
        variables. Both 0 where it refused.
    """

    refused: str | None = None
    at: str = ""
    head_bytes: int = 0
    tail_bytes: int = 0

    @property
    def operator(self) -> int | None:
        """The index of the operator that was refused; None where TFLM did not name one of the first subgraph."""
        found = _NODE.search(self.refused or "")
        return int(found[2]) if found else None
