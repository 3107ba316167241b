"""Kills a command at random moments, does what its documentation says, and compares the result with an unbroken run's.

python tests/host/kills.py export --kills 20       one JSON object: kills, how many hit before the end, the differences

The process that kills has imported what the commands need; each command runs in a fork of it, so that a run costs its
own work and no imports. Only those forks are killed.
"""

import argparse
import contextlib
import importlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "host"), str(ROOT)]

LONGEST_RUN_S = 600
MOST_RUNS = 4
"""For each kill asked for: a command may have ended when its turn comes."""
FRAMES = 150


@dataclass(frozen=True)
class Job:
    """A verb of `microfer` and how its results are looked at.

    begin: its options for a folder. go_on: its options after a kill, by what the folder then holds. result: what of a
    folder must be equal. imports: modules to load before the first fork. check: of what a kill left, before going on.
    """

    verb: str
    begin: Callable[[Path], list[str]]
    go_on: Callable[[Path], list[str]]
    result: Callable[[Path], Any]
    imports: tuple[str, ...] = ()
    check: Callable[[Path], None] = lambda folder: None


@dataclass
class Outcome:
    """What came of the kills that came before a command's end, `hit` of `runs`; `different` results are described."""

    job: str
    kills: int
    runs: int = 0
    hit: int = 0
    left_over: int = 0
    different: list[str] | None = None


def fork(verb: str, options: list[str]) -> int:
    """Run a verb in a fork of this process, silent, in a session of its own; return its process id."""
    pid = os.fork()
    if pid:
        return pid
    status = 70
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        from microfer.cli.main import run_verb

        status = run_verb(verb, options)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    finally:
        os._exit(status)


def wait(pid: int, seconds: float) -> int | None:
    """Return the status of a fork that ends within so many seconds; None where it does not."""
    end_s = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        left_s = end_s - time.monotonic()
        if left_s <= 0:
            return None
        time.sleep(min(0.005, left_s))


def kill(pid: int) -> None:
    """Kill a fork and what it started, and wait for it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)  # before it had a session of its own
    os.waitpid(pid, 0)


def whole(job: Job, folder: Path) -> float:
    """Run a job without a kill; return the seconds that it took."""
    begin_s = time.monotonic()
    pid = fork(job.verb, job.begin(folder))
    status = wait(pid, LONGEST_RUN_S)
    if status is None:
        kill(pid)
    if status != 0:
        raise SystemExit(f"{job.verb} ended with {status} though nobody killed it")
    return time.monotonic() - begin_s


def killed(name: str, job: Job, kills: int, seed: int) -> Outcome:
    """Kill a job so often, each time in a new folder, go on, and compare."""
    source, outcome = random.Random(seed), Outcome(name, kills, different=[])
    with tempfile.TemporaryDirectory(prefix="kills-") as scratch:
        whole(job, Path(scratch) / "whole")
        expected = job.result(Path(scratch) / "whole")
        shutil.rmtree(Path(scratch) / "whole")
        seconds = whole(job, Path(scratch) / "whole")  # the first one may have had more to load
        if job.result(Path(scratch) / "whole") != expected:
            raise SystemExit(f"two unbroken runs of {job.verb} differ")
        while outcome.hit < kills and outcome.runs < MOST_RUNS * kills:
            number, outcome.runs = outcome.runs, outcome.runs + 1
            folder = Path(scratch) / f"broken-{number}"
            pid = fork(job.verb, job.begin(folder))
            after_s = source.uniform(0, seconds)
            if wait(pid, after_s) is not None:
                shutil.rmtree(folder, ignore_errors=True)
                continue  # it had ended already
            kill(pid)
            outcome.hit += 1
            try:
                job.check(folder)
                pid = fork(job.verb, job.go_on(folder))
                if (status := wait(pid, LONGEST_RUN_S)) != 0:
                    if status is None:
                        kill(pid)
                    raise ValueError(f"going on ended with {status}")
                if job.result(folder) != expected:
                    raise ValueError("the result differs")
            except Exception as error:
                outcome.different.append(f"kill {number}, after {after_s:.3f} of {seconds:.3f} s: {error!r}")
            outcome.left_over += sum(".unfinished" in path.name for path in folder.rglob("*"))
            shutil.rmtree(folder, ignore_errors=True)
    return outcome


# --- the jobs


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def export_options(folder: Path) -> list[str]:
    return ["--out", str(folder)]


def train_options(folder: Path) -> list[str]:
    options = ["--synthetic", "--limit", "64", "--preset", "nano", "--epochs", "3", "--threads", "1", "--seed", "1"]
    return [*options, "--out", str(folder)]


def resume_options(folder: Path) -> list[str]:
    """As the README says: --resume where there is a checkpoint, the same command where there is none yet."""
    return [*train_options(folder), *(["--resume"] if (folder / "last.npz").exists() else [])]


def trained(folder: Path) -> Any:
    from microfer.model import saved
    from microfer.training import checkpoint

    progress, variables = checkpoint.read(folder / "last.npz")
    history = [{key: value for key, value in row.items() if key != "seconds"} for row in progress.history]
    arrays = {key: (array.shape, array.tobytes()) for key, array in variables.items()}
    model, _ = saved.load(folder / "best.keras")
    return progress.settings, history, progress.best_epoch, arrays, [w.tobytes() for w in model.get_weights()]


def quantize_options(folder: Path) -> list[str]:
    source = ROOT / "models" / "nano-1" / "float.keras"
    return [str(source), "--synthetic", "--model-id", "t-1", "--images", "14", "--out", str(folder), "--force"]


def recorded(folder: Path) -> Any:
    from microfer.link.messages import Prediction
    from microfer.link.recording import read_recording

    events = read_recording(folder / "whole.mfrec").events()
    found = (getattr(timed.event, "message", None) for timed in events)
    return sum(isinstance(message, Prediction) for message in found) >= FRAMES


def playable(folder: Path) -> None:
    """What a kill left of a recording can be played, and holds the board's frames without a gap."""
    from tests.host.fake_board import prediction

    from microfer.errors import MicroferError
    from microfer.link.messages import Prediction
    from microfer.link.recording import read_recording

    path = folder / "broken.mfrec"
    if not path.exists() or path.stat().st_size == 0:
        return  # it was killed before the header was written, in one piece
    try:
        events = list(read_recording(path).events())
    except MicroferError as error:
        raise ValueError(f"what it left cannot be played: {error}") from error
    frames = [getattr(timed.event, "message", None) for timed in events]
    frames = [message for message in frames if isinstance(message, Prediction)]
    if frames != [prediction(frames[0].frame + offset) for offset in range(len(frames))]:
        raise ValueError("the recording has a gap")


def record_job(port: str) -> Job:
    def options(name: str) -> Callable[[Path], list[str]]:
        return lambda folder: [
            *("--port", port, "--json", "--frames", str(FRAMES)),
            *("--record", str(folder / (name if "broken" in folder.name else "whole.mfrec"))),
        ]

    return Job("view", options("broken.mfrec"), options("whole.mfrec"), recorded, check=playable)


JOBS = {
    "export": Job("export", export_options, export_options, files_of, ("microfer.export.export",)),
    "train": Job("train", train_options, resume_options, trained, ("keras", "microfer.training.session")),
    "quantize": Job(
        "quantize",
        quantize_options,
        quantize_options,
        files_of,
        ("keras", "tensorflow", "microfer.compress.session"),
    ),
}


def run(name: str, kills: int, seed: int) -> Outcome:
    """Return what came of killing a job by its name: one of JOBS, or "record"."""
    if name == "record":
        from tests.host.fake_board import FakeBoard

        with FakeBoard(period_s=0.002) as board:
            return killed(name, record_job(board.port), kills, seed)
    job = JOBS[name]
    if job.imports:
        from microfer.training.engine import choose_backend

        if "keras" in job.imports:
            choose_backend()
        for module in job.imports:
            importlib.import_module(module)
    return killed(name, job, kills, seed)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", choices=[*JOBS, "record"])
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    options = parser.parse_args()
    outcome = run(options.job, options.kills, options.seed)
    print(json.dumps(vars(outcome), indent=2))
    return 1 if outcome.different or outcome.left_over or outcome.hit < outcome.kills else 0


if __name__ == "__main__":
    sys.exit(main())
