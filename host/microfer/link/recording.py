"""Recordings of the link: the raw bytes with their arrival times, in a file that can be cut anywhere.

The file is a header and then chunks, each with its own CRC-32, only ever appended to:

    header  "MICROFER-LINK" and a line feed, u16 version, u16 length, JSON, u32 CRC-32 of all that
    chunk   u8 kind, u32 length, u64 monotonic_ns, u64 wall_ns, content, u32 CRC-32 of all that

The header's JSON says the port, the start and microfer's version.

Numbers are little-endian. A chunk's kind is 1 for bytes as they were read, 2 for the port opened, 3 for the port lost.
What was read is handed to the system at once, so that a crash of the viewer costs the chunk under way at most. A
recording holds what the board sent and nothing else: pixels only where previews were on.
"""

import json
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from microfer import __version__
from microfer.errors import MicroferError
from microfer.files import read_bytes
from microfer.json_reader import JsonError, parse, typed
from microfer.link.events import Instant, LinkChange, Lost, Opened, Timed
from microfer.link.reader import LinkReader

MAGIC = b"MICROFER-LINK\n"
VERSION = 1
SUFFIX = ".mfrec"

_HEAD = struct.Struct("<HH")
_CHUNK = struct.Struct("<BIQQ")
_CRC = struct.Struct("<I")
_BYTES, _OPENED, _LOST = 1, 2, 3
_LONGEST_BYTES = 1 << 20
"""Longer than anything that is read at once; a length beyond it is damage."""


@dataclass(frozen=True)
class Chunk:
    """What arrived at one moment: bytes, or a change of the link."""

    at: Instant
    content: bytes | LinkChange


@dataclass(frozen=True)
class Recording:
    """A recording read back.

    header: what its JSON says. cut: how the file ends before its time, in words; empty where it ends with a whole
    chunk.
    """

    path: Path
    header: dict[str, str]
    chunks: tuple[Chunk, ...]
    cut: str

    @property
    def duration_s(self) -> float:
        """Seconds from the first chunk to the last."""
        return self.chunks[-1].at.since(self.chunks[0].at) if self.chunks else 0.0

    def events(self) -> Iterator[Timed]:
        """Yield the very events that the connection gave, with their times."""
        reader = LinkReader()
        for chunk in self.chunks:
            yield from events_of(reader, chunk)


class Recorder:
    """Writes a recording; its `write` is a `microfer.link.connection.Tap`."""

    def __init__(self, path: Path | str, port: str) -> None:
        """Make the file and write its header. Raises MicroferError where it is there already or cannot be written."""
        self.path = Path(path)
        self.chunks = 0
        """How many were written."""
        now = Instant.now()
        content = {"port": port, "start": now.iso(), "microfer": __version__}
        text = json.dumps(content).encode()
        head = MAGIC + _HEAD.pack(VERSION, len(text)) + text
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO | None = self.path.open("xb", buffering=0)
        except FileExistsError as error:
            raise MicroferError(
                f"{path} already exists: recordings are not overwritten, choose another name"
            ) from error
        except OSError as error:
            raise MicroferError(f"cannot write {path}: {error.strerror or error}; choose another folder") from error
        try:
            self._append(head + _CRC.pack(zlib.crc32(head)))
        except MicroferError:
            self._file.close()
            self.path.unlink(missing_ok=True)  # it holds nothing, and would stand in the way of the next try
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, at: Instant, content: bytes | LinkChange) -> None:
        """Append what arrived. Raises MicroferError where the disk is full; what was written before stays readable."""
        match content:
            case Opened():
                kind, stored = _OPENED, json.dumps({"port": content.port, "again": content.again}).encode()
            case Lost():
                kind, stored = _LOST, json.dumps({"port": content.port, "reason": content.reason}).encode()
            case _:
                kind, stored = _BYTES, content
        body = _CHUNK.pack(kind, len(stored), at.monotonic_ns, at.wall_ns) + stored
        self._append(body + _CRC.pack(zlib.crc32(body)))
        self.chunks += 1

    def close(self) -> None:
        """Close the file, all of it on disk. Raises MicroferError where the disk has no room for what it took."""
        file, self._file = self._file, None
        if file is not None:
            try:
                with file:
                    os.fsync(file.fileno())
            except OSError as error:
                raise MicroferError(f"cannot record into {self.path}: {error.strerror or error}") from error

    def _append(self, content: bytes) -> None:
        if self._file is None:
            raise MicroferError(f"{self.path} is closed")
        try:
            written = self._file.write(content)
        except OSError as error:
            raise MicroferError(f"cannot record into {self.path}: {error.strerror or error}") from error
        if written != len(content):
            raise MicroferError(f"cannot record into {self.path}: the disk is full")


def read_recording(path: Path | str) -> Recording:
    """Return the recording in a file, up to its last whole chunk; `Recording.cut` tells what is missing.

    Raises:
        MicroferError: it cannot be read, is no recording, or is one of a newer version.
    """
    path = Path(path)
    content = read_bytes(path)
    header, position = _read_header(path, content)
    chunks: list[Chunk] = []
    while position < len(content):
        found = _read_chunk(content, position)
        if found is None:
            left = len(content) - position
            cut = f"{path.name} ends in the middle: its last {left} bytes are an incomplete chunk and were left out"
            return Recording(path, header, tuple(chunks), cut)
        chunk, position = found
        chunks.append(chunk)
    return Recording(path, header, tuple(chunks), "")


def events_of(reader: LinkReader, chunk: Chunk) -> list[Timed]:
    """Return the events of one more chunk, as `microfer.link.connection.Connection` gave them when it arrived."""
    if isinstance(chunk.content, bytes):
        return [Timed(chunk.at, event) for event in reader.feed(chunk.content)]
    rest = reader.close() if isinstance(chunk.content, Lost) else []
    return [*(Timed(chunk.at, event) for event in rest), Timed(chunk.at, chunk.content)]


def _read_header(path: Path, content: bytes) -> tuple[dict[str, str], int]:
    begin = len(MAGIC)
    if content[:begin] != MAGIC:
        raise MicroferError(f"{path} is not a recording of the link: expected a file that `--record` made")
    try:
        version, length = _HEAD.unpack_from(content, begin)
        end = begin + _HEAD.size + length
        is_whole = _CRC.unpack_from(content, end)[0] == zlib.crc32(content[:end])
    except struct.error:
        is_whole = False
    if not is_whole:
        raise MicroferError(f"{path} ends within its header or is damaged there: nothing of it can be played")
    if version != VERSION:
        raise MicroferError(f"{path} is a recording of version {version}, expected {VERSION}: update microfer")
    try:
        header = typed(parse(content[begin + _HEAD.size : end]), dict[str, str])
    except JsonError as error:
        raise MicroferError(f"{path} has a header that this microfer did not write: {error}") from error
    return header, end + _CRC.size


def _read_chunk(content: bytes, begin: int) -> tuple[Chunk, int] | None:
    """Return the chunk at `begin` and where it ends; None where it is cut or damaged."""
    try:
        kind, length, monotonic_ns, wall_ns = _CHUNK.unpack_from(content, begin)
        end = begin + _CHUNK.size + length
        if length > _LONGEST_BYTES or _CRC.unpack_from(content, end)[0] != zlib.crc32(content[begin:end]):
            return None
    except struct.error:
        return None
    stored = content[begin + _CHUNK.size : end]
    at = Instant(monotonic_ns, wall_ns)
    if kind == _BYTES:
        return Chunk(at, stored), end + _CRC.size
    try:
        change: LinkChange = typed(parse(stored), {_OPENED: Opened, _LOST: Lost}[kind])
    except (KeyError, JsonError):  # nothing that this version writes: what follows cannot be trusted either
        return None
    return Chunk(at, change), end + _CRC.size
