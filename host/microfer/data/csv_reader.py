"""Reader for the CSV files in which Kaggle hands out FER-2013.

A row holds a label, 48 * 48 = 2,304 gray values separated by spaces, and mostly the split's name. Rows are counted
as a spreadsheet does: the header is row 1.
"""

import csv
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
import numpy.typing as npt

from microfer.contract import CROP_SIZE, LABELS, NUM_CLASSES, PIXEL_MAX
from microfer.data.dataset import USAGES, Dataset
from microfer.data.progress import progress_bar
from microfer.data.spelling import label_of, usages_of
from microfer.errors import MicroferError

PIXELS = CROP_SIZE * CROP_SIZE

_CUT = "the file looks cut off or damaged: download it again"


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


def read_csv(file: IO[bytes], where: str, total_bytes: int = 0) -> Dataset:
    """Read a FER-2013 CSV, in the order of its rows.

    Args:
        file: the CSV, open for reading bytes.
        where: how messages call it.
        total_bytes: its size, for the progress bar; 0 draws none.

    Returns:
        The images, uint8 (n, 48, 48); `names` are `row 2`, `row 3`, ... Without a `Usage` column every image's
        usage is "unknown".

    Raises:
        MicroferError: a header, row or value is not what it should be, with the file and the row; or there is none.
    """
    images: list[npt.NDArray[np.uint8]] = []
    labels: list[int] = []
    usages: list[str] = []
    names: list[str] = []
    rows = _rows(file, where)
    columns = _header(rows, where)
    with progress_bar("reading CSV", total_bytes) as advance:
        done = 0
        for number, row in rows:
            at = f"{where}, row {number}"
            if len(row) != columns.count:
                raise MicroferError(f"{at}: {len(row)} fields where the header has {columns.count}; {_CUT}")
            labels.append(_label(row[columns.label], at))
            usages.append("unknown" if columns.usage is None else _usage(row[columns.usage], at))
            images.append(_pixels(row[columns.pixels], at))
            names.append(f"row {number}")
            done += len(row[columns.pixels])
            if number % 500 == 0:
                advance(done)
    if not images:
        raise MicroferError(f"{where}: there is a header but no row below it; {_CUT}")
    shaped = np.stack(images).reshape(-1, CROP_SIZE, CROP_SIZE)
    return Dataset(shaped, np.array(labels, np.uint8), np.array(usages), np.array(names), where)


def _rows(file: IO[bytes], where: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (row number, fields) of every row that is not blank."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    reader = csv.reader(text)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except (csv.Error, UnicodeDecodeError) as error:
        after = f"after row {reader.line_num}"
        raise MicroferError(f"{where}, {after}: this is no CSV text ({error}); {_CUT}") from error


def _header(rows: Iterator[tuple[int, list[str]]], where: str) -> Columns:
    _, header = next(rows, (1, []))
    if not header:
        raise MicroferError(f"{where}: the file is empty; {_CUT}")
    columns = columns_of(header)
    if columns is None:
        shown = ",".join(header)
        shown = shown if len(shown) < 60 else shown[:60] + "..."
        raise MicroferError(
            f"{where}, row 1: the header is {shown!r}, expected emotion,pixels,Usage (in any order); "
            "choose the file with both labels and pixels (fer2013.csv, icml_face_data.csv or train.csv)"
        )
    return columns


def _label(cell: str, at: str) -> int:
    label = label_of(cell)
    if label is None:
        meaning = ", ".join(f"{index} {name}" for index, name in enumerate(LABELS))
        raise MicroferError(
            f"{at}: the label is {cell!r}, expected 0 to {NUM_CLASSES - 1} ({meaning}); correct the row"
        )
    return label


def _usage(cell: str, at: str) -> str:
    usages = usages_of(cell)
    if not usages:
        raise MicroferError(
            f"{at}: the usage is {cell!r}, expected {', '.join(USAGES[:-1])}; correct the row, or {_CUT}"
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
    """Return the gray values of a cell, or raise the error that says which of them is wrong."""
    words = cell.split()
    for index, word in enumerate(words):
        if not (word.isascii() and word.isdigit()):
            raise MicroferError(
                f"{at}: pixel {index} is {word[:20]!r}, expected a number from 0 to {PIXEL_MAX}; {_CUT}"
            )
        if len(word.lstrip("0")) > len(str(PIXEL_MAX)) or int(word) > PIXEL_MAX:
            raise MicroferError(f"{at}: pixel {index} is {word[:20]}, expected at most {PIXEL_MAX}; correct the row")
    if len(words) != PIXELS:
        raise MicroferError(f"{at}: {len(words)} pixels, expected {CROP_SIZE} * {CROP_SIZE} = {PIXELS:,}; {_CUT}")
    return np.array([int(word) for word in words], np.uint8)
