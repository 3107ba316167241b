"""Reader for the CSV files in which Kaggle hands out FER-2013.

A row holds a label, 48 * 48 = 2,304 gray values separated by spaces, and mostly the split's name. Rows are counted
as a spreadsheet does: the header is row 1.
"""

import csv
import gzip
import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

import numpy as np
import numpy.typing as npt

from microfer.contract import CROP_SIZE, LABELS, NUM_CLASSES, PIXEL_MAX
from microfer.data.dataset import USAGES, Dataset
from microfer.data.decoding import told_apart
from microfer.data.description import Description
from microfer.data.folders_and_archives import check_count
from microfer.data.progress import progress_bar
from microfer.data.spelling import label_of, usages_of
from microfer.errors import MicroferError

PIXELS = CROP_SIZE * CROP_SIZE

MAX_LINE = 4 << 20
"""Characters of a line; a picture of 48x48 takes 9,216 at most, one of 512x512 a million."""

_CUT = "the file looks cut off or damaged: download it again"
_DELIMITERS = ",;\t"
_LIST_MARKS = str.maketrans("[](),;\n\r", "        ")


@dataclass(frozen=True)
class Columns:
    """Where a header puts each field; `usage` is None where the file does not tell the splits."""

    label: int
    pixels: int
    usage: int | None
    count: int


def columns_of(header: list[str]) -> Columns | None:
    """Return where the columns stand, or None where the header is not that of a FER-2013 file."""
    names = [name.strip().lower() for name in header]
    if "emotion" not in names or "pixels" not in names:
        return None
    usage = names.index("usage") if "usage" in names else None
    return Columns(names.index("emotion"), names.index("pixels"), usage, len(names))


def header_of(file: IO[bytes]) -> Columns | None:
    """Return an open CSV's columns, or None where it is none of FER-2013's. Reads no more than 1,000 characters."""
    with _as_text(file, errors="replace") as text:
        return _split_header(text.readline(1000))[1]


def read_csv(
    file: IO[bytes] | gzip.GzipFile, where: str, total_bytes: int = 0, description: Description | None = None
) -> Dataset:
    """Read a FER-2013 CSV, in the order of its rows.

    Args:
        file: the CSV, open for reading bytes; UTF-8, or UTF-16 as some spreadsheets save it.
        where: how messages call it.
        total_bytes: its size, for the progress bar; 0 draws none.
        description: what its labels mean; None: FER-2013's order.

    Returns:
        The images, uint8 (n, 48, 48); `names` are `row 2`, `row 3`, ... Without a `Usage` column every image's
        usage is "unknown".

    Raises:
        MicroferError: a header, row or value is not what it should be, with the file and the row; or there is none;
            or a line is longer than `MAX_LINE`.
    """
    images: list[npt.NDArray[np.uint8]] = []
    labels: list[int] = []
    usages: list[str] = []
    names: list[str] = []
    said = description or Description("")
    with _as_text(file) as text, progress_bar("reading CSV", total_bytes) as advance:
        columns, rows = _header(text, where)
        done = 0
        for number, row in rows:
            at = f"{where}, row {number}"
            if len(row) != columns.count:
                raise MicroferError(f"{at}: {len(row)} fields where the header has {columns.count}; {_CUT}")
            done += len(row[columns.pixels])
            if number % 500 == 0:
                advance(done)
            if said.leaves_out(row[columns.label]):
                continue
            labels.append(_label(row[columns.label], at, said))
            usages.append("unknown" if columns.usage is None else _usage(row[columns.usage], at))
            images.append(_pixels(row[columns.pixels], at))
            names.append(f"row {number}")
            check_count(len(images), where)
    if not images:
        raise MicroferError(f"{where}: there is a header but no row below it; {_CUT}")
    shaped = np.stack(images).reshape(-1, CROP_SIZE, CROP_SIZE)
    return Dataset(shaped, np.array(labels, np.uint8), np.array(usages), np.array(names), where, said)


@contextmanager
def _as_text(file: IO[bytes] | gzip.GzipFile, errors: str = "strict") -> Iterator[io.TextIOWrapper]:
    """Yield an open file as text, by the encoding that its beginning tells; it stays open."""
    buffered = io.BufferedReader(file)  # type: ignore[type-var]  # whatever has readinto, as a zip's entries do
    start = buffered.peek(2)[:2]
    encoding = "utf-8-sig"
    if start in {b"\xff\xfe", b"\xfe\xff"}:
        encoding = "utf-16"
    elif start[:1] == b"\0":
        encoding = "utf-16-be"
    elif start[1:] == b"\0":
        encoding = "utf-16-le"
    text = io.TextIOWrapper(buffered, encoding=encoding, errors=errors, newline="")
    try:
        yield text
    finally:
        text.detach()
        buffered.detach()


def _lines(text: io.TextIOWrapper, where: str) -> Iterator[str]:
    """Yield the lines, none of them longer than MAX_LINE, of which no more is read."""
    number = 0
    while line := text.readline(MAX_LINE + 1):
        if len(line) > MAX_LINE:
            raise MicroferError(
                f"{where}, after row {number}: a line has more than {MAX_LINE:,} characters, which is the limit; "
                "no row of pictures is that long, so this is another kind of file, or it has lost its line ends"
            )
        number += 1
        yield line


def _rows(lines: Iterator[str], delimiter: str, where: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (row number, fields) of every row that is not blank, below the header."""
    reader = csv.reader(lines, delimiter=delimiter)
    before = csv.field_size_limit(MAX_LINE)
    try:
        for row in reader:
            if row:
                yield reader.line_num + 1, row
    except (csv.Error, UnicodeError) as error:
        after = f"after row {reader.line_num + 1}"
        raise MicroferError(f"{where}, {after}: this is not CSV text ({error}); {_CUT}") from error
    finally:
        csv.field_size_limit(before)


def _header(text: io.TextIOWrapper, where: str) -> tuple[Columns, Iterator[tuple[int, list[str]]]]:
    """Return where the columns stand, and the rows below the header."""
    lines = _lines(text, where)
    try:
        first = next(lines, "")
    except UnicodeError as error:
        raise MicroferError(f"{where}: this is not CSV text ({error}); {_CUT}") from error
    if not first.strip():
        raise MicroferError(f"{where}: the file is empty; {_CUT}")
    delimiter, columns = _split_header(first)
    if columns is None:
        shown = first.strip()
        shown = shown if len(shown) < 60 else shown[:60] + "..."
        said = told_apart(first.encode())
        raise MicroferError(
            f"{where}: the file {said}"
            if said
            else f"{where}, row 1: the header is {shown!r}, expected emotion,pixels,Usage (in any order); "
            "choose the file with both labels and pixels (fer2013.csv, icml_face_data.csv or train.csv)"
        )
    return columns, _rows(lines, delimiter, where)


def _split_header(line: str) -> tuple[str, Columns | None]:
    """Return what separates a header's fields, and where they stand; None where it is no header of FER-2013's."""
    for delimiter in _DELIMITERS:
        columns = columns_of(next(csv.reader([line], delimiter=delimiter), []))
        if columns is not None:
            return delimiter, columns
    return _DELIMITERS[0], None


def _label(cell: str, at: str, description: Description) -> int:
    is_said = description.knows(cell) or description.is_own
    label = description.label_of(cell) if is_said else label_of(cell)
    if label is None:
        if description.is_own:
            raise MicroferError(f"{at}: the label is {cell[:40]!r}, expected {' or '.join(description.classes)}")
        meaning = ", ".join(f"{index} {name}" for index, name in enumerate(LABELS))
        elsewhere = f"; {cell.strip()} is contempt in FER+, AffectNet and CK+" if cell.strip() == "7" else ""
        raise MicroferError(
            f"{at}: the label is {cell[:40]!r}, expected 0 to {NUM_CLASSES - 1} ({meaning}){elsewhere}; "
            f"correct the row{_or_write(description, cell)}"
        )
    return label


def _or_write(description: Description, cell: str) -> str:
    name = cell.strip()[:20]
    return (
        f', or write what it means into {description.source}, such as classes = {{"{name}" = ""}}'
        if description.source and name
        else ""
    )


def _usage(cell: str, at: str) -> str:
    usages = usages_of(cell)
    if not usages:
        raise MicroferError(
            f"{at}: the usage is {cell[:40]!r}, expected {', '.join(USAGES[:-1])}; correct the row, or {_CUT}"
        )
    return usages[0]


def _pixels(cell: str, at: str) -> npt.NDArray[np.uint8]:
    """Return the 2,304 gray values of a cell, uint8 (2304,).

    NumPy reads a cell's numbers at once, seven times faster than one after the other, which counts with 83 million
    of them. (`fromstring` is deprecated for bytes alone, not for text.) Where it stops early, or the numbers are
    not pixels, the slow way says why.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that it stopped early: the count shows it
        try:
            values = np.fromstring(cell, np.int64, sep=" ")
        except ValueError:  # what that warning will be one day
            values = np.empty(0, np.int64)
    if len(values) == PIXELS and values.min() >= 0 and values.max() <= PIXEL_MAX:
        return values.astype(np.uint8)
    return _pixels_one_by_one(cell, at)


def _pixels_one_by_one(cell: str, at: str) -> npt.NDArray[np.uint8]:
    """Return the gray values of a cell, also where they are written as a list, or raise what is wrong with them."""
    if "..." in cell:
        raise MicroferError(
            f"{at}: the pixels are shortened with '...', as NumPy prints a large array, so most of them are lost; "
            "write the file again, with ' '.join(map(str, image.ravel()))"
        )
    words = cell.translate(_LIST_MARKS).split()
    for index, word in enumerate(words):
        if not (word.isascii() and word.isdigit()):
            raise MicroferError(
                f"{at}: pixel {index} is {word[:20]!r}, expected a number from 0 to {PIXEL_MAX}; {_no_pixel(word)}"
            )
        if len(word.lstrip("0")) > len(str(PIXEL_MAX)) or int(word) > PIXEL_MAX:
            raise MicroferError(f"{at}: pixel {index} is {word[:20]}, expected at most {PIXEL_MAX}; correct the row")
    if len(words) != PIXELS:
        raise MicroferError(
            f"{at}: {len(words)} pixels, expected {CROP_SIZE} * {CROP_SIZE} = {PIXELS:,}; {_other_size(len(words))}"
        )
    return np.array([int(word) for word in words], np.uint8)


def _no_pixel(word: str) -> str:
    try:
        value = float(word)
    except ValueError:
        return _CUT
    if 0 <= value <= PIXEL_MAX:
        return f"gray values are whole numbers; if these go from 0 to 1, multiply them by {PIXEL_MAX}, and round"
    return "correct the row"


def _other_size(count: int) -> str:
    """Return what to do about pictures of another size, where the number of pixels is one of a square picture."""
    for channels, color in ((1, ""), (3, ", in colour")):
        side = math.isqrt(count // channels)
        if side >= 8 and channels * side * side == count and count > PIXELS // 8:
            return (
                f"that is a picture of {side}x{side}{color}; "
                "write these pictures as PNG files, in a folder for each class"
            )
    return _CUT
