"""What the doctor says about one thing."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How something is."""

    OK = "ok"
    WARNING = "warning"
    """It works, but something is to be mended, or to be known."""
    PROBLEM = "problem"
    """It does not work."""
    SKIPPED = "skipped"
    """It was not looked at; the text says why."""


@dataclass(frozen=True)
class Finding:
    """group: "computer", "port", "board" or "light". check: what was looked at, the same name at every run.

    text: what was found. next_step: what to do about it; never empty for a warning or a problem.
    """

    group: str
    check: str
    outcome: Outcome
    text: str
    next_step: str = ""

    def __post_init__(self) -> None:
        if self.outcome in {Outcome.WARNING, Outcome.PROBLEM} and not self.next_step:
            raise ValueError(f"{self.check} is a {self.outcome} without a next step")


class Group:
    """Makes the findings of one group."""

    def __init__(self, name: str) -> None:
        self._name = name

    def ok(self, check: str, text: str) -> Finding:
        """Return that all is well."""
        return Finding(self._name, check, Outcome.OK, text)

    def warning(self, check: str, text: str, next_step: str) -> Finding:
        """Return that something is to be mended, or to be known."""
        return Finding(self._name, check, Outcome.WARNING, text, next_step)

    def problem(self, check: str, text: str, next_step: str) -> Finding:
        """Return that something does not work."""
        return Finding(self._name, check, Outcome.PROBLEM, text, next_step)

    def skipped(self, check: str, text: str, next_step: str = "") -> Finding:
        """Return that something was not looked at, and why."""
        return Finding(self._name, check, Outcome.SKIPPED, text, next_step)


def is_healthy(findings: Iterable[Finding]) -> bool:
    """Return whether there is no problem among the findings."""
    return all(finding.outcome != Outcome.PROBLEM for finding in findings)


def to_json(findings: list[Finding]) -> dict[str, Any]:
    """Return the findings as plain values."""
    return {
        "schema": "microfer.doctor/1",
        "healthy": is_healthy(findings),
        "findings": [asdict(finding) for finding in findings],
    }
