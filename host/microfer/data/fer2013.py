"""FER-2013, in whatever form the user has it."""

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from rich.markup import escape

from microfer.console import console
from microfer.data import description
from microfer.data.csv_reader import Columns, header_of, read_csv
from microfer.data.dataset import Dataset
from microfer.data.decoding import IMAGE_SUFFIXES, told_apart
from microfer.data.description import Description
from microfer.data.folder_reader import read_images
from microfer.data.folders_and_archives import Entry, folder_entries, open_file, open_tar, open_zip, zip_entries
from microfer.data.splits import as_described
from microfer.data.votes import by_votes
from microfer.errors import MicroferError

_UNREAD = frozenset(
    (".avif", ".heic", ".heif", ".jp2", ".svg", ".psd", ".npy", ".npz", ".mat", ".pkl", ".h5", ".hdf5", ".parquet")
)
"""Files that hold pictures for other programs: left out in silence they would be missed."""

_GZIP = b"\x1f\x8b"
_EXPECTED = "expected FER-2013's CSV, a folder with train/ and test/, or a zip or .tar.gz of either"


def load(path: Path | str) -> Dataset:
    """Return FER-2013 from a Kaggle CSV, a folder of images, or a zip or .tar.gz of either.

    A CSV keeps its order, images are sorted by name. Usage is "unknown" for images that no column, folder or file
    name assigns to one of the splits; a caller that needs the splits tells the user so. A file `dataset.toml` may say
    more of the data set, see `microfer.data.description`.

    Raises:
        MicroferError: the path is missing, is none of these, or holds something that is not FER-2013; the message
            names the file and the row or entry.
    """
    dataset = _read(Path(path))
    if dataset.description.votes:
        dataset = by_votes(dataset, _votes_beside(Path(path), dataset.description.votes))
    if dataset.description.says_something:
        console.print(escape(dataset.description.describe()), style="yellow", highlight=False, soft_wrap=True)
    return as_described(dataset)


def _read(path: Path) -> Dataset:
    if path.is_dir():
        return _load_entries(folder_entries(path), str(path))
    if not path.exists():
        raise MicroferError(f"there is no {path}; {_EXPECTED}")
    with open_file(path) as file:
        start = file.read(512)
    name, said = path.name.lower(), told_apart(start)
    if start.startswith(b"PK\x03\x04") or (name.endswith(".zip") and said is None):
        with open_zip(path) as archive:
            return _load_entries(zip_entries(archive, str(path)), str(path), description.beside(path))
    if name.endswith((".tar.gz", ".tgz")) and start.startswith(_GZIP):
        with open_tar(path) as entries:
            return _load_entries(entries, str(path), description.beside(path))
    if name.endswith((".csv", ".csv.gz")) and (said is None or start.startswith(_GZIP)):
        return _load_csv(path, is_packed=start.startswith(_GZIP))
    raise MicroferError(
        f"{path} {said}"
        if said and not start.startswith(_GZIP)
        else f"{path} is neither .csv, .zip, .tar.gz nor a folder; {_EXPECTED}"
    )


def _load_csv(path: Path, *, is_packed: bool) -> Dataset:
    said_of_it = description.beside(path)
    with open_file(path) as file:
        if not is_packed:
            return read_csv(file, str(path), path.stat().st_size, said_of_it)
        try:
            with gzip.GzipFile(fileobj=file) as unpacked:
                return read_csv(unpacked, str(path), description=said_of_it)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise MicroferError(f"{path}: cannot be unpacked ({error}); download it again") from error


def _load_entries(entries: Sequence[Entry], where: str, beside: Description | None = None) -> Dataset:
    """Read what a folder or zip holds. beside: what a file next to it says of its classes, which then counts."""
    wanted = [entry for entry in entries if not entry.is_litter()]
    inside = description.among(wanted, where)
    said_of_it = beside if beside and beside.says_something else inside
    images = [entry for entry in wanted if entry.suffix() in IMAGE_SUFFIXES or _may_be_image(entry, said_of_it)]
    tables = _tables(wanted)
    if images and tables:
        raise MicroferError(
            f"{where} holds both images and {tables[0].name}, so which to read is unclear; "
            "name the CSV itself, or keep only one of the two"
        )
    if images:
        _refuse_unread(wanted, where)
        return read_images(images, where, said_of_it)
    if len(tables) > 1:
        names = ", ".join(entry.name for entry in tables)
        raise MicroferError(f"{where} holds several CSV files ({names}); extract the one to read and name it")
    if not tables:
        raise MicroferError(f"{where} holds no images and no FER-2013 CSV; {_EXPECTED}{_instead(wanted)}")
    with tables[0].open() as file:
        return read_csv(file, f"{where}: {tables[0].name}", tables[0].size, said_of_it)


def _votes_beside(path: Path, name: str) -> Path:
    votes = (path if path.is_dir() else path.parent) / name
    if not votes.is_file():
        raise MicroferError(f"there is no {votes}; get FER+'s fer2013new.csv from github.com/microsoft/FERPlus")
    return votes


def _may_be_image(entry: Entry, said_of_it: Description) -> bool:
    """Return whether a file without an ending stands where an image belongs."""
    folder = PurePosixPath(entry.name).parent.name
    return not entry.suffix() and (said_of_it.knows(folder) or said_of_it.label_of(folder) is not None)


def _refuse_unread(entries: Sequence[Entry], where: str) -> None:
    unread = [entry.name for entry in entries if entry.suffix() in _UNREAD]
    if unread:
        raise MicroferError(
            f"{where} also holds {len(unread)} files of a kind that is not read, such as {unread[0]}; "
            "save these pictures as PNG, or delete the files"
        )


def _instead(entries: Sequence[Entry]) -> str:
    """Return what is there in place of a data set, for the end of the error, or nothing."""
    packed = [entry.name for entry in entries if entry.name.lower().endswith((".zip", ".gz", ".tar", ".rar", ".7z"))]
    if packed:
        return f". It holds {packed[0]}: extract that, and name what comes out"
    unread = [entry.name for entry in entries if entry.suffix() in _UNREAD]
    return f". It holds {unread[0]}, which is not read: save the pictures as PNG" if unread else ""


def _tables(entries: Sequence[Entry]) -> list[Entry]:
    """Return the CSV files with labels and pixels; where some of them also tell the splits, only those."""
    found = [(entry, _columns(entry)) for entry in entries if entry.suffix() == ".csv"]
    tables = [(entry, columns) for entry, columns in found if columns is not None]
    with_splits = [entry for entry, columns in tables if columns.usage is not None]
    return with_splits or [entry for entry, _ in tables]


def _columns(entry: Entry) -> Columns | None:
    with entry.open() as file:
        return header_of(file)
