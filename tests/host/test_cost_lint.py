"""What the lint finds in a network, what it says that costs, and what it leaves alone."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from microfer.cost.arena import Arena
from microfer.cost.dispatch import path_of
from microfer.cost.estimate import Estimate, operator_estimate
from microfer.cost.faults import Finding, pinned
from microfer.cost.lint import lint
from microfer.cost.memory import Placement
from microfer.cost.step import Step
from microfer.errors import MicroferError
from microfer.release import MANIFEST

ROOT = Path(__file__).parents[2]
THESIS = "models/thesis-bn-1/model.tflite"
CLEAN = Step(
    0,
    "CONV_2D",
    (12, 12, 16),
    (12, 12, 32),
    kernel=(3, 3),
    before=(1, 1),
    after=(1, 1),
    filter_channels=16,
    weight_bytes=9 * 16 * 32,
    bias_bytes=128,
    input_elements=12 * 12 * 16,
    output_elements=12 * 12 * 32,
)
PINS = {"esp-nn": "1.2.3", "esp-tflite-micro": "1.4.0"}


def network(*steps: Step, arena_bytes: int = 100_000) -> Estimate:
    placement = Placement("internal")
    operators = tuple(operator_estimate(step, path_of(step), placement) for step in steps)
    arena = Arena(arena_bytes, arena_bytes, 0, arena_bytes, 0, 0)
    return Estimate("test", operators, arena, placement, 0)


def only(findings: tuple[Finding, ...]) -> Finding:
    assert len(findings) == 1, [finding.rule for finding in findings]
    return findings[0]


def conv(**changes: Any) -> Step:
    return replace(CLEAN, **changes)


def test_a_network_on_the_fast_paths_has_no_finding() -> None:
    pool = Step(
        1, "AVERAGE_POOL_2D", (12, 12, 32), (1, 1, 32), kernel=(12, 12), input_elements=4608, output_elements=32
    )
    pointwise = conv(kernel=(1, 1), before=(0, 0), after=(0, 0), weight_bytes=512)
    assert lint(network(CLEAN, pointwise, pool), PINS) == ()


def test_channels_off_the_fast_path_say_how_many_would_cost_less() -> None:
    step = conv(input=(12, 12, 14), filter_channels=14, kernel=(1, 1), before=(0, 0), after=(0, 0), weight_bytes=448)
    finding = only(lint(network(step), PINS))
    assert finding.rule == "channels off the fast path"
    assert "16 instead of 14" in finding.fix
    assert finding.instructions > 0


def test_a_copied_filter_is_found_with_its_bytes() -> None:
    step = conv(weight_offset=8, weight_bytes=9 * 16 * 256, output=(12, 12, 256))
    finding = only(lint(network(step), PINS))
    assert (finding.rule, finding.bytes) == ("filter copied at every invoke", 9 * 16 * 256)
    assert finding.instructions > 0


@pytest.mark.parametrize(("pixels", "times"), [(1, 0), (2, 1), (3, 2)])
def test_a_filter_beyond_the_cache_that_is_read_twice_is_read_once_too_often(pixels: int, times: int) -> None:
    pointwise = {"kernel": (1, 1), "before": (0, 0), "after": (0, 0), "filter_channels": 256, "weight_bytes": 256 * 512}
    step = conv(input=(1, pixels, 256), output=(1, pixels, 512), **pointwise)
    found = [one.bytes for one in lint(network(step)) if one.rule == "filter beyond the data cache"]
    assert found == [256 * 512 * times] * (times > 0)


def test_a_filter_beyond_the_cache_is_read_for_every_pixel() -> None:
    step = conv(output=(12, 12, 512), weight_bytes=9 * 16 * 512)
    finding = only(lint(network(step), PINS))
    assert (finding.rule, finding.bytes) == ("filter beyond the data cache", 9 * 16 * 512 * 143)


def test_a_one_channel_stem_is_found_with_what_regrouping_saves() -> None:
    stem = conv(input=(48, 48, 1), output=(48, 48, 8), filter_channels=1, weight_bytes=72)
    finding = only(lint(network(stem), PINS))
    assert finding.rule == "one-channel stem"
    assert finding.instructions > 1_000_000


def test_mean_over_an_image_is_found_and_mean_over_channels_is_not() -> None:
    mean = Step(0, "MEAN", (6, 6, 64), (1, 1, 64), input_elements=2304, output_elements=64)
    finding = only(lint(network(mean), PINS))
    assert finding.rule == "MEAN instead of AVERAGE_POOL_2D"
    assert finding.instructions > 0
    assert lint(network(replace(mean, output=(6, 6, 1), output_elements=36)), PINS) == ()


@pytest.mark.parametrize(
    ("kernel", "version", "is_error"),
    [((3, 3), "1.2.3", False), ((5, 5), "1.2.3", True), ((7, 7), "1.2.3", True), ((3, 3), "1.2.0", True)],
)
def test_uneven_padding_is_wrong_by_kernel_and_release(kernel: tuple[int, int], version: str, is_error: bool) -> None:
    half = kernel[0] // 2
    step = conv(kernel=kernel, stride=(2, 2), output=(6, 6, 32), before=(half - 1,) * 2, after=(half,) * 2)
    found = [one for one in lint(network(step), {**PINS, "esp-nn": version}) if one.rule == "asymmetric SAME padding"]
    assert [one.is_error for one in found] == [is_error]


def test_faults_of_a_release_are_not_claimed_of_a_newer_one() -> None:
    newer = {"esp-nn": "1.5.0", "esp-tflite-micro": "1.4.3"}
    step = conv(kernel=(5, 5), stride=(2, 2), before=(1, 1), after=(2, 2), bias_bytes=0)
    known, unknown = (lint(network(step), components) for components in (PINS, newer))
    rules = ("asymmetric SAME padding", "convolution without a bias")
    assert [one.is_error for one in known if one.rule in rules] == [True, True]
    later = [one for one in unknown if one.rule in rules]
    assert [one.is_error for one in later] == [False, False]
    assert any("1.5.0 is not known" in one.problem for one in later)
    assert any("nobody looked at 1.4.3" in one.problem for one in later)


def test_an_operator_that_tflm_lacks_is_an_error_and_comes_first() -> None:
    missing = Step(1, "BUILTIN_69", (1, 1, 7), (1, 1, 7))
    stem = conv(input=(48, 48, 1), output=(48, 48, 8), filter_channels=1, weight_bytes=72)
    findings = lint(network(stem, missing), PINS)
    assert [finding.rule for finding in findings] == ["operator without a kernel", "one-channel stem"]
    assert findings[0].is_error


@pytest.mark.parametrize(
    ("changes", "rule"),
    [({"filter_channels": 8}, "grouped convolution"), ({"bias_bytes": 0}, "convolution without a bias")],
)
def test_what_makes_the_kernel_abort_is_an_error(changes: dict[str, Any], rule: str) -> None:
    assert (rule, True) in [(finding.rule, finding.is_error) for finding in lint(network(conv(**changes)), PINS)]


def test_an_arena_beyond_internal_ram_names_the_fullest_operator() -> None:
    finding = only(lint(network(CLEAN, arena_bytes=400_000), PINS))
    assert finding.rule == "arena beyond internal RAM"
    assert "CONV_2D 0" in finding.problem


def test_a_release_that_leaves_esp_nn_unused_is_an_error() -> None:
    rules = [finding.rule for finding in lint(network(CLEAN), {**PINS, "esp-tflite-micro": "1.3.5"})]
    assert rules == ["release that leaves ESP-NN unused", "costs of another release"]


def test_the_firmwares_pins_are_read_and_are_those_that_were_measured() -> None:
    pins = pinned(MANIFEST)
    assert {name: pins[name] for name in PINS} == PINS


def test_a_version_that_is_a_range_is_refused() -> None:
    with pytest.raises(MicroferError, match="pin one exactly"):
        lint(network(CLEAN), {**PINS, "esp-nn": ">=1.2"})


def test_a_strict_export_of_a_model_with_findings_writes_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "host/export_tflm.py", THESIS, "--strict", "--out", str(tmp_path / "generated")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "arena beyond internal RAM" in done.stderr
    assert not (tmp_path / "generated").exists()


def test_a_strict_export_of_the_default_model_finds_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "host/export_tflm.py", "--strict", "--json", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["findings"] == []
    assert (tmp_path / "contract.h").exists()


def test_an_export_reports_the_findings_and_still_writes(tmp_path: Path) -> None:
    command = [sys.executable, "host/export_tflm.py", THESIS, "--json", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    findings = json.loads(done.stdout)["findings"]
    rules = {finding["rule"] for finding in findings}
    # The firmware's own kernels compute every convolution of this model, and no MEAN.
    assert {finding["operator"] for finding in findings if not finding["with_esp_nn_alone"]} == {57}
    assert {"one-channel stem", "MEAN instead of AVERAGE_POOL_2D", "arena beyond internal RAM"} <= rules
    assert (tmp_path / "contract.h").exists()
