"""What is said where training dies of a signal, of which Python itself only says "Segmentation fault", or nothing.

A process that has crashed cannot explain itself. So a second, small one waits beside it for its end; it is this very
file, run as a program, and imports nothing that could crash. Until then the first one tells it how far it has come,
and Python's faulthandler, at the very end, in which line it was.
"""

import contextlib
import faulthandler
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

_STEPPED, _SAVED, _ENDED = "microfer: first step done", "microfer: checkpoint written", "microfer: ended"
_FATAL = "Fatal Python error: "
_SIGNALS = {
    "Segmentation fault": "SIGSEGV",
    "Aborted": "SIGABRT",
    "Bus error": "SIGBUS",
    "Illegal instruction": "SIGILL",
    "Floating-point exception": "SIGFPE",
    "Floating point exception": "SIGFPE",
}
_PACKAGES = ("torch", "tensorflow", "jax", "keras", "tf-keras", "numpy")
_VECTORS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "sve")
_MAX_LINES = 40


class CrashReport:
    """While it is open, the death of this process by a signal is explained on standard error.

    what: the network's name, for the message. Where faulthandler is on already, its report stays where it goes, and
    the message here has no signal's name.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._process: subprocess.Popen[str] | None = None
        self._said: set[str] = set()
        self._handles_faults = False

    def __enter__(self) -> "CrashReport":
        with contextlib.suppress(OSError):  # where no process can be started, training goes on without it
            self._process = subprocess.Popen(
                [sys.executable, "-I", __file__, self._what], stdin=subprocess.PIPE, text=True, start_new_session=True
            )
        if self._process and self._process.stdin and not faulthandler.is_enabled():
            faulthandler.enable(self._process.stdin, all_threads=True)
            self._handles_faults = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._handles_faults:
            faulthandler.disable()
        if self._process:
            self._say(_ENDED)
            with contextlib.suppress(OSError):
                self._process.communicate()

    def stepped(self) -> None:
        """Say that a step was done; only the first is told."""
        self._say(_STEPPED)

    def saved(self) -> None:
        """Say that there is a checkpoint to go on from."""
        self._say(_SAVED)

    def _say(self, line: str) -> None:
        if line not in self._said and self._process and self._process.stdin:
            self._said.add(line)
            with contextlib.suppress(OSError):
                print(line, file=self._process.stdin, flush=True)


def explain(what: str, lines: list[str]) -> str:
    """Return what a person should read where the process ended that wrote `lines`; nothing where it ended in peace."""
    if _ENDED in lines:
        return ""
    fatal = next((at for at, line in enumerate(lines) if line.startswith(_FATAL)), None)
    when = "after its first step" if _STEPPED in lines else "before its first step was done"
    go_on = "; the same command with --resume continues from the last checkpoint" if _SAVED in lines else ""
    if fatal is None:
        return (
            f"error: training of {what} was killed {when}{go_on}. If it was not you: the system kills what takes more "
            "memory than there is (`dmesg` tells); close other programs or choose a smaller network\n"
        )
    name = lines[fatal].removeprefix(_FATAL)
    trace = [line for line in lines[fatal + 1 :] if line.strip() and not line.startswith("Extension modules")]
    return "\n".join(
        (
            f"error: training of {what} died of {_SIGNALS.get(name, 'a signal')} ({name})",
            f"{when}{go_on}.",
            "That is a fault in a library's machine code, not in your data or options. Where",
            "it comes each time, in the first step, it is most often oneDNN, which computes",
            "the convolutions of PyTorch and TensorFlow and chooses its code by the",
            "processor. Put one of these in front of the command:",
            "  ONEDNN_MAX_CPU_ISA=AVX2    other code of oneDNN, slower",
            "  KERAS_BACKEND=jax          another backend (or tensorflow, or torch)",
            "and report it with these lines:",
            f"  {', '.join(_surroundings())}",
            *(f"  {line}" for line in trace[:_MAX_LINES]),
            "",
        )
    )


def _surroundings() -> Iterator[str]:
    """Name processor, vector instructions and packages."""
    info: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            info.setdefault(key.strip(), value.strip())
    flags = (info.get("flags") or info.get("Features") or "").split()
    yield info.get("model name") or platform.processor() or platform.machine()
    yield " ".join(flag for flag in _VECTORS if flag in flags) or "vector instructions unknown"
    for package in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            yield f"{package} {metadata.version(package)}"


def _wait() -> None:
    """Read what the first process says, to its end, and explain that."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the first process
    lines = sys.stdin.read().splitlines()
    with contextlib.suppress(OSError):
        sys.stderr.write(explain(sys.argv[1], lines))


if __name__ == "__main__":
    _wait()
