"""Nothing half-written is ever left under its final name."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from microfer import files
from microfer.errors import MicroferError
from microfer.files import (
    atomic_path,
    exclusive,
    read_bytes,
    write_bytes,
    write_if_changed,
    write_json,
    write_text,
)

resource = pytest.importorskip("resource", reason="limits on file sizes are a Unix matter")


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "model.bin"
    target.write_bytes(b"old")

    def write_half() -> None:
        with atomic_path(target) as temporary:
            temporary.write_bytes(b"half")
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        write_half()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_temporary_file_keeps_the_suffix_by_which_savers_choose_the_format(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "curves.png") as temporary:
        assert temporary.suffix == ".png"
        temporary.write_bytes(b"x")


def test_folders_are_made_on_the_way(tmp_path: Path) -> None:
    write_json(tmp_path / "a" / "b" / "c.json", {"d": 1})
    assert (tmp_path / "a" / "b" / "c.json").read_text() == '{\n  "d": 1\n}\n'


def test_a_folder_that_cannot_be_written_is_named() -> None:
    with pytest.raises(MicroferError, match=r"cannot write /proc/nowhere/model\.bin"):
        write_bytes("/proc/nowhere/model.bin", b"x")


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"")
    with pytest.raises(MicroferError, match="cannot write"):
        write_bytes(tmp_path / "taken" / "model.bin", b"x")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MicroferError, match=r"cannot read .*absent\.bin: No such file"):
        read_bytes(tmp_path / "absent.bin")


FULL_DISK = """
import sys
from pathlib import Path
import numpy as np
from microfer.errors import MicroferError
from microfer.training import checkpoint
try:
    checkpoint.write(Path(sys.argv[1]), checkpoint.Progress({}), {"weights": np.zeros(1_000_000)})
except MicroferError as error:
    print(error)
"""


def test_a_full_disk_while_saving_a_checkpoint_keeps_the_previous_one(tmp_path: Path) -> None:
    """A limit on the size of files makes writes fail as a full disk does, without filling one."""
    from microfer.training import checkpoint

    path = tmp_path / "last.npz"
    checkpoint.write(path, checkpoint.Progress({}), {"weights": np.ones(3)})
    before = path.read_bytes()
    result = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)],
        # Without the second one, the limit would cut off the .pyc files that the imports leave behind.
        env={"PYTHONPATH": str(Path(__file__).parents[2] / "host"), "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "cannot write" in result.stdout
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_in_use_is_refused_until_the_other_process_ends_however_it_ends(tmp_path: Path) -> None:
    hold = "import sys, pathlib; from microfer.files import exclusive; lock = exclusive(pathlib.Path(sys.argv[1]))"
    hold += "; lock.__enter__(); print('held', flush=True); sys.stdin.read()"
    folder = tmp_path / "run"
    other = subprocess.Popen(
        [sys.executable, "-c", hold, str(folder)],
        env={"PYTHONPATH": str(Path(__file__).parents[2] / "host")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with pytest.raises(MicroferError, match=r"another process is writing .*run: wait for it"), exclusive(folder):
        pass
    other.kill()
    other.communicate()
    with exclusive(folder):
        pass
    with exclusive(folder):
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(MicroferError, match=r"cannot write .*file/run"), exclusive(tmp_path / "file" / "run"):
        pass


KILLED = """
import os, sys
from pathlib import Path
from microfer.files import atomic_path
with atomic_path(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half")
    print(temporary.name, flush=True)
    sys.stdin.read()
"""


def begin_to_write(path: Path) -> tuple["subprocess.Popen[str]", str]:
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)],
        env={"PYTHONPATH": str(Path(__file__).parents[2] / "host")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


@pytest.mark.parametrize("is_same", [True, False])
def test_what_a_killed_process_left_half_written_is_swept_and_what_is_being_written_stays(
    is_same: bool, tmp_path: Path
) -> None:
    dead, left = begin_to_write(tmp_path / "last.npz")
    alive, held = begin_to_write(tmp_path / "contract.h")
    dead.kill()
    dead.communicate()
    assert {path.name for path in tmp_path.iterdir()} == {left, held}
    (tmp_path / ".mine-x.h").write_text("not ours")
    write_bytes(tmp_path / ("last.npz" if is_same else "other.json"), b"whole")
    names = {path.name for path in tmp_path.iterdir()}
    assert left not in names
    assert held in names
    assert ".mine-x.h" in names
    alive.communicate("")
    assert (tmp_path / "contract.h").read_bytes() == b"half"


def test_a_file_that_needs_no_change_has_its_folder_swept_as_well(tmp_path: Path) -> None:
    write_text(tmp_path / "contract.h", "same")
    dead, _ = begin_to_write(tmp_path / "contract.h")
    dead.kill()
    dead.communicate()
    files._swept.clear()  # as in a process that has just started
    assert not write_if_changed(tmp_path / "contract.h", "same")
    assert [path.name for path in tmp_path.iterdir()] == ["contract.h"]


def test_a_file_that_another_process_sweeps_as_it_is_made_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, tries = files._lock, []

    def swept_once(file) -> None:
        tries.append(file.name)
        if len(tries) == 1:
            next(tmp_path.glob(".*")).unlink()
        lock(file)

    monkeypatch.setattr(files, "_lock", swept_once)
    write_bytes(tmp_path / "model.bin", b"whole")
    assert len(tries) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["model.bin"]
    assert (tmp_path / "model.bin").read_bytes() == b"whole"
