"""What a model answers on the golden pictures, computed as the board must compute it.

By LiteRT's reference kernels on the crops of `oracle.crop`, which TFLM and the firmware's own crop equal bit for bit.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from microfer.export.golden import FOLDER, GoldenPicture, pictures_sha256, read_pictures
from microfer.oracle.crop import crop_resize
from microfer.runtimes.runners import LiteRTRunner
from microfer.tflite import tflite_file
from microfer.tflite.metadata import Golden, embed_metadata, read_metadata


def golden_crops(pictures: Sequence[GoldenPicture]) -> npt.NDArray[np.uint8]:
    """Return the face of each picture as the network sees it: uint8 (n, 48, 48), 0..255."""
    return np.stack([_crop(golden) for golden in pictures])


def golden_scores(tflite: bytes, folder: Path = FOLDER) -> Golden:
    """Return what an int8 model answers on the golden pictures of `folder`, for its metadata.

    Raises:
        MicroferError: LiteRT cannot run the model, its output is not int8, or a picture is missing or damaged.
    """
    pictures = read_pictures(folder)
    raw = LiteRTRunner(tflite).raw(golden_crops(pictures))
    return Golden(pictures_sha256(pictures), tuple(tuple(map(int, row)) for row in raw))


def with_golden_scores(tflite: bytes, folder: Path = FOLDER) -> bytes:
    """Return the .tflite with its golden scores computed anew and nothing else of it changed.

    Raises:
        MicroferError: the model is corrupt or has no metadata entry; or as `golden_scores` does.
    """
    metadata = read_metadata(tflite_file.read(tflite))
    return embed_metadata(tflite, replace(metadata, golden=golden_scores(tflite, folder)))


def _crop(golden: GoldenPicture) -> npt.NDArray[np.uint8]:
    picture, box = golden.picture, golden.box
    frame = np.frombuffer(picture.pixels, np.uint8).reshape(picture.height_px, picture.width_px)
    return crop_resize(frame, box.left, box.top, box.width, box.height)
