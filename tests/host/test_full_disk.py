"""A full file system at every write: an error that says so, nothing half-written, and the next try with room is whole.

The disks are small ones in memory, which this computer lets the tests mount only as root; /dev/full needs no right.
"""

import functools
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import ROOT
from tests.host.fake_board import HELLO, prediction
from tests.host.fuzzing import outcome

from microfer.errors import MicroferError
from microfer.export import export
from microfer.files import UNFINISHED, write_bytes, write_json
from microfer.link.events import Instant, Opened
from microfer.link.protocol import encode
from microfer.link.recording import Recorder, read_recording
from microfer.release import default_model
from microfer.training import checkpoint
from microfer.viewer.export import export_csv, export_mp4
from microfer.viewer.view_model import ViewModel

PAGE = 4096
SOAK = os.environ.get("MICROFER_SOAK_S") is not None


class Disk:
    """A file system of a given size, in memory."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def resize(self, size_bytes: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size_bytes}", self.place], check=True, capture_output=True)

    def names(self) -> set[str]:
        return {path.name for path in self.place.rglob("*") if path.is_file()}


@pytest.fixture
def disk(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    if shutil.which("mount") is None or os.name != "posix":
        pytest.skip("there is no mount here")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", place], check=False, capture_output=True)
    if done.returncode:
        pytest.skip("mounting a small disk takes root")
    try:
        yield Disk(place)
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def sizes(whole_bytes: int):
    """Sizes of disks on which so many bytes find room in part: a handful, or page by page in the soak tier."""
    step = PAGE if SOAK else max(PAGE, whole_bytes // 5 // PAGE * PAGE)
    return range(PAGE, whole_bytes, step)


def recording(path: Path) -> Path:
    with Recorder(path, "port") as recorder:
        recorder.write(Instant(0, 0), Opened("port"))
        recorder.write(Instant(1, 1), encode(HELLO, 0))
        for number in range(200):
            recorder.write(Instant(10**6 * number, 10**6 * number), encode(prediction(number), number + 1))
    return path


def writers(folder: Path):
    """Everything that writes files and needs no trained network: name, and what writes into a folder."""
    played = read_recording(recording(folder / "a.mfrec"))
    arrays = {"weights": np.arange(5000)}
    return {
        "export": lambda out: export.export_model(default_model(), out),
        "checkpoint": lambda out: checkpoint.write(out / "last.npz", checkpoint.Progress({}), arrays),
        "csv": lambda out: export_csv(played, out / "a.csv"),
        "film": lambda out: export_mp4(played, out / "a.mp4"),
        "view": lambda out: write_json(out / "a.json", ViewModel().view(Instant(0, 0)).as_dict()),
    }


@pytest.mark.parametrize("what", ["export", "checkpoint", "csv", "film", "view"])
def test_on_a_disk_of_any_size_it_is_written_whole_or_refused_and_nothing_half_stays(what, disk, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "generate", functools.cache(export.generate))
    write = writers(tmp_path)[what]
    write(tmp_path / "whole")
    whole = {path.name: path.read_bytes() for path in (tmp_path / "whole").iterdir()}
    refused = 0
    for size in sizes(sum(-(-len(content) // PAGE) * PAGE for content in whole.values())):
        disk.resize(size)
        _, error = outcome(functools.partial(write, disk.place))
        assert not error or "No space left" in error or "is the disk full" in error
        refused += bool(error)
        assert not [name for name in disk.names() if UNFINISHED in name]
        for name in disk.names():
            assert (disk.place / name).read_bytes() == whole[name]
        for name in disk.names():
            (disk.place / name).unlink()
    assert refused > 0 or len(whole) == 1
    disk.resize(64 << 20)
    write(disk.place)
    assert {path.name: path.read_bytes() for path in disk.place.iterdir()} == whole


def test_what_was_there_stays_where_there_is_no_room_for_the_new(disk):
    disk.resize(2 * PAGE)
    write_bytes(disk.place / "model.tflite", b"old" * 1000)
    with pytest.raises(MicroferError, match="No space left"):
        write_bytes(disk.place / "model.tflite", b"new" * 3000)
    assert (disk.place / "model.tflite").read_bytes() == b"old" * 1000
    assert disk.names() == {"model.tflite"}


def test_a_recording_on_a_disk_that_fills_up_can_be_played_up_to_there(disk):
    disk.resize(4 * PAGE)

    def record():
        with Recorder(disk.place / "a.mfrec", "port") as recorder:
            for number in range(1000):
                recorder.write(Instant(number, number), encode(prediction(number), number))

    assert "cannot record into" in outcome(record)[1]
    found = read_recording(disk.place / "a.mfrec")
    assert 50 < len(found.chunks) < 1000
    assert [chunk.at.monotonic_ns for chunk in found.chunks] == list(range(len(found.chunks)))


full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")


@full_device
@pytest.mark.parametrize("options", [["--json"], []])
def test_an_output_that_goes_to_a_full_disk_is_an_error_of_one_line(options):
    command = [sys.executable, "-m", "microfer", "describe", "nano", *options]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, cwd=ROOT / "host", stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "error: cannot write the output: No space left on device\n"


@full_device
def test_an_error_that_finds_no_room_either_still_has_its_status():
    command = [sys.executable, "-m", "microfer", "describe", "nonsense"]
    with Path("/dev/full").open("w") as full:
        assert subprocess.run(command, cwd=ROOT / "host", stdout=full, stderr=full, check=False).returncode == 2


def test_a_bug_in_reading_is_not_taken_for_a_full_disk(monkeypatch, capsys):
    from microfer.cli import command

    def fails():
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(sys, "stdout", io.StringIO())
    with pytest.raises(FileNotFoundError):
        command.run(fails)
