"""What people see first: their files out of git's sight, ports as they write them, and no wait that cannot end."""

import io
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.text import Text

from microfer import console
from microfer.cli import command, view
from microfer.console import Console
from microfer.data.find import NAMES
from microfer.errors import MicroferError
from microfer.link.connection import Connection
from microfer.link.ports import PortError, full_name, open_port
from microfer.link.recording import Recorder

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(not shutil.which("git") or not (ROOT / ".git").exists(), reason="this is no clone")
def test_git_overlooks_what_people_put_here_and_what_they_save() -> None:
    data = [name.replace("*", "") + ("/happy/1.png" if name == "fer2013" else "") for name in NAMES]
    theirs = [*data, "fer2013.tar", "data/any.csv", "venv/bin/python", "host/microfer.egg-info/PKG-INFO"]
    saved = ["captures/2026-11-30.png", "captures/2026-11-30.mfrec", "morning.mfrec", "demo-output/demo.png"]
    check = ["git", "check-ignore", "--no-index", *theirs, *saved]
    done = subprocess.run(check, cwd=ROOT, capture_output=True, text=True, check=False)
    assert set(done.stdout.split()) == {*theirs, *saved}
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    assert tracked.stdout == b""


@pytest.mark.parametrize("width", [60, 80, 140])
def test_a_bar_shows_the_time_left_and_its_note_at_any_width(width: int, monkeypatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(console, "console", console.Console(file=shown, force_terminal=True, width=width))
    note = "epoch 133 loss 1.234 accuracy 55.1% | validation 61.2%"
    with console.Bar("training", 400 * 224, stays=True) as bar:
        bar.move(12_345, note=note)
    line, below = Text.from_ansi(shown.getvalue()).plain.splitlines()[-2:]
    assert line.endswith("12345/89600 -:--:-- left")
    assert below == note
    assert len(line) <= width


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("127.0.0.1:5333", "socket://127.0.0.1:5333"),
        ("localhost:5333", "socket://localhost:5333"),
        ("board-1.local:80", "socket://board-1.local:80"),
        ("[::1]:5333", "socket://[::1]:5333"),
        ("socket://127.0.0.1:5333", "socket://127.0.0.1:5333"),
        ("rfc2217://host:1", "rfc2217://host:1"),
        ("/dev/serial/by-path/pci-0000:00:14.0-usb-0:1:1.0", "/dev/serial/by-path/pci-0000:00:14.0-usb-0:1:1.0"),
        ("/dev/ttyACM0", "/dev/ttyACM0"),
        ("COM5", "COM5"),
    ],
)
def test_a_host_with_a_port_is_taken_for_a_socket(given: str, meant: str) -> None:
    assert full_name(given) == meant
    assert Connection(given).port == meant


def test_the_viewer_takes_a_host_with_a_port_for_a_socket_and_saves_where_git_does_not_look(run_host) -> None:
    with pytest.raises(PortError, match=r"cannot open socket://127\.0\.0\.1:1: connection refused"):
        run_host("view", "--headless", "--port", "127.0.0.1:1")
    assert view._options([]).snapshots == "captures"


def test_a_number_alone_is_answered_with_the_socket_that_it_may_mean() -> None:
    with pytest.raises(PortError, match=r"number alone is not a port: write socket://127\.0\.0\.1:5333"):
        open_port("5333")


def test_quantize_leaves_an_earlier_model_alone_where_nobody_can_be_asked(tmp_path: Path, run_host) -> None:
    model = tmp_path / "model.tflite"
    model.write_bytes(b"earlier")
    options = ("none.keras", "--synthetic", "--model-id", "x", "--out", tmp_path)
    with pytest.raises(MicroferError, match=r"model\.tflite already exists: .*--out, or overwrite it with --force"):
        run_host("quantize", *options)
    assert model.read_bytes() == b"earlier"
    with pytest.raises(MicroferError, match=r"cannot read none\.keras"):
        run_host("quantize", *options, "--force")


@pytest.mark.parametrize(("answer", "is_allowed"), [("y", True), ("n", False), ("", False)])
def test_on_a_terminal_it_is_asked_before_something_is_overwritten(
    answer: str, is_allowed: bool, tmp_path: Path, monkeypatch
) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(command, "console", Console(file=shown, force_terminal=True, width=300))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("builtins.input", lambda *_: answer)
    with nullcontext() if is_allowed else pytest.raises(MicroferError, match="already exists"):
        command.confirm_overwrite(tmp_path, force=False)
    assert "already exists: overwrite it? [y/n] (n)" in Text.from_ansi(shown.getvalue()).plain
    command.confirm_overwrite(tmp_path / "new", force=False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("train", "--synthetic", "--seed", "-1"), "argument --seed: -1 is not a seed: seeds go from 0 to 4294967295"),
        (("train", "--synthetic", "--threads", "all"), "argument --threads: 'all' is not a whole number"),
        (("prune", "x.keras", "--synthetic", "--sparsity", "50"), "50 is not a share from 0 to 1: for 50 % write 0.5"),
        (("prune-channels", "x.keras", "--synthetic", "--instructions", "nan"), "nan is not a share from 0 to 1"),
        (("quantize", "x.keras", "--synthetic", "--model-id", "x", "--images", "0"), "argument --images: 0 is below 1"),
    ],
)
def test_a_number_out_of_range_is_refused_before_anything_runs(arguments, said, capsys, run_host) -> None:
    with pytest.raises(SystemExit) as ended:
        run_host(*arguments)
    assert ended.value.code == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_command_says_which_data_it_found(tmp_path: Path, monkeypatch, capsys) -> None:
    (tmp_path / "fer2013.csv").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MICROFER_DATA", raising=False)
    assert command.found_data() == tmp_path / "fer2013.csv"
    monkeypatch.setenv("MICROFER_DATA", "fer2013.csv")
    command.found_data()
    assert capsys.readouterr().err == f"data: {tmp_path / 'fer2013.csv'}\ndata: fer2013.csv (MICROFER_DATA)\n"


@pytest.mark.parametrize("display", ["--headless", "--json"])
def test_steps_without_a_keyboard_are_refused(display: str, tmp_path: Path, run_host) -> None:
    Recorder(tmp_path / "short.mfrec", "port").close()
    with pytest.raises(MicroferError, match=r"--step waits for the key n, but there is no keyboard.*--web"):
        run_host("view", "--replay", tmp_path / "short.mfrec", "--step", display)
