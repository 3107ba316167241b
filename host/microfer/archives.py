"""Archives from outside, NumPy's .npz and zip, read within bounds. Nothing in them is run or unpickled.

They hold networks and checkpoints; zips of pictures are read by `data.folders_and_archives`.
"""

import lzma
import math
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from microfer.errors import shown

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MOST_MEMBERS = 10_000
"""Members of an archive that are looked at; a checkpoint has some hundreds, a .keras file five."""

LONGEST_SAID = 200

READ_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, OSError, ValueError, OverflowError, RuntimeError),
)
"""What the standard library raises for a member that is damaged, encrypted or packed in a way that it does not know.

OSError and ValueError come from offsets to which no file can seek, RuntimeError from a password.
"""


class ArchiveError(ValueError):
    """It is no archive of the expected kind, it is damaged, or it would become larger than it may."""


def members(path: Path | str) -> zipfile.ZipFile:
    """Return a zip file, open, with at most MOST_MEMBERS members.

    Raises:
        OSError: it cannot be read.
        ArchiveError: it is no zip file or has more members.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
        raise ArchiveError(_said(error)) from error
    if len(archive.infolist()) > MOST_MEMBERS:
        archive.close()
        raise ArchiveError(f"it has more than {MOST_MEMBERS:,} members")
    return archive


def read_member(archive: zipfile.ZipFile, name: str, longest: int) -> bytes:
    """Return a member's content, at most `longest` bytes, whatever the archive says of it.

    Raises:
        KeyError: there is none of this name.
        ArchiveError: it is longer, damaged, encrypted, or packed in an unknown way.
    """
    member = archive.getinfo(name)
    if member.file_size > longest:
        raise ArchiveError(f"{name} has {member.file_size:,} bytes, expected at most {longest:,}")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # LZMA may ask for 4 GB to unpack
        raise ArchiveError(f"{name} is packed in a way that is not read here: zip it again without options")
    try:
        with archive.open(name) as file:
            return file.read()  # never more than `file_size`, which zipfile checks together with the CRC
    except READ_ERRORS as error:
        raise ArchiveError(f"{name} is damaged: {_said(error)}") from error


def read_arrays(path: Path | str) -> "dict[str, npt.NDArray[Any]]":
    """Return the arrays of an .npz that `numpy.savez` wrote: nothing in it is packed, so none is larger than the file.

    Raises:
        OSError: it cannot be read.
        ArchiveError: it is no such file, is damaged, or holds anything but numbers and texts.
    """
    size = Path(path).stat().st_size
    with members(path) as archive:
        if sum(one.file_size for one in archive.infolist()) > size:
            raise ArchiveError("its arrays would be larger than the file: it is not one that numpy.savez wrote")
        found = {}
        for one in archive.infolist():
            try:
                with archive.open(one) as file:
                    found[one.filename.removesuffix(".npy")] = _array(file, one)
            except ArchiveError:
                raise
            except READ_ERRORS as error:
                raise ArchiveError(f"{one.filename} is damaged: {_said(error)}") from error
    return found


def _said(error: Exception) -> str:
    """Return what an error says, but not the kilobytes that zipfile shows where a length is damaged."""
    text = str(error)
    return text if len(text) <= LONGEST_SAID else text[: LONGEST_SAID - 3] + "..."


def _array(file: IO[bytes], member: zipfile.ZipInfo) -> "npt.NDArray[Any]":
    import numpy as np

    shape, by_columns, dtype = _array_header(file, member.filename)
    if dtype.kind not in "biufU":
        raise ArchiveError(f"{member.filename} holds {dtype}, expected numbers or a text")
    count = math.prod(shape)
    if count * dtype.itemsize != member.file_size - file.tell():
        raise ArchiveError(f"{member.filename} says that it is {dtype} {shape}, which is not what it holds")
    flat = np.frombuffer(file.read(), dtype, count) if count else np.zeros(0, dtype)
    return flat.reshape(shape, order="F" if by_columns else "C").copy()


def _array_header(file: IO[bytes], name: str) -> "tuple[tuple[int, ...], bool, np.dtype[Any]]":
    """Return shape, whether columns come first, and dtype, as the array's header says."""
    import numpy as np

    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    try:
        shape, by_columns, dtype = readers[np.lib.format.read_magic(file)](file)
    except Exception as error:  # NumPy lets a literal's tokenizer, its parser and many others speak
        raise ArchiveError(f"{name} has no readable header of an array ({shown(error)})") from error
    if not all(type(length) is int and length >= 0 for length in shape):
        raise ArchiveError(f"{name} has the shape {shape}")
    return shape, by_columns, dtype
