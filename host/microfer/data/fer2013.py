"""FER-2013, in whatever form the user has it."""

import csv
import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from microfer.data.csv_reader import Columns, columns_of, read_csv
from microfer.data.dataset import Dataset
from microfer.data.folder_reader import IMAGE_SUFFIXES, Entry, read_images
from microfer.errors import MicroferError

_EXPECTED = "expected FER-2013's CSV, a folder with train/ and test/, or a zip of either"


def load(path: Path | str) -> Dataset:
    """Return FER-2013 from a Kaggle CSV, a folder of images, or a zip of either.

    A CSV keeps its order, images are sorted by name. Usage is "unknown" for images that no column, folder or file
    name assigns to one of the splits; a caller that needs the splits tells the user so.

    Raises:
        MicroferError: the path is missing, is none of these, or holds something that is not FER-2013; the message
            names the file and the row or entry.
    """
    path = Path(path)
    if path.is_dir():
        return _load_folder(path)
    if not path.exists():
        raise MicroferError(f"there is no {path}; {_EXPECTED}")
    if path.suffix.lower() == ".csv":
        return _load_csv(path)
    if path.suffix.lower() == ".zip" or zipfile.is_zipfile(path):
        return _load_zip(path)
    raise MicroferError(f"{path} is neither .csv, .zip nor a folder; {_EXPECTED} (extract a .tar.gz first)")


def _load_csv(path: Path) -> Dataset:
    with _open_file(path) as file:
        return read_csv(file, str(path), path.stat().st_size)


def _load_zip(path: Path) -> Dataset:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise MicroferError(f"{path}: cannot be read as a zip ({error}); download it again") from error
    with archive:
        entries = [
            Entry(info.filename, info.file_size, partial(_open_zipped, archive, info, path))
            for info in archive.infolist()
            if not info.is_dir()
        ]
        return _load_entries(entries, str(path))


def _load_folder(folder: Path) -> Dataset:
    try:
        entries = [
            Entry(file.relative_to(folder).as_posix(), file.stat().st_size, partial(_open_file, file))
            for file in folder.rglob("*")
            if file.is_file()
        ]
    except OSError as error:
        raise MicroferError(f"cannot read {folder}: {error.strerror or error}") from error
    return _load_entries(entries, str(folder))


def _load_entries(entries: Sequence[Entry], where: str) -> Dataset:
    wanted = [entry for entry in entries if not entry.is_litter()]
    images = [entry for entry in wanted if entry.suffix() in IMAGE_SUFFIXES]
    tables = _tables(wanted)
    if images and tables:
        raise MicroferError(
            f"{where} holds both images and {tables[0].name}, so which to read is unclear; "
            "name the CSV itself, or keep only one of the two"
        )
    if images:
        return read_images(images, where)
    if len(tables) > 1:
        names = ", ".join(entry.name for entry in tables)
        raise MicroferError(f"{where} holds several CSV files ({names}); extract the one to read and name it")
    if not tables:
        raise MicroferError(f"{where} holds no images and no FER-2013 CSV; {_EXPECTED}")
    with tables[0].open() as file:
        return read_csv(file, f"{where}: {tables[0].name}", tables[0].size)


def _tables(entries: Sequence[Entry]) -> list[Entry]:
    """Return the CSV files with labels and pixels; where some of them also tell the splits, only those."""
    found = [(entry, _columns(entry)) for entry in entries if entry.suffix() == ".csv"]
    tables = [(entry, columns) for entry, columns in found if columns is not None]
    with_splits = [entry for entry, columns in tables if columns.usage is not None]
    return with_splits or [entry for entry, _ in tables]


def _columns(entry: Entry) -> Columns | None:
    with entry.open() as file:
        text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="")
        header = text.readline(1000)
    return columns_of(next(csv.reader([header]), []))


@contextmanager
def _open_file(path: Path) -> Iterator[IO[bytes]]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise MicroferError(f"cannot read {path}: {error.strerror or error}") from error


@contextmanager
def _open_zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> Iterator[IO[bytes]]:
    try:
        with archive.open(info) as file:
            yield file
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError) as error:
        # RuntimeError is an encrypted entry, or (NotImplementedError) a compression that Python does not know.
        raise MicroferError(f"{path}: {info.filename}: cannot be unpacked ({error}); download it again") from error
