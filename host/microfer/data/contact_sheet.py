"""A picture of what a data set looks like: a row of examples per class."""

import cv2
import numpy as np
import numpy.typing as npt

from microfer.contract import CROP_SIZE, LABELS
from microfer.data.dataset import Dataset

_CELL = CROP_SIZE * 3 // 2
_LABEL_WIDTH = 110
_TITLE_HEIGHT = 24
_INK = 30
_PAPER = 245


def contact_sheet(dataset: Dataset, title: str, per_class: int = 16, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Return a gray picture, uint8 (height, width), with a row of random examples for each class.

    It shows pixels of the data set: FER-2013's may not be passed on, so such a sheet stays where it was made.

    Args:
        dataset: where the examples come from; a class without images gets an empty row.
        title: one line above them.
        per_class: examples in a row.
        seed: chooses the examples; the same seed chooses the same ones.
    """
    rng = np.random.default_rng(seed)
    height, width = _TITLE_HEIGHT + _CELL * len(LABELS), _LABEL_WIDTH + _CELL * per_class
    sheet = np.full((height, width), _PAPER, np.uint8)
    _write(sheet, title, 6, 17)
    for label, name in enumerate(LABELS):
        top = _TITLE_HEIGHT + label * _CELL
        _write(sheet, name, 6, top + _CELL // 2 + 4)
        members = np.flatnonzero(dataset.labels == label)
        for column, index in enumerate(rng.permutation(members)[:per_class]):
            left = _LABEL_WIDTH + column * _CELL
            enlarged = cv2.resize(dataset.images[index], (_CELL, _CELL), interpolation=cv2.INTER_CUBIC)
            sheet[top : top + _CELL, left : left + _CELL] = enlarged
    return sheet


def _write(sheet: npt.NDArray[np.uint8], text: str, left: int, baseline: int) -> None:
    cv2.putText(sheet, text, (left, baseline), cv2.FONT_HERSHEY_SIMPLEX, 0.5, _INK, 1, cv2.LINE_AA)
