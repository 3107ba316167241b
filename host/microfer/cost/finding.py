"""What the lint says of a network."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One finding.

    rule: its name. operator: index, None for the whole network. is_error: the board would fail or compute wrongly.
    problem, fix: sentences. instructions, bytes: what it costs in an invoke; 0 where it costs none of that.
    """

    rule: str
    operator: int | None
    is_error: bool
    problem: str
    fix: str
    instructions: float = 0.0
    bytes: int = 0
