"""What a model must keep to, and the verdict on each limit. Imports nothing heavy, for the commands' options."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["passed", "failed", "not judged", "not run"]


@dataclass(frozen=True)
class Limits:
    """What a model must keep to. A value equal to its limit still passes.

    The first two are about a whole split. Where only a part of it was run, the interval of the whole split's value is
    judged: with the limit inside it, the verdict is "not judged". Equality of bits is judged on any images alike.

    drop_points: the most that int8 may lose against float, in points of accuracy (percent of the images).
    agreement: the least share of images, in [0, 1], on which float and int8 put the same class first.
    mismatches: the most images on which TFLM may differ from LiteRT's reference kernels.
    """

    drop_points: float = 0.5
    agreement: float = 0.98
    mismatches: int = 0


@dataclass(frozen=True)
class Judgement:
    """One limit, judged: its command-line option, the verdict, and a sentence where that is not "passed"."""

    option: str
    verdict: Verdict
    reason: str = ""


def verdict_of(judged: Sequence[Judgement]) -> Verdict:
    """Return the verdict on several limits together: one that is exceeded decides, then one that is not judged."""
    verdicts = {one.verdict for one in judged}
    return "failed" if "failed" in verdicts else "not judged" if "not judged" in verdicts else "passed"


def judge_value(
    option: str, found: str, limit: str, interval: str | None, *, is_kept: bool, is_exceeded: bool
) -> Judgement:
    """Return the verdict on one limit. interval: of the whole split's value, None where that is known."""
    if is_kept:
        return Judgement(option, "passed")
    whole = f"{found}; on the whole split it is {interval} (95 % interval)" if interval else found
    if is_exceeded:
        return Judgement(option, "failed", f"{whole}; the limit is {limit} ({option})")
    return Judgement(
        option, "not judged", f"{whole}, too wide to judge the limit of {limit} ({option}): use more images"
    )


def faults_of(judged: Sequence[Judgement]) -> tuple[str, ...]:
    """Return the sentences of the limits that are exceeded."""
    return tuple(one.reason for one in judged if one.verdict == "failed")
