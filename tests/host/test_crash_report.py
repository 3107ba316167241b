"""What is said where training dies of a signal."""

import os
import subprocess
import sys

import pytest
from tests.conftest import ROOT

DIES = """
import os, sys
from microfer.training.crash_report import CrashReport
with CrashReport("nano") as report:
    for told in sys.argv[2:]:
        getattr(report, told)()
    if sys.argv[1] != "0":
        os.kill(os.getpid(), int(sys.argv[1]))
"""

DIES_IN_TRAINING = """
import os, signal
from pathlib import Path
from tests.host.test_training import FakeEngine, Screen, fake_run

class Dying(FakeEngine):
    def train_step(self, *batch):
        os.kill(os.getpid(), signal.SIGSEGV)

run = fake_run(Path(os.environ["OUT"]))
with Screen(run) as screen:
    run.execute(Dying([0.5]), on_step=screen.step, on_epoch=screen.epoch)
"""


def die(script: str, *arguments: str, **more: str) -> tuple[int, str]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONFAULTHANDLER"}
    environment |= {"PYTHONPATH": f"{ROOT / 'host'}{os.pathsep}{ROOT}", **more}
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals that a process dies of")
@pytest.mark.parametrize(
    ("signal", "told", "found"),
    [
        (11, (), ("died of SIGSEGV (Segmentation fault)\nbefore its first step was done.", "ONEDNN_MAX_CPU_ISA=AVX2")),
        (11, ("stepped",), ("\nafter its first step.", "KERAS_BACKEND=jax", "numpy ")),
        (6, ("stepped", "stepped", "saved"), ("died of SIGABRT (Aborted)\nafter its first step; the same", "--resume")),
        (9, (), ("error: training of nano was killed before its first step was done. If it was not you",)),
        (9, ("stepped", "saved"), ("killed after its first step; the same command with --resume continues",)),
    ],
)
def test_a_death_by_a_signal_is_explained(signal: int, told: tuple[str, ...], found: tuple[str, ...]) -> None:
    status, said = die(DIES, str(signal), *told)
    assert status == -signal
    assert said.startswith("error: training of nano ")
    for text in found:
        assert text in said
    assert ('File "<string>", line ' in said) == (signal != 9)
    assert ("--resume" in said) == ("saved" in told)


def test_nothing_is_said_of_an_end_in_peace() -> None:
    assert die(DIES, "0", "stepped") == (0, "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals that a process dies of")
def test_a_training_run_that_dies_in_its_first_step_says_so(tmp_path) -> None:
    status, said = die(DIES_IN_TRAINING, OUT=str(tmp_path))
    assert status == -11
    assert "error: training of tiny died of SIGSEGV (Segmentation fault)\nbefore its first step was done." in said
    assert "in train_step" in said
