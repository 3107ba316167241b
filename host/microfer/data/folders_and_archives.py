"""The files of a folder or archive, listed without leaving any out in silence, and read within limits.

Links are followed. A folder, link or entry that cannot be read is refused by name, because a class that is missing
from a data set shows in no figure.
"""

import gzip
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from microfer.errors import MicroferError

MAX_ENTRIES = 500_000
"""Files in a folder or zip. AffectNet, the largest collection of labelled faces, has 440,000."""

MAX_FILE_BYTES = 32 << 20
"""One picture or description; a 48x48 picture takes 2 KB, a telephone's 12 MB."""

MAX_DIRECTORY_BYTES = 64 << 20
"""A zip's table of contents, of which Python reads the whole: what `MAX_ENTRIES` long names take."""

_LITTER = "__MACOSX"
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)


@dataclass(frozen=True)
class Entry:
    """One file of a folder or zip: its path inside, with `/`, its size in bytes, and how to open it for reading."""

    name: str
    size: int
    open: Callable[[], AbstractContextManager[IO[bytes]]]

    def is_litter(self) -> bool:
        """Return whether the file is hidden, or one of those that macOS leaves in zips."""
        return any(_is_litter(part) for part in PurePosixPath(self.name).parts)

    def suffix(self) -> str:
        """Return the end of the name in lower case, like `.jpg`."""
        return PurePosixPath(self.name).suffix.lower()

    def content(self, where: str) -> bytes:
        """Return the whole file.

        Raises:
            MicroferError: it cannot be read, or is longer than `MAX_FILE_BYTES`, of which nothing more is read.
        """
        with self.open() as file:
            return read_within(file, MAX_FILE_BYTES, f"{where}: {self.name}")


def folder_entries(folder: Path) -> list[Entry]:
    """Return the files below a folder, links followed, without hidden ones.

    Raises:
        MicroferError: a folder cannot be listed, a link leads nowhere or back to a folder above it, something is
            neither file nor folder, or there are more than `MAX_ENTRIES` files.
    """
    entries: list[Entry] = []
    waiting: list[tuple[Path, frozenset[tuple[int, int]]]] = [(folder, frozenset({_identity(folder)}))]
    while waiting:
        place, above = waiting.pop()
        for path in _listed(place):
            status = _status(path)
            if stat.S_ISDIR(status.st_mode):
                identity = (status.st_dev, status.st_ino)
                if identity in above:
                    raise MicroferError(f"{path} leads back to a folder that it is in; remove this link")
                waiting.append((path, above | {identity}))
            elif stat.S_ISREG(status.st_mode):
                name = path.relative_to(folder).as_posix()
                entries.append(Entry(name, status.st_size, partial(open_file, path)))
                check_count(len(entries), str(folder))
            else:
                raise MicroferError(f"{path} is neither a file nor a folder (a pipe, socket or device); remove it")
    return entries


def zip_entries(archive: zipfile.ZipFile, where: str) -> list[Entry]:
    r"""Return the files of an open zip; names with `\`, as some Windows programs write them, get `/`.

    Raises:
        MicroferError: there are more than `MAX_ENTRIES`, or one is a link, which would lead out of the zip, or is
            not stored, deflated or packed by bzip2.
    """
    check_count(len(archive.infolist()), where)
    entries = []
    for info in archive.infolist():
        name = info.filename.replace("\\", "/")
        if name.endswith("/"):
            continue
        if stat.S_ISLNK(info.external_attr >> 16):
            raise MicroferError(
                f"{where}: {name} is a symbolic link, which leads nowhere inside a zip; "
                "pack the files that it stands for (zip -r without -y does)"
            )
        if info.compress_type not in _COMPRESSIONS:
            raise MicroferError(
                f"{where}: {name} is compressed in a way (number {info.compress_type}) that is not read, because it "
                "can claim any amount of memory; pack it again as an ordinary zip"
            )
        entries.append(Entry(name, info.file_size, partial(_open_zipped, archive, info, where)))
    return entries


@contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip for reading.

    Raises:
        MicroferError: it is damaged, or its table of contents is longer than `MAX_DIRECTORY_BYTES`.
    """
    with open_file(path) as file:
        declared = _directory_bytes(file)
        if declared > MAX_DIRECTORY_BYTES:
            raise MicroferError(
                f"{path}: the zip's table of contents has {declared:,} bytes, and at most {MAX_DIRECTORY_BYTES:,} "
                f"({MAX_ENTRIES:,} files) are read; split the zip, or extract it and name the folder"
            )
        try:
            archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
            raise MicroferError(f"{path}: cannot be read as a zip ({error}); download it again") from error
        with archive:
            yield archive


@contextmanager
def open_tar(path: Path) -> Iterator[list[Entry]]:
    """Open a .tar.gz, as Kaggle's competition has it, and give its files.

    Raises:
        MicroferError: it is damaged, there are more than `MAX_ENTRIES` files, or one is a link, which would lead out of
            the archive, or neither file nor folder.
    """
    with (
        open_file(path) as file,
        _unpacking(str(path)),
        _BoundedGzip(fileobj=file) as unpacked,
        tarfile.open(fileobj=unpacked, mode="r:") as archive,
    ):
        entries = list(_tar_entries(archive, str(path)))
        while unpacked.read(1 << 20):  # to the checksum at its end, or tarfile takes a part for the whole
            pass
        yield entries


def _tar_entries(archive: tarfile.TarFile, where: str) -> Iterator[Entry]:
    for number, info in enumerate(archive, start=1):
        check_count(number, where)
        if info.isdir():
            continue
        if not info.isreg():
            raise MicroferError(f"{where}: {info.name} is neither a file nor a folder; extract it and name the folder")
        yield Entry(info.name.removeprefix("./"), info.size, partial(_open_packed, archive, info, where))


@contextmanager
def _open_packed(archive: tarfile.TarFile, info: tarfile.TarInfo, where: str) -> Iterator[IO[bytes]]:
    with _unpacking(f"{where}: {info.name}"):
        file = archive.extractfile(info)
        if file is None:
            raise MicroferError(f"{where}: {info.name} holds nothing to read")
        with file:
            yield file


@contextmanager
def _unpacking(what: str) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise MicroferError(f"{what}: cannot be unpacked ({error}); download it again") from error


class _BoundedGzip(gzip.GzipFile):
    """A .gz of which nothing reads more at once than a table of contents may have: headers can claim any length."""

    def read(self, size: int | None = -1) -> bytes:
        """Return at most `size` bytes. Raises tarfile.ReadError where that is too many, or no number."""
        if size is None or not 0 <= size <= MAX_DIRECTORY_BYTES:
            raise tarfile.ReadError(f"a header claims more than {MAX_DIRECTORY_BYTES:,} bytes")
        return super().read(size)


@contextmanager
def open_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading. Raises MicroferError, naming it, where that or reading it fails."""
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise MicroferError(f"cannot read {path}: {error.strerror or error}") from error


def read_within(file: IO[bytes], most_bytes: int, at: str) -> bytes:
    """Return the rest of an open file. Raises MicroferError if it has more than `most_bytes`, and reads no more."""
    content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise MicroferError(
            f"{at}: more than {most_bytes:,} bytes, which is the most that is read of one file; "
            "make it smaller or delete it"
        )
    return content


def check_count(count: int, where: str) -> None:
    """Raise MicroferError if there are more images or files than `MAX_ENTRIES`."""
    if count > MAX_ENTRIES:
        raise MicroferError(f"{where} holds more than {MAX_ENTRIES:,} images or files, which is the limit; take a part")


@contextmanager
def _open_zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo, where: str) -> Iterator[IO[bytes]]:
    try:
        with archive.open(info) as file:
            yield file
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError, ValueError) as error:
        # RuntimeError is an encrypted entry, or (NotImplementedError) a compression that Python does not know.
        raise MicroferError(f"{where}: {info.filename}: cannot be unpacked ({error}); download it again") from error


def _is_litter(part: str) -> bool:
    return (part.startswith(".") and part not in {".", ".."}) or part == _LITTER


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not _is_litter(path.name))
    except OSError as error:
        raise MicroferError(f"cannot read the folder {folder}: {error.strerror or error}") from error


def _status(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        if path.is_symlink():
            raise MicroferError(
                f"{path} is a link that leads nowhere, to {path.readlink()}; remove it, or restore its target"
            ) from error
        raise MicroferError(f"cannot read {path}: {error.strerror or error}") from error


def _identity(folder: Path) -> tuple[int, int]:
    status = _status(folder)
    return status.st_dev, status.st_ino


def _directory_bytes(file: IO[bytes]) -> int:
    """Return the length that a zip says its table of contents has; 0 where it is no zip. Moves to the beginning.

    The record at the end says it, in its zip64 form where the short one cannot.
    """
    end = file.seek(0, os.SEEK_END)
    file.seek(max(0, end - (1 << 16) - 128))
    tail = file.read()
    file.seek(0)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + 16 > len(tail):
        return 0
    (short,) = struct.unpack_from("<I", tail, at + 12)
    long = tail.rfind(b"PK\x06\x06", 0, at)
    if short == 0xFFFFFFFF and 0 <= long <= len(tail) - 48:
        (short,) = struct.unpack_from("<Q", tail, long + 40)
    return int(short)
