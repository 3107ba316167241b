"""Programs that need a backend of Keras, without the seconds that each would take to import it.

A process for each backend imports it once and then forks for each program, which runs in a process of its own, with
its own arguments, environment, output and status: it can be killed or crash as any other. What it does not have is a
fresh interpreter: tests of a command's start, and one run of each command, start it as people do.

`run` and `start` take what `subprocess.run` and `subprocess.Popen` take of a Python program's command line.
"""

import atexit
import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

spent_s = 0.0
"""CPU seconds of the programs that have ended."""

_PRELOADED = ("keras", "sklearn.metrics", "matplotlib.figure", "cv2", "scipy.ndimage", "skimage", "rich.progress")
_ALSO = {"tensorflow": ("tf_keras", "ai_edge_litert.interpreter"), "torch": ("torch",), "jax": ("jax",)}


class Program:
    """A program that was started, as `subprocess.Popen` has it; it wrote text to both outputs."""

    def __init__(self, parent: "subprocess.Popen[str]", arguments: list[str], env: dict[str, str], cwd: Path) -> None:
        self._parent, self._folder = parent, tempfile.TemporaryDirectory()
        self.returncode: int | None = None
        request = {"arguments": arguments, "env": env, "cwd": str(cwd), "outputs": self._folder.name}
        self.pid: int = self._ask(request)

    def poll(self) -> int | None:
        """Return the status where it has ended."""
        if self.returncode is None:
            self._ended(self._ask({"wait": self.pid, "options": os.WNOHANG}))
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for its end; return what it wrote. It is killed after `timeout` seconds, 600 where that is not said."""
        if self.returncode is None:
            self._ended(self._ask({"wait": self.pid, "options": 0, "limit_s": timeout or 600}))
        return self._wrote("out"), self._wrote("err")

    def _wrote(self, name: str) -> str:
        return (Path(self._folder.name) / name).read_text(errors="replace")

    def _ask(self, request: dict[str, Any]) -> Any:
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        print(json.dumps(request), file=self._parent.stdin, flush=True)
        return json.loads(self._parent.stdout.readline())

    def _ended(self, answer: list[float] | None) -> None:
        global spent_s  # noqa: PLW0603
        if answer is not None:
            self.returncode, seconds = int(answer[0]), answer[1]
            spent_s += seconds


def start(*arguments: str | Path, backend: str, cwd: Path = ROOT, **env: str) -> Program:
    """Start Python with arguments as on its command line, after the program's own options `-c` or `-m`."""
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT / "host"), **_of(backend), **env}
    return Program(_parent(backend), [*map(str, arguments)], surroundings, cwd)


def run(*arguments: str | Path, backend: str, **more: Any) -> "subprocess.CompletedProcess[str]":
    """Run such a program to its end; it need not succeed."""
    program = start(*arguments, backend=backend, **more)
    out, err = program.communicate()
    assert program.returncode is not None
    return subprocess.CompletedProcess([*map(str, arguments)], program.returncode, out, err)


def _of(backend: str) -> dict[str, str]:
    always = {"KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": ""}
    return always | (_JAX if backend == "jax" else {})


_JAX = {
    "JAX_COMPILATION_CACHE_DIR": str(ROOT / ".cache" / "jax"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}
"""Let JAX keep what it compiled, by the hash of the program: that is half the time of a small run."""


@functools.cache
def _parent(backend: str) -> "subprocess.Popen[str]":
    """Return the process that has imported the backend."""
    parent = subprocess.Popen(
        [sys.executable, __file__, backend],
        env={**os.environ, **_of(backend)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    atexit.register(parent.communicate)  # which ends it
    return parent


def _serve(backend: str) -> None:
    import importlib

    for name in (*_ALSO[backend], *_PRELOADED):
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        answer = _waited(request) if "wait" in request else _forked(request)
        print(json.dumps(answer), file=answers, flush=True)


def _waited(request: dict[str, Any]) -> list[float] | None:
    """Return status and CPU seconds of a program that has ended."""

    def kill(*_: object) -> None:
        os.kill(request["wait"], signal.SIGKILL)

    signal.signal(signal.SIGALRM, kill)
    signal.alarm(int(request.get("limit_s", 0)))
    pid, status, used = os.wait4(request["wait"], request["options"])
    signal.alarm(0)
    return [os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime] if pid else None


def _forked(request: dict[str, Any]) -> int:
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        _become(request)
        status = _played(request["arguments"])
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)


def _become(request: dict[str, Any]) -> None:
    """Take on the surroundings of the program that was asked for."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    for number, (name, flags) in enumerate((("in", os.O_RDONLY | os.O_CREAT), *((n, _WRITE) for n in ("out", "err")))):
        handle = os.open(Path(request["outputs"]) / name, flags, 0o600)
        os.dup2(handle, number)
        os.close(handle)
    sys.stdin, sys.stdout, sys.stderr = open(0), os.fdopen(1, "w"), os.fdopen(2, "w", buffering=1)  # noqa: SIM115
    sys.path[:0] = [path for path in request["env"]["PYTHONPATH"].split(os.pathsep) if path]


_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def _played(arguments: list[str]) -> int:
    """Run the program as the interpreter would; return its status."""
    import runpy

    try:
        if arguments[0] == "-c":
            sys.argv = ["-c", *arguments[2:]]
            exec(arguments[1], {"__name__": "__main__"})  # noqa: S102
        elif arguments[0] == "-m":
            sys.argv = arguments[1:]
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv = arguments
            sys.path.insert(0, str(Path(arguments[0]).resolve().parent))
            runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, int | None):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        traceback.print_exc()
        return 130
    return 0


if __name__ == "__main__":
    _serve(sys.argv[1])
