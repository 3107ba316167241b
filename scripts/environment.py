"""Make `.venv`, install a lock into it, and go on inside it. Python's standard library is all this module needs.

`enter("run")` at the top of a script returns only when that script runs in `.venv` with run.lock installed. The first
start makes the environment; later ones compare a hash and touch neither the network nor the disk.

What was installed is written to `.venv/microfer.json`, first as "installing" and, when all is done, as "ready" with the
hash of each lock. A start that finds anything but "ready" makes the environment anew, because a package that was cut
off half-way can look installed to pip.
"""

from __future__ import annotations  # so that an older Python reaches the message about its age

import hashlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("run", "train", "dev")
"""Each holds all packages of the one before, in the same versions; scripts/lock.py makes it so."""

OLDEST, NEWEST = (3, 11), (3, 13)
STAMP = "microfer.json"
INSIDE = "MICROFER_INSIDE_VENV"
TYPED = "MICROFER_TYPED"
"""How a person typed what runs, where that is not the name of a script."""

_UNREACHABLE = re.compile(
    r"NameResolutionError|Temporary failure in name resolution|getaddrinfo failed|Failed to establish a new connection"
    r"|ConnectTimeoutError|Network is unreachable|Cannot connect to proxy|RemoteDisconnected|Connection refused"
    r"|\(from versions: none\)"
)


class SetupError(Exception):
    """What keeps the environment from being made; the message says what to do about it."""


def enter(lock: str, root: Path = ROOT) -> None:
    """Return where the calling script already runs in `.venv` with `lock` ready; else set that up and run it there.

    Prints an error and exits with status 2 where the environment cannot be made.
    """
    if os.environ.pop(INSIDE, None) == str(root):
        return
    try:
        python = prepare(lock, root)
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("\nstopped; the next start makes .venv again", file=sys.stderr)
        sys.exit(130)
    os.environ[INSIDE] = str(root)
    command = [str(python), *sys.argv]
    if os.name == "posix":
        sys.stdout.flush()
        os.execv(command[0], command)  # noqa: S606
    try:  # Windows has no exec: there the new process would run on behind the shell's prompt
        sys.exit(subprocess.run(command, check=False).returncode)
    except KeyboardInterrupt:
        sys.exit(130)


def prepare(lock: str, root: Path = ROOT) -> Path:
    """Return the path of `.venv`'s Python, after making `.venv` and installing `requirements/{lock}.lock` if need be.

    A larger lock that is installed already is kept: `run` after `dev` installs nothing, and when the locks have
    changed, the largest one that was there is brought up to date.

    Raises:
        SetupError: Python is too old or too new, venv is missing, `.venv` is someone else's, pip failed.
    """
    _check_python()
    venv = root / ".venv"
    hashes = {name: _hash(root / "requirements" / f"{name}.lock") for name in LOCKS}
    is_complete = _command_of(venv).exists() or not os.access(venv, os.W_OK)
    if is_complete and _stamp(venv).get(lock) == hashes[lock]:
        return _python_of(venv)
    with _alone(root):
        installed = _stamp(venv)  # read again: another start may have been at work until now
        if installed.get(lock) == hashes[lock]:
            _write_command(venv, root)
            return _python_of(venv)
        if not installed:
            _make(venv)
        wanted = max({lock, *installed} & set(LOCKS), key=LOCKS.index)
        _write_stamp(venv, "installing", {})
        _install(venv, root / "requirements" / f"{wanted}.lock")
        _write_command(venv, root)
        _write_stamp(venv, "ready", {name: hashes[name] for name in LOCKS[: LOCKS.index(wanted) + 1]})
    return _python_of(venv)


def _check_python() -> None:
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        oldest, newest = (".".join(map(str, version)) for version in (OLDEST, NEWEST))
        raise SetupError(
            f"microfer needs Python {oldest} to {newest}, this is {sys.version.split()[0]} ({sys.executable}); "
            f"start the script with another one, such as `python{oldest} {' '.join(sys.argv)}`"
        )
    if not all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        raise SetupError(
            "this Python cannot make virtual environments; on Debian and Ubuntu install the package python3-venv "
            f"(`sudo apt install python3-venv`, or python3.{sys.version_info[1]}-venv) and start again"
        )


def _hash(lock: Path) -> str:
    try:
        return hashlib.sha256(lock.read_bytes()).hexdigest()
    except OSError as error:
        raise SetupError(f"cannot read {lock}: {error.strerror}; the checkout is not complete") from error


def _python_of(venv: Path) -> Path:
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _command_of(venv: Path) -> Path:
    return venv / ("Scripts/microfer.cmd" if os.name == "nt" else "bin/microfer")


def _write_command(venv: Path, root: Path) -> None:
    """Write the command `microfer` of an active `.venv`: it runs this checkout, without being installed into it."""
    package = root / "host" / "microfer"
    text = f'#!/bin/sh\n{TYPED}=microfer exec "$(dirname "$0")/python" {shlex.quote(str(package))} "$@"\n'
    if os.name == "nt":
        text = f'@setlocal\n@set {TYPED}=microfer\n@"%~dp0python.exe" "{package}" %*\n'
    path = _command_of(venv)
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_text(text, encoding="utf-8")
    temporary.chmod(0o755)
    temporary.replace(path)


def _stamp(venv: Path) -> dict[str, str]:
    """Return the hashes of the locks that are wholly installed: none where `.venv` is missing, cut off or broken."""
    try:
        stamp = json.loads((venv / STAMP).read_text(encoding="utf-8"))
        python = _python_of(venv)
        # The interpreter behind the link changes when the system's Python is upgraded; its packages do not follow.
        if stamp["state"] == "ready" and python.exists() and stamp["python"] == os.path.realpath(python):
            return dict(stamp["locks"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return {}


def _write_stamp(venv: Path, state: str, locks: dict[str, str]) -> None:
    content = {"state": state, "python": os.path.realpath(_python_of(venv)), "locks": locks}
    temporary = venv / f"{STAMP}.new"
    temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    temporary.replace(venv / STAMP)


def _make(venv: Path) -> None:
    """Make `.venv` with nothing but pip in it. What was left of an earlier one goes, if it was ours."""
    if venv.is_dir() and any(venv.iterdir()) and not (venv / STAMP).exists():
        raise SetupError(f"{venv} was not made by this script; rename or delete it and start again")
    print(f"making {venv}", file=sys.stderr)
    try:
        if venv.exists():
            doomed = venv.with_name(".cache") / f"venv-old-{os.getpid()}"
            venv.rename(doomed)  # at once, so that a stop in the middle of deleting leaves no half of it as .venv
            shutil.rmtree(doomed, ignore_errors=True)
        venv.mkdir()
        _write_stamp(venv, "installing", {})
    except OSError as error:
        raise SetupError(
            f"cannot write {venv}: {error.strerror}; free some space, or close the programs that use it"
        ) from error
    base = getattr(sys, "_base_executable", None) or sys.executable  # not .venv's own Python, which was just deleted
    made = subprocess.run([base, "-I", "-m", "venv", str(venv)], capture_output=True, text=True, check=False)
    if made.returncode:
        raise SetupError(f"python -m venv failed:\n{(made.stdout + made.stderr).strip()}")


def _install(venv: Path, lock: Path) -> None:
    """Install `lock` with pip: every file checked against its hash, nothing compiled on this machine."""
    print(f"installing {lock.name} (the first time only)", file=sys.stderr)
    begin = time.monotonic()
    command = [str(_python_of(venv)), "-I", "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    command += ["--require-hashes", "--only-binary", ":all:", "--no-compile", "-r", str(lock)]
    pip = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    try:
        output = _follow(pip, lock)
        status = pip.wait()
    finally:
        if pip.poll() is None:
            pip.terminate()
            pip.wait()
    if status:
        if _UNREACHABLE.search(output):
            advice = "no package index answered: connect to the network once, later starts need none"
        else:
            advice = "see pip's words above; the next start tries again"
        print("\n".join(output.splitlines()[-15:]), file=sys.stderr)
        raise SetupError(f"pip could not install {lock.name}; {advice}")
    if sys.dont_write_bytecode:
        _compile(venv)
    print(f"installed in {time.monotonic() - begin:.0f} s", file=sys.stderr)


def _compile(venv: Path) -> None:
    """Compile all packages, on every core, where Python is told to keep no bytecode of what it imports.

    With PYTHONDONTWRITEBYTECODE set, as in many container images, each process would compile TensorFlow anew. Packages
    hold some files that are no valid Python, which their owners never import: compileall's status says nothing here.
    """
    command = [str(_python_of(venv)), "-I", "-m", "compileall", "-q", "-j", "0", str(venv)]
    subprocess.run(command, capture_output=True, check=False)


def _follow(pip: subprocess.Popen[str], lock: Path) -> str:
    """Return all that pip prints, showing on a terminal which package it is at."""
    total = len(re.findall(r"^[a-z0-9][^ ]*==", lock.read_text(encoding="utf-8"), re.MULTILINE))
    lines, count, terminal = [], 0, sys.stderr.isatty()
    for line in pip.stdout or ():
        lines.append(line)
        if line.startswith("Ignoring "):  # a requirement whose marker names another system
            total -= 1
        elif line.startswith("Collecting "):
            count += 1
            if terminal:
                print(f"\r\033[K  {count}/{total} {line.split()[1]}", end="", file=sys.stderr, flush=True)
        elif line.startswith("Installing collected") and terminal:
            print(f"\r\033[K  unpacking {total} packages", end="", file=sys.stderr, flush=True)
    if terminal:
        print("\r\033[K", end="", file=sys.stderr)
    return "".join(lines)


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Hold a lock on the repository, so that two first starts at once do not install into the same folder."""
    folder = root / ".cache"
    try:
        folder.mkdir(exist_ok=True)
        file = (folder / "environment.lock").open("a+")
    except OSError as error:
        raise SetupError(f"cannot write in {root}: {error.strerror}; put the checkout where you may") from error
    with file:
        if sys.platform != "win32":
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        else:
            import msvcrt

            while True:
                try:
                    msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)  # gives up after ten seconds
                    break
                except OSError:
                    continue
        yield  # closing the file, or the end of the process, lets the next one in
