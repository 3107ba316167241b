"""Compiled objects in a cache: what one compiler made of the same bytes before is not compiled again.

An object's name is the hash of all that goes into it: the compiler, its flags, the source, and every file that the
source includes by quotes, however deep. Only what a change reaches is compiled anew, so another model's core takes a
second, and programs that share sources share their objects.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from microfer.errors import MicroferError

if sys.platform != "win32":
    import fcntl

COMPILE_TIMEOUT_S = 600
ABANDONED_S = 3600
KEPT_S = 30 * 86_400
"""How long an object that nobody asks for is kept."""

_INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"', re.MULTILINE)


@dataclass(frozen=True)
class Compiler:
    """A C++ compiler of the GCC family. `version` is the first line of what it says of itself."""

    command: tuple[str, ...]
    version: str


@dataclass(frozen=True)
class Sources:
    """Files to compile, by their path in a tree of their own, and the folders of it that are searched for includes.

    A copy is compiled, so that it is what an object's name was computed from, whoever edits the files meanwhile.
    """

    files: Mapping[str, bytes]
    include: tuple[str, ...]

    def reached(self, source: str) -> dict[str, bytes]:
        """Return the source and all that it includes by quotes, those left out by conditions too."""
        found: dict[str, bytes] = {}
        waiting = [source]
        while waiting:
            name = waiting.pop()
            if name in found:
                continue
            found[name] = self.files[name]
            for text in _INCLUDE.findall(self.files[name]):
                waiting += self._included(name, text.decode())
        return found

    def _included(self, by: str, name: str) -> list[str]:
        """Return every file of the tree that the compiler may mean, whichever it takes."""
        folders = (str(PurePosixPath(by).parent), *self.include)
        places = {os.path.normpath(f"{folder}/{name}").replace("\\", "/") for folder in folders}
        return sorted(place for place in places if place in self.files)


def compile_objects(
    compiler: Compiler, flags: Sequence[str], sources: Sources, names: Sequence[str], cache: Path
) -> list[Path]:
    """Return the object of each source of `names`, in the folder `cache`; compile those that are not there.

    Of two processes that want the same at once, the second waits for the first.

    Raises:
        MicroferError: a source does not compile; the text has what the compiler says.
        OSError: the cache cannot be written.
    """
    objects = [cache / f"{_key(compiler, flags, sources, name)}.o" for name in names]
    if not all(_touched(path) for path in objects):
        cache.mkdir(parents=True, exist_ok=True)
        with _alone(cache):
            missing = [(name, path) for name, path in zip(names, objects, strict=True) if not path.is_file()]
            _sweep(cache)
            _compile(compiler, flags, sources, dict(missing), cache)
    return objects


def run(command: Sequence[str | Path], folder: Path) -> None:
    """Run a compiler or linker in `folder`. Raises MicroferError with its first words where it fails."""
    try:
        done = subprocess.run(
            [*map(str, command)], cwd=folder, capture_output=True, text=True, check=False, timeout=COMPILE_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise MicroferError(f"{' '.join(map(str, command))} took more than {COMPILE_TIMEOUT_S} s") from error
    if done.returncode != 0:
        raise MicroferError(
            f"the firmware's core does not compile with {command[0]}: {first_lines(done.stderr + done.stdout, 12)}\n"
            "a compiler of the GCC family with C++17 is needed; CXX chooses another one"
        )


def first_lines(text: str, count: int) -> str:
    """Return the first lines of what a compiler said: the ones that follow are mostly its consequences."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return "\n".join(lines[:count]) or "it gave no reason"


def _key(compiler: Compiler, flags: Sequence[str], sources: Sources, name: str) -> str:
    digest = hashlib.sha256(repr((compiler, tuple(flags), sources.include, name, sys.platform)).encode())
    for path, content in sorted(sources.reached(name).items()):
        digest.update(f"{path} {len(content)}\0".encode() + content)
    return digest.hexdigest()[:32]


def _compile(
    compiler: Compiler, flags: Sequence[str], sources: Sources, wanted: Mapping[str, Path], cache: Path
) -> None:
    """Compile several sources at a time, and put each object in its place as a whole."""
    with tempfile.TemporaryDirectory(prefix="build-", dir=cache, ignore_cleanup_errors=True) as folder:
        for name, content in sources.files.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        include = [f"-I{place}" for place in sources.include]

        def one(name: str) -> None:
            made = f"{wanted[name].name}.new"
            run([*compiler.command, *flags, *include, "-c", name, "-o", made], Path(folder))
            (Path(folder) / made).replace(wanted[name])

        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            list(pool.map(one, wanted))


def _touched(path: Path) -> bool:
    """Return whether there is such an object, and note that it is still asked for."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def sweep_builds(folder: Path) -> None:
    """Delete what killed builds left in `folder`: a build takes seconds, so that none goes on for ABANDONED_S."""
    for build in folder.glob("build-*"):
        with suppress(OSError):
            if time.time() - build.stat().st_mtime > ABANDONED_S:
                shutil.rmtree(build)


def _sweep(cache: Path) -> None:
    """Delete the objects that nobody has asked for in a long time."""
    sweep_builds(cache)
    for path in cache.glob("*.o"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > KEPT_S:
                path.unlink()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other process compiles into `folder`; the system lets go of the lock when a process ends."""
    with (folder / "lock").open("ab") as file:
        if sys.platform != "win32":
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
