"""SIGKILL at random moments, the documented recovery, and the result of an unbroken run; see kills.py."""

import json
import os
import subprocess
import sys

import pytest
from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(os.name != "posix", reason="it forks")

SOAK_KILLS = {"export": 60, "record": 60, "train": 60, "quantize": 20}


def outcome_of(job: str, kills: int, seed: int) -> dict[str, object]:
    command = [sys.executable, "tests/host/kills.py", job, "--kills", str(kills), "--seed", str(seed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr[-2000:]
    found: dict[str, object] = json.loads(done.stdout)
    assert (done.returncode, found["different"], found["left_over"], found["hit"]) == (0, [], 0, kills), found
    return found


@pytest.mark.parametrize("job", ["export", "record"])
def test_a_command_that_is_killed_and_gone_on_with_ends_as_an_unbroken_one(job: str) -> None:
    outcome_of(job, 3, seed=0)


@pytest.mark.soak
@pytest.mark.parametrize("job", SOAK_KILLS)
def test_two_hundred_kills_change_no_result(job: str) -> None:
    assert sum(SOAK_KILLS.values()) == 200
    outcome_of(job, SOAK_KILLS[job], seed=1)
