"""The firmware's core against inputs that libFuzzer makes up; see README.md beside this.

pytest tests/fuzz --soak -s     for MICROFER_SOAK_S seconds each, ten minutes where that is not set, with figures
"""

import os
import re

import pytest
from tests.fuzz import fuzzing
from tests.fuzz.fuzzing import TARGETS

SECONDS = round(float(os.environ.get("MICROFER_SOAK_S", "0")))


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    if missing := fuzzing.missing():
        pytest.skip(f"{missing} not installed")
    return fuzzing.build(tmp_path_factory.mktemp("fuzz"))


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_no_input_breaks_it(programs, target, tmp_path):
    said = fuzzing.run(programs[target.name], target, tmp_path, seconds=SECONDS)
    runs = int(re.search(r"stat::number_of_executed_units: +(\d+)", said)[1])
    coverage = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", said)[-1]
    assert runs >= target.runs or SECONDS
    print(f"\n{target.name}: {runs} runs, {coverage[0]} edges, {coverage[1]} features, {coverage[2]} inputs")


def test_each_target_has_its_file_and_its_seeds():
    files = {path.stem for path in fuzzing.HERE.glob("*.cc")}
    assert files == {target.name for target in TARGETS}
    for target in TARGETS:
        seeds = list((fuzzing.HERE / "seeds" / target.name).iterdir())
        assert len(seeds) >= 10
        assert all(seed.stat().st_size <= target.longest for seed in seeds)
