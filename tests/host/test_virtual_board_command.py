"""`python host/virtual_board.py` as people start it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.host.board_client import BoardClient, needs_compiler

from microfer.link.messages import (
    Prediction,
)

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, str(ROOT / "host" / "virtual_board.py")]

pytestmark = needs_compiler


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_the_command_prints_its_port_and_ends_by_ctrl_c(tiny):
    command = [*COMMAND, "--tcp-port", "0", "--model", str(tiny)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().strip()
        assert url.startswith("socket://127.0.0.1:")
        with BoardClient(url) as client:
            client.next(Prediction)
            os.kill(process.pid, signal.SIGINT)
            client.read_to_end()
        out, error = process.communicate(timeout=20)
        assert process.returncode == 0, error
        assert out == ""
        assert "Traceback" not in error
        assert "frames sent" in error


def test_the_command_ends_after_its_frames_and_says_so_as_json(tiny):
    command = [*COMMAND, "--tcp-port", "0", "--model", str(tiny), "--frames", "20", "--fps", "100", "--empty", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["event"] for line in lines if line["event"] != "note"] == ["ready", "end"]
    assert lines[-1]["frames_given"] == 20
    assert lines[-1]["port"]["written"] == lines[-1]["port"]["without_host"] > 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["missing.jpg"], "missing.jpg does not exist"),
        (["missing.mp4"], "missing.mp4 does not exist"),
        (["--webcam", "--empty"], "a camera sees one thing"),
        (["--model", "missing.tflite"], "missing.tflite"),
        (["--flip-bits", "2"], "from 0 to 1"),
        (["--fps", "0"], "fps is 0"),
    ],
)
def test_what_cannot_be_used_ends_the_command_with_one_line(arguments, expected):
    done = subprocess.run(
        [*COMMAND, "--tcp-port", "0", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
