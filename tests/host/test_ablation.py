"""The ablation: what is taken away, what is compared with what, and that nothing is trained twice."""

import json
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.host import forked

from microfer.errors import MicroferError
from microfer.model.presets import preset
from microfer.studies.accuracy.ablation import (
    FACTORS,
    WHOLE,
    Factor,
    ablation,
    ablation_figure,
    interval,
    markdown,
    variant,
)
from microfer.studies.accuracy.runs import Scored
from microfer.training.recipe import recipe

pytestmark = pytest.mark.tensorflow

ROOT = Path(__file__).parents[2]
LABELS = np.arange(70) % 7


def scored(seed: int, right: int) -> Scored:
    chosen = np.where(np.arange(70) < right, LABELS, (LABELS + 1) % 7)
    return Scored("s3", seed, 10, 1000, np.eye(7, dtype=np.float32)[chosen], None, None, 90.0)


RUNS = {
    WHOLE: [scored(0, 42), scored(1, 43), scored(2, 44)],
    "cosine": [scored(0, 41), scored(1, 41), scored(2, 41)],
    "normalization": [scored(0, 35), scored(1, 36), scored(2, 37)],
}


@pytest.mark.parametrize("name", FACTORS)
def test_without_a_factor_one_thing_differs_and_the_run_says_which(name: str) -> None:
    whole, less = variant(WHOLE, preset("s3"), 10), variant(name, preset("s3"), 10)
    assert whole == (preset("s3"), whole[1])
    assert whole[1].epochs == less[1].epochs == 10
    differing = {
        key
        for one, other in zip(map(asdict, whole), map(asdict, less), strict=True)  # type: ignore[arg-type]
        for key in one
        if one[key] != other[key]
    }
    assert len(differing - {"name"}) == 1
    assert less[1].name == f"strong without {name}"


def test_the_whole_recipe_is_the_strong_one() -> None:
    assert variant(WHOLE, preset("nano"), recipe("strong").epochs)[1] == recipe("strong")


def test_an_unknown_factor_is_refused() -> None:
    with pytest.raises(MicroferError, match="no factor is called 'luck'"):
        Factor("luck", "", "").without(preset("s3"), recipe("strong"))


def test_a_gain_is_the_mean_of_the_differences_seed_by_seed_the_largest_first() -> None:
    result = ablation(RUNS, LABELS, "s3", 10, "fer2013.csv")
    first, second = result.effects
    assert (first.name, first.gains, first.gain) == ("normalization", (pytest.approx(10),) * 3, pytest.approx(10))
    assert second.gains == pytest.approx((100 / 70, 200 / 70, 300 / 70))
    assert second.accuracy == pytest.approx(41 / 70)
    assert result.seeds == (0, 1, 2)
    assert result.minutes == pytest.approx(13.5)
    assert second.macro_f1_gain == pytest.approx(100 * (result.macro_f1 - second.macro_f1))


def test_the_interval_is_students() -> None:
    low, high = interval([1.0, 2.0, 3.0])
    assert (low, high) == (pytest.approx(2 - 4.3027 / 3**0.5, abs=1e-3), pytest.approx(2 + 4.3027 / 3**0.5, abs=1e-3))
    assert interval([1.0]) == (None, None)


def test_seeds_that_do_not_pair_up_are_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ablation({WHOLE: RUNS[WHOLE], "cosine": RUNS["cosine"][:2]}, LABELS, "s3", 10, "x")


def test_the_table_and_the_picture_tell_every_factor_and_what_stood_in_its_place() -> None:
    result = ablation(RUNS, LABELS, "s3", 10, "fer2013.csv")
    text = "\n".join(markdown(result))
    assert "| +10.00 | +10.00, +10.00, +10.00 | +10.0 to +10.0 |" in text
    assert "seeds 0, 1, 2; 9 runs, 14 minutes" in text
    (axes,) = ablation_figure(result).axes
    assert [label.get_text().split("\n")[0] for label in axes.get_yticklabels()] == ["normalization", "cosine"]
    one_seed = ablation({name: runs[:1] for name, runs in RUNS.items()}, LABELS, "s3", 10, "fer2013.csv")
    assert "| +10.00 | +10.00 | - |" in "\n".join(markdown(one_seed))
    ablation_figure(one_seed)
    document = result.to_json()
    assert json.loads(json.dumps(document))["effects"][0]["instead"] == FACTORS["normalization"].instead


def ablate(*options: Any) -> Any:
    return forked.run("host/microfer", "ablate", *options, backend="torch")


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("torch"), reason="torch is not installed")
def test_an_ablation_stopped_half_way_trains_only_what_is_missing(tmp_path: Path) -> None:
    options = ("--synthetic", "--limit", 140, "--epochs", 1, "--preset", "nano", "--seeds", 0, "--out", tmp_path)
    half = ablate(*options, "--factors", "cosine")
    assert half.returncode == 0, half.stderr
    rest = ablate(*options, "--factors", "cosine", "augmentation", "--json")
    assert rest.returncode == 0, rest.stderr
    assert rest.stderr.count("epoch   1/1") == 1
    document = json.loads(rest.stdout)
    assert {one["name"] for one in document["effects"]} == {"cosine", "augmentation"}
    assert {"ablation.json", "ablation.md", "ablation.png"} < {path.name for path in tmp_path.iterdir()}
    other = ablate(*options, "--factors", "cosine", "--epochs", 2)
    assert other.returncode == 2
    assert "checkpoint of another run" in other.stderr
