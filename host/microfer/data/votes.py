"""FER+: ten people's votes for each of FER-2013's images, in place of its labels.

E. Barsoum, C. Zhang, C. Canton Ferrer, Z. Zhang, Training deep networks for facial expression recognition with
crowd-sourced label distribution, ICMI 2016. The file has a row for each row of FER-2013's CSV, in the same order.
"""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from microfer.data.dataset import Dataset
from microfer.data.folders_and_archives import MAX_FILE_BYTES, open_file, read_within
from microfer.errors import MicroferError

COLUMNS = (
    "neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "nf",
)  # fmt: skip
"""Of the file, in small letters; the last two are no expression, nf: no face."""


def by_votes(dataset: Dataset, path: Path) -> Dataset:
    """Return FER-2013 with the label that most voted for; images without one of the data set's classes are left out.

    That is so where two labels have as many votes, and where most saw something else: contempt unless it is one of
    the classes, nothing known, or no face.

    dataset: read from FER-2013's CSV, all rows in their order. path: FER+'s fer2013new.csv.

    Raises:
        MicroferError: the file cannot be read, or does not have a row for each of the data set's.
    """
    votes = read_votes(path)
    if len(votes) != len(dataset) or not str(dataset.names[0]).startswith("row "):
        raise MicroferError(
            f"{path} has votes for {len(votes):,} rows, and {dataset.source} {len(dataset):,} images; FER+ goes with "
            "FER-2013's whole CSV, row for row (fer2013.csv, not a folder of images)"
        )
    best = votes.max(axis=1)
    is_clear = ((votes == best[:, np.newaxis]).sum(axis=1) == 1) & (best > 0)
    index = {name: label for label, name in enumerate(dataset.classes)}
    label_of_column = np.array([index.get(name, -1) for name in COLUMNS])
    labels = label_of_column[votes.argmax(axis=1)]
    kept = is_clear & (labels >= 0)
    if not kept.any():
        raise MicroferError(f"{path}: no image has a majority for one of {', '.join(dataset.classes)}")
    return replace(dataset.take(kept), labels=labels[kept].astype(np.uint8))


def read_votes(path: Path) -> npt.NDArray[np.intp]:
    """Return the votes of each row, shape (rows, 10), in the order of `COLUMNS`.

    Raises:
        MicroferError: it cannot be read, lacks a column, or a vote is no whole number, with the row.
    """
    with open_file(path) as file:
        content = read_within(file, MAX_FILE_BYTES, str(path))
    try:
        rows = list(csv.reader(content.decode("utf-8-sig").splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise MicroferError(f"{path}: this is not CSV text ({error})") from error
    header = [name.strip().lower() for name in rows[0]] if rows else []
    missing = [name for name in COLUMNS if name not in header]
    if missing or len(rows) < 2:
        raise MicroferError(f"{path}: the column {(missing or ['rows'])[0]} is missing; expected FER+'s fer2013new.csv")
    places = [header.index(name) for name in COLUMNS]
    votes = np.zeros((len(rows) - 1, len(COLUMNS)), np.intp)
    for number, row in enumerate(rows[1:]):
        cells = [row[place] if place < len(row) else "" for place in places]
        if not all(cell.isascii() and cell.isdigit() and len(cell) < 4 for cell in cells):
            raise MicroferError(f"{path}, row {number + 2}: expected ten whole numbers of votes; download it again")
        votes[number] = [int(cell) for cell in cells]
    return votes
