"""The ESP32-S3 cost model against what was measured: paths, arena, whole networks outside the fit, profiles."""

import hashlib
import json
import random
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from microfer.cost.costs import fitted
from microfer.cost.dispatch import path_of
from microfer.cost.estimate import estimate, operator_estimate
from microfer.cost.memory import Placement
from microfer.cost.planner import Buffer, height, place
from microfer.cost.profile import corrected, factors, read_profile
from microfer.cost.step import Step, steps
from microfer.errors import MicroferError
from microfer.release import MEASUREMENTS
from microfer.studies.accuracy.recorded import releases
from microfer.tflite import tflite_file

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "models" / "thesis-bn-1" / "model.tflite"
NETWORKS: list[dict[str, Any]] = json.loads((MEASUREMENTS / "s3-networks.json").read_text())["networks"]
MEASURED_ARENA = 371_068
"""arena_used_bytes() of thesis-bn-1 on the emulated chip."""


def conv(**changes: Any) -> Step:
    base = Step(
        0,
        "CONV_2D",
        (12, 12, 16),
        (12, 12, 32),
        weight_bytes=512,
        bias_bytes=128,
        filter_channels=16,
        output_elements=4608,
    )
    return replace(base, **changes)


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network["name"])
def test_networks_outside_the_fit_are_within_the_promised_errors(network: dict[str, Any]) -> None:
    kinds: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for row in network["steps"]:
        values = dict(row)
        measured = values.pop("instructions")
        path = path_of(Step.from_json(values))
        sums = kinds[values["kind"]]
        sums[0] += fitted()[path.name].instructions(path)
        sums[1] += measured
    for kind, (guess, measured) in kinds.items():
        assert guess == pytest.approx(measured, rel=0.30), kind
    assert sum(guess for guess, _ in kinds.values()) == pytest.approx(network["instructions"], rel=0.15)
    assert network["arena_estimate"] == pytest.approx(network["arena_bytes"], rel=0.05)


def test_the_released_model_takes_the_arena_that_was_measured() -> None:
    assert estimate(tflite_file.read(MODEL)).arena.used == MEASURED_ARENA


def test_the_steps_of_the_released_model_are_those_that_were_measured() -> None:
    recorded = next(network for network in NETWORKS if network["name"] == "thesis-bn")["steps"]
    kept = [{key: value for key, value in row.items() if key != "instructions"} for row in recorded]
    assert [step.to_json() for step in steps(tflite_file.read(MODEL))] == kept


def test_published_milliseconds_of_person_detection_lie_in_its_range() -> None:
    network = next(network for network in NETWORKS if network["name"] == "person_detection")
    assert 0.95 < sum(row["instructions"] for row in network["steps"]) / 10.56e6 < 1.05
    low = high = 0.0
    for row in network["steps"]:
        step = Step.from_json({key: value for key, value in row.items() if key != "instructions"})
        one = operator_estimate(step, path_of(step), Placement("internal"))
        low, high = low + one.shortest, high + one.longest
    assert low < 0.047 < high


def test_eight_channels_decide_the_pointwise_path() -> None:
    assert path_of(conv()).name == "conv 1x1 vector"
    assert path_of(conv(input=(12, 12, 15), filter_channels=15)).name == "conv 1x1 partly C"


def test_a_kernel_row_below_sixteen_values_is_gathered_window_by_window() -> None:
    stem = conv(input=(48, 48, 1), filter_channels=1, kernel=(7, 7), stride=(2, 2), before=(3, 3), after=(3, 3))
    assert path_of(stem).name == "conv window"
    assert path_of(replace(stem, input=(48, 48, 4), filter_channels=4)).name == "conv rows"


def test_scratch_of_a_padded_convolution_is_its_input_and_two_filters() -> None:
    step = conv(
        input=(24, 24, 16), output=(24, 24, 64), kernel=(3, 3), before=(1, 1), after=(1, 1), weight_bytes=9 * 16 * 64
    )
    padded, reach = 26 * 26 * 16, 26 * 26 * 16
    assert path_of(step).scratch_bytes == (padded + 9 * 16 * 64 + 3 * 48 * 64 + reach + 64 + 64 * 4,)


def test_a_filter_off_sixteen_bytes_costs_a_copy() -> None:
    step = conv(kernel=(3, 3), before=(1, 1), after=(1, 1), weight_bytes=9 * 16 * 32)
    aligned, shifted = path_of(step), path_of(replace(step, weight_offset=8))
    assert (aligned.copied_bytes, shifted.copied_bytes) == (0, 9 * 16 * 32)
    costs = fitted()["conv rows"]
    assert costs.instructions(shifted) > costs.instructions(aligned)


def test_an_operator_that_was_never_measured_is_named_and_not_zero() -> None:
    step = Step(0, "TRANSPOSE_CONV", (6, 6, 8), (12, 12, 8))
    assert path_of(step).name == "unknown"
    assert not path_of(step).work
    assert path_of(conv(all_int8=False)).name == "unknown"


def test_two_images_cost_twice_as_much_as_one() -> None:
    one, two = conv(), conv(batch=2)
    costs = fitted()["conv 1x1 vector"]
    assert costs.instructions(path_of(two)) == pytest.approx(2 * costs.instructions(path_of(one)))
    assert two.macs == 2 * one.macs


def test_buffers_that_live_together_never_overlap() -> None:
    buffers = [Buffer(16 * (1 + n * 7 % 5), n % 4, n % 4 + n % 3) for n in range(24)]
    offsets = place(buffers)
    for n, (one, at) in enumerate(zip(buffers, offsets, strict=True)):
        for other, there in list(zip(buffers, offsets, strict=True))[:n]:
            together = one.first <= other.last and other.first <= one.last
            assert not together or at + one.size <= there or there + other.size <= at
    assert height(buffers, offsets) <= sum(buffer.size for buffer in buffers)


def test_windows_are_counted_as_one_by_one() -> None:
    source = random.Random(5)
    for _ in range(500):
        size, places, kernel = (source.randint(1, top) for top in (20, 20, 7))
        dilation, stride, before = source.randint(1, 3), source.randint(1, 4), source.randint(0, 6)
        step = Step(
            *(0, "CONV_2D", (size, 1, 1), (places, 1, 1), (kernel, 1), (stride, 1), (dilation, 1), (before, 0), (0, 0))
        )
        reach = range(0, kernel * dilation, dilation)
        starts = [place * stride - before for place in range(places)]
        inside = [sum(0 <= start + tap < size for tap in reach) for start in starts]
        assert step.taps == sum(inside)
        assert step.edge_pixels == places - sum(count == kernel for count in inside)


def test_uneven_padding_counts_only_positions_inside_the_input() -> None:
    step = conv(input=(4, 4, 16), output=(2, 2, 32), kernel=(3, 3), stride=(2, 2), before=(0, 0), after=(1, 1))
    assert step.is_padded_unevenly
    assert step.taps == (3 + 2) * (3 + 2)
    assert step.edge_pixels == 3


def profile_of(model: bytes, names: list[str], folder: Path, **changes: Any) -> Path:
    document = {
        "format_version": 1,
        "model_sha256": hashlib.sha256(model).hexdigest(),
        "unit": "us",
        "operators": [{"name": name, "value": 1000} for name in names],
    }
    path = folder / "profile.json"
    path.write_text(json.dumps({**document, **changes}))
    return path


def test_a_profile_of_the_model_replaces_its_estimates(tmp_path: Path) -> None:
    model = tflite_file.read(MODEL)
    names = [operator.name for operator in model.operators]
    profile = read_profile(profile_of(model.content, names, tmp_path))
    network = corrected(estimate(model), model, profile)
    assert network.shortest == network.longest == pytest.approx(len(names) * 1e-3)
    assert all(one.is_measured for one in network.operators)


def test_a_profile_of_another_model_corrects_path_by_path(tmp_path: Path) -> None:
    model = tflite_file.read(MODEL)
    before = estimate(model)
    path = profile_of(b"another", [], tmp_path, paths={"conv rows": 2.0})
    after = corrected(estimate(model), model, read_profile(path))
    for one, other in zip(before.operators, after.operators, strict=True):
        middle = (other.shortest + other.longest) / 2
        factor = 2.0 if one.path.name == "conv rows" else None
        assert factor is None or middle == pytest.approx(one.shortest * factor)


def test_factors_are_measured_time_over_an_instruction_a_tick(tmp_path: Path) -> None:
    model = tflite_file.read(MODEL)
    network = estimate(model)
    rows = [{"name": one.step.kind, "value": 1.5 * (one.instructions or 0)} for one in network.operators]
    path = profile_of(model.content, [], tmp_path, unit="ticks", operators=rows)
    assert set(factors(read_profile(path), network.operators).values()) == {1.5}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"unit": "hours"}, "is not a profile"),
        ({"unit": []}, "is not a profile"),
        ({"operators": [{"name": "CONV_2D", "value": 10**400}]}, "is not a profile"),
        ({"operators": [{"name": "CONV_2D", "value": "1"}]}, "is not a profile"),
        ({"operators": [{"name": ["CONV_2D"], "value": 1}]}, "is not a profile"),
        ({"operators": {"name": 1}}, "is not a profile"),
        ({"paths": {"conv rows": 10**400}}, "is not a profile"),
        ({"model_sha256": 7}, "is not a profile"),
        ({"format_version": 2}, "this version reads format 1"),
        ({"operators": [{"name": "ADD", "value": 0}]}, "is not above 0"),
        ({"measured_on": {"board": "eye"}}, "is not a profile"),
        ({"measured_on": {"network_us": "long"}}, "is not a profile"),
        ({"paths": ["conv rows"]}, "is not a profile"),
        ({"operators": [{"name": "ADD", "value": 1}]}, "the first difference at 0"),
        ({"model_sha256": "00"}, "has no factors"),
    ],
)
def test_a_profile_that_does_not_fit_is_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    model = tflite_file.read(MODEL)
    names = [operator.name for operator in model.operators]
    with pytest.raises(MicroferError, match=message):
        corrected(estimate(model), model, read_profile(profile_of(model.content, names, tmp_path, **changes)))


@pytest.mark.parametrize("content", ["", "[1]", "{", '"us"'])
def test_a_file_that_is_no_json_object_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "profile.json").write_text(content)
    with pytest.raises(MicroferError, match=r"profile\.json is not a profile.*docs/cost-model\.md"):
        read_profile(tmp_path / "profile.json")


def test_the_command_prints_json_and_draws_a_chart(tmp_path: Path) -> None:
    command = [sys.executable, "host/profile_s3.py", MODEL, "--json", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    document = json.loads(done.stdout)
    assert document["instructions"] == pytest.approx(34.5e6, rel=0.02)
    assert document["arena"]["used_bytes"] == MEASURED_ARENA
    assert len(document["operators"]) == 59
    assert (tmp_path / "profile.png").read_bytes().startswith(b"\x89PNG")


def test_a_released_network_is_compared_with_its_accuracy() -> None:
    command = [sys.executable, "host/microfer", "compare-s3", "thesis-bn", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    (row,) = json.loads(done.stdout)
    metrics = json.loads((releases()["thesis-bn"].path.parent / "metrics.json").read_text())
    assert row["accuracy"] == metrics["int8"]["accuracy"]
    assert row["arena_in"] == "PSRAM"
    assert row["milliseconds"][0] < row["milliseconds"][1]


def test_an_unknown_network_is_refused_with_the_names_there_are() -> None:
    command = [sys.executable, "host/microfer", "compare-s3", "nothing"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "thesis-bn" in done.stderr


def test_the_cost_model_needs_the_standard_library_alone() -> None:
    code = (
        "import sys; sys.path.insert(0, 'host')\n"
        "from microfer.tflite import tflite_file\n"
        "from microfer.cost.estimate import estimate\n"
        "from microfer.cost.lint import lint\n"
        f"assert lint(estimate(tflite_file.read({str(MODEL)!r})))\n"
    )
    subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, check=True)
