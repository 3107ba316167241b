"""The codec's speed in both languages, and the viewer's latency. How fast is not asserted."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_command_prints_a_figure_for_each_codec_and_message():
    done = _command("--frames", "50", "--shown", "20", "--json")
    assert done.returncode == 0, done.stderr
    speeds = json.loads(done.stdout)["codec"]
    assert {(speed["codec"], speed["message"]) for speed in speeds} >= {
        ("Python", "CropPreview"),
        ("Python", "Prediction"),
    }
    assert all(speed["encode_mb_s"] > 0 and speed["decode_mb_s"] > 0 for speed in speeds)


def test_without_a_compiler_the_boards_codec_is_said_to_be_left_out():
    done = _command("--frames", "5", "--shown", "5", "--json", PATH="/nowhere")
    assert done.returncode == 0, done.stderr
    assert {speed["codec"] for speed in json.loads(done.stdout)["codec"]} == {"Python"}
    assert "no C++ compiler is installed" in done.stderr


def test_the_viewers_latency_is_measured_up_to_view_terminal_and_picture():
    done = _command("--frames", "5", "--shown", "20", "--json", PATH="/nowhere")
    latencies = json.loads(done.stdout)["viewer"]
    assert [latency["until"] for latency in latencies] == ["view built", "terminal drawn", "picture drawn"]
    for latency in latencies:
        assert 10 <= latency["frames"] <= 20
        assert 0 < latency["median_ms"] <= latency["p99_ms"]


def _command(*arguments: str, **surroundings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "host" / "microfer"), "benchmark-link", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=surroundings or None)
