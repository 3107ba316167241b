"""Finding FER-2013 where people keep it, so that a command without --data has something to work on."""

import os
from collections.abc import Iterator
from pathlib import Path

from microfer.errors import MicroferError
from microfer.release import REPOSITORY

ENVIRONMENT = "MICROFER_DATA"

NAMES = ("fer2013.csv", "icml_face_data.csv", "fer2013.zip", "fer2013", "challenges*.tar.gz", "archive.zip")
"""What Kaggle and its mirrors call FER-2013: two CSV files, the zip of images, its folder, the first archive."""

NOT_FOUND = f"""FER-2013 is not here. It is free but may not be passed on, so bring your own copy:
  the images: kaggle.com/datasets/msambare/fer2013, downloaded as archive.zip
  the CSV:    kaggle.com/c/challenges-in-representation-learning-facial-expression-recognition-challenge/data
Put it into this folder, into data/ below it, or into the repository, under one of the names
  {", ".join(NAMES)}
or name it by --data, or by {ENVIRONMENT} once for all commands. A first look without it: --synthetic --epochs 1"""


def find_fer2013(folders: tuple[Path, ...] | None = None) -> Path:
    """Return where FER-2013 is: what `MICROFER_DATA` names, else the first of NAMES in `folders`.

    folders: those to look through, in this order; by default the current one, the repository, and data/ in both. A
        folder that itself holds train/ beside test/ or val/ is taken as well.

    Raises:
        MicroferError: it is nowhere, or what `MICROFER_DATA` names does not exist; the message says what to do.
    """
    if named := os.environ.get(ENVIRONMENT):
        if not Path(named).exists():
            raise MicroferError(f"{ENVIRONMENT} names {named}, which does not exist; set it to your copy of FER-2013")
        return Path(named)
    here = Path.cwd()
    for folder in folders or (here, here / "data", REPOSITORY, REPOSITORY / "data"):
        for path in _candidates(folder):
            return path
    raise MicroferError(NOT_FOUND)


def _candidates(folder: Path) -> Iterator[Path]:
    for name in NAMES:
        for path in sorted(folder.glob(name)):
            if path.is_file() or _has_splits(path):
                yield path
    if _has_splits(folder):
        yield folder


def _has_splits(folder: Path) -> bool:
    return (folder / "train").is_dir() and any((folder / other).is_dir() for other in ("test", "val", "validation"))
