"""Writing files so that nothing half-written is ever left under its final name."""

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from microfer.errors import MicroferError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOCK_FILE = "run.lock"

UNFINISHED = ".unfinished"
"""Stands in the name of every file that is being written. One that nobody writes any more is swept away."""

_swept: set[Path] = set()
"""Folders in which this process has looked for what killed ones left."""


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends well, delete it otherwise.

    The temporary name keeps the suffix of `path`, because savers choose their format by it. A process that is killed
    leaves its temporary file behind; the next one that writes into the folder deletes it.

    Raises:
        MicroferError: the folder cannot be made or written, or the disk is full.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent)
        held, temporary = _temporary(path)
    except OSError as error:
        raise MicroferError(f"cannot write {path}: {error.strerror or error}; choose another folder") from error
    with held:
        try:
            yield temporary
            _flush_to_disk(temporary)
            temporary.replace(path)
        except OSError as error:
            raise MicroferError(f"cannot write {path}: {error.strerror or error}; nothing was changed") from error
        finally:
            temporary.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Delete what killed processes left half-written in `folder`, once in this process; others' work stays."""
    folder = folder.absolute()
    if folder in _swept:
        return
    _swept.add(folder)
    for path in folder.glob(f".*{UNFINISHED}*"):
        with suppress(OSError):  # somebody writes it, or it is gone already
            if sys.platform == "win32":
                path.unlink()  # which fails while it is open
                continue
            with path.open("r+b") as file:
                _lock(file)
                path.unlink()


def _temporary(path: Path) -> tuple[IO[bytes], Path]:
    """Return a new file beside `path`, held so that no other process sweeps it away, and its name."""
    while True:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=f"{UNFINISHED}{path.suffix}", dir=path.parent)
        file = os.fdopen(handle, "r+b")
        Path(name).chmod(0o666 & ~_umask())
        if sys.platform == "win32":
            file.close()  # an open one could not be renamed
            return file, Path(name)
        with suppress(BlockingIOError):
            _lock(file)
            if os.fstat(file.fileno()).st_nlink:
                return file, Path(name)
        file.close()  # another process swept between the two calls: once more


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Keep other processes that ask for the same out of `folder` until the block ends, or this process, however.

    Raises:
        MicroferError: another process is in it, or the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK_FILE).open("ab")
    except OSError as error:
        raise MicroferError(f"cannot write {folder}: {error.strerror or error}; choose another folder") from error
    with file:
        try:
            _lock(file)
        except OSError as error:
            raise MicroferError(
                f"another process is writing {folder}: wait for it, or choose another folder"
            ) from error
        yield


def _lock(file: IO[bytes]) -> None:
    """Lock an open file or raise OSError at once; the system lets go of it when the file is closed."""
    if sys.platform == "win32":
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def write_bytes(path: Path | str, content: bytes) -> None:
    """Write `content` to `path` as a whole or not at all. Raises MicroferError as `atomic_path` does."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path | str, content: str) -> None:
    """Write `content` as UTF-8 with LF line ends on every system, as a whole or not at all."""
    write_bytes(path, content.encode())


def write_if_changed(path: Path | str, content: str) -> bool:
    """Write `content` as `write_text` does, unless `path` holds it already; return whether it was written.

    A file that is not touched keeps its time, so that what is built from it is not built again.
    """
    path = Path(path)
    if path.is_file() and read_bytes(path) == content.encode():
        sweep(path.parent)
        return False
    write_text(path, content)
    return True


def write_json(path: Path | str, content: Any) -> None:
    """Write `content` as indented JSON, as a whole or not at all."""
    write_text(path, json_text(content))


def json_text(content: Any) -> str:
    """Return the text that `write_json` writes."""
    return json.dumps(content, indent=2) + "\n"


def read_bytes(path: Path | str) -> bytes:
    """Return the content of `path`. Raises MicroferError, naming it, where it is missing or unreadable."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise MicroferError(f"cannot read {path}: {error.strerror or error}") from error


def fingerprint(path: Path) -> dict[str, str]:
    """Return "file", the name, and "sha256" of the content: what a record keeps of a file, without its folder.

    Raises:
        MicroferError: it cannot be read.
    """
    return {"file": path.name, "sha256": hashlib.sha256(read_bytes(path)).hexdigest()}


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _flush_to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
