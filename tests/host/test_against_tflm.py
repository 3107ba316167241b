"""Lint, multiply-accumulates and arena against TFLM itself, on random networks: nothing said may contradict it."""

from collections import Counter

import pytest
from tests.host.random_graphs import RandomGraph, make

from microfer.cost.arena import host_planned
from microfer.cost.document import document
from microfer.cost.estimate import estimate, plans
from microfer.cost.faults import REFUSED
from microfer.cost.lint import lint
from microfer.runtimes.judge import judge_all
from microfer.runtimes.runners import has_tflm
from microfer.tflite.graph import TfliteModel
from microfer.tflite.tflite_file import read
from microfer.tflite.verdict import Verdict

pytestmark = pytest.mark.skipif(not has_tflm(), reason="tflite-micro has no wheel for this machine")

FEW, MANY, AT_ONCE = 100, 2500, 250
HOST_RECORDS = 512


def contradictions(made: RandomGraph, model: TfliteModel, verdict: Verdict) -> list[str]:
    """Return where what is said of a network and what TFLM does with it differ."""
    alone, asked = estimate(model), estimate(model, verdict=verdict)
    found = []
    if asked.macs != made.macs:
        found.append(f"{asked.macs} multiply-accumulates, the generator counts {made.macs}")
    without = [finding for finding in lint(alone) if finding.rule == REFUSED]
    if without and verdict.refused is None:
        found.append(f"said to be refused ({without[0].problem}), and TFLM runs it")
    if verdict.refused is not None:
        errors = [finding for finding in lint(asked, verdict=verdict) if finding.is_error]
        return found if errors else [*found, f"no error of the lint, and TFLM says: {verdict.refused}"]
    planned = host_planned(model, plans(model))
    if planned != verdict.head_bytes:
        found.append(f"{planned} bytes planned for a computer, TFLM takes {verdict.head_bytes}")
    if asked.arena.planned < verdict.head_bytes:
        found.append(
            f"{asked.arena.planned} bytes planned, less than the {verdict.head_bytes} without ESP-NN's scratch"
        )
    if alone.arena.kept > verdict.tail_bytes:
        found.append(f"{alone.arena.kept} bytes kept on the chip, more than the {verdict.tail_bytes} on a computer")
    if asked.arena.kept < (verdict.tail_bytes - HOST_RECORDS) // 2:
        found.append(f"{asked.arena.kept} bytes kept, less than half of TFLM's {verdict.tail_bytes}")
    if alone.arena.is_exact and not asked.arena.is_exact:
        found.append(f"an arena called exact is not: {asked.arena.unknown}")
    if (asked.longest is None) != bool(asked.unknown):
        found.append("an upper limit of time with operators that nobody counted, or none without such")
    return found


def compared(seeds: range) -> Counter[str]:
    """Compare the networks of some seeds; return how many were refused, exact and otherwise. Raises on a difference."""
    made = [make(seed) for seed in seeds]
    models = [read(one.graph.build(), f"seed {seed}") for seed, one in zip(seeds, made, strict=True)]
    verdicts = judge_all([model.content for model in models])
    seen: Counter[str] = Counter()
    wrong = []
    for one, model, verdict in zip(made, models, verdicts, strict=True):
        wrong += [f"{model.name} ({one.style}): {text}" for text in contradictions(one, model, verdict)]
        network = estimate(model, verdict=verdict)
        assert document(network, lint(network, verdict=verdict), verdict=verdict)["macs"] == one.macs
        seen["refused" if verdict.refused else "exact" if network.arena.is_exact else "at least"] += 1
        seen[one.style] += 1
    assert not wrong, "\n".join(wrong)
    return seen


def test_a_hundred_random_networks_contradict_tflm_in_nothing() -> None:
    seen = compared(range(FEW))
    assert min(seen["refused"], seen["exact"], seen["at least"]) >= FEW // 10
    assert min(seen[style] for style in ("int8", "float", "int16", "hybrid", "uint8", "float16")) >= 1


@pytest.mark.soak
@pytest.mark.parametrize("start", range(FEW, MANY, AT_ONCE))
def test_thousands_of_random_networks_contradict_tflm_in_nothing(start: int) -> None:
    seen = compared(range(start, min(start + AT_ONCE, MANY)))
    print(f"\nseeds from {start}: {dict(seen)}")
