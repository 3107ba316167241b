"""Accuracy on PrivateTest, as those who hold that split measured it: once for each release, never to select by.

`measurements/private-scores.json` keeps what `microfer evaluate MODEL --split PrivateTest --json` printed for them.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from microfer.json_reader import Pattern, Range, read_json
from microfer.release import REPOSITORY

FILE = REPOSITORY / "measurements" / "private-scores.json"

Share = Annotated[float, Range(0, 1)]


@dataclass(frozen=True)
class PrivateScore:
    """One release on PrivateTest, int8, one view. Rates in 0..1; low, high: the 95 % interval of the accuracy."""

    sha256: Annotated[str, Pattern("[0-9a-f]{64}", "64 of 0-9, a-f")]
    accuracy: Share
    low: Share
    high: Share
    macro_f1: Share
    recall: dict[str, Share]
    correct: int
    accuracy_without_images_in_training: Share


@dataclass(frozen=True)
class _Scores:
    what: str
    duplicates_with_training: int
    releases: dict[str, PrivateScore]


def private_score(metrics: dict[str, Any]) -> PrivateScore | None:
    """Return the score of a release from its `metrics.json`, None where that very model was not scored."""
    score = read_json(FILE, _Scores).releases.get(metrics["model_id"])
    return score if score and score.sha256 == metrics["sha256"] else None
