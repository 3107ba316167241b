"""A parity certificate in its folder: reading one back, and writing parity.json and parity.html."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from microfer.errors import MicroferError
from microfer.files import read_bytes, write_json, write_text
from microfer.parity.board_level import BoardIdentity, BoardLevel, InvokeTimes, LinkTotals
from microfer.parity.certificate import SCHEMA, Certificate, Level, Model, model_of, unjudged
from microfer.parity.compare import Accuracy, BitComparison, ClassAgreement, FirstDifference, ScoreComparison
from microfer.parity.images import Images, ImageSet
from microfer.parity.limits import Limits
from microfer.parity.page import render

JSON_NAME = "parity.json"
PAGE_NAME = "parity.html"

_VERDICTS = {"passed", "failed", "not judged", "not run"}


def write(certificate: Certificate, folder: Path) -> None:
    """Write parity.json and parity.html into `folder`, each as a whole or not at all."""
    write_json(folder / JSON_NAME, certificate.to_json())
    write_text(folder / PAGE_NAME, render(certificate))


def read(folder: Path) -> Certificate | None:
    """Return the certificate in `folder`; None where it has none.

    Raises:
        MicroferError: its parity.json cannot be read, or is no certificate of this microfer.
    """
    path = folder / JSON_NAME
    if not path.is_file():
        return None
    try:
        document = json.loads(read_bytes(path))
        if document["schema"] != SCHEMA:
            raise ValueError(f"its schema is {document['schema']!r}, expected {SCHEMA!r}")
        return _certificate(document)
    except (ValueError, KeyError, TypeError) as error:  # ValueError: broken JSON, too
        raise MicroferError(
            f"{path} is no certificate that this microfer can read ({error!r}): delete it, or name another folder "
            "with --out"
        ) from error


def base_of(folder: Path, int8_model: Path, images: Images, limits: Limits) -> Certificate:
    """Return the certificate that a board's comparison is added to.

    That in `folder`; else that beside the model, if it is of this very model; else one without levels 2 and 3.

    Raises:
        MicroferError: `folder` holds the certificate of another model.
    """
    sha256 = model_of(int8_model).sha256
    there = read(folder)
    if there is not None:
        if there.model.sha256 != sha256:
            raise MicroferError(
                f"{folder / JSON_NAME} is the certificate of another model ({there.model.model_id or there.model.file}"
                f", SHA-256 {there.model.sha256[:16]}...): name another folder with --out"
            )
        return there
    beside = read(int8_model.parent)
    return beside if beside is not None and beside.model.sha256 == sha256 else unjudged(int8_model, images, limits)


def keep_boards(certificate: Certificate, folder: Path) -> Certificate:
    """Return the certificate with the boards that the one in `folder`, if it is of the same model, has already."""
    try:
        there = read(folder)
    except MicroferError:  # it is replaced in any case
        return certificate
    if there is None or there.model.sha256 != certificate.model.sha256:
        return certificate
    return replace(certificate, boards=there.boards)


def _certificate(document: dict[str, Any]) -> Certificate:
    noise = document["noise"]
    return Certificate(
        model=Model(**document["model"]),
        float_model=Model(**document["float_model"]) if document["float_model"] else None,
        images=_images(document["data"]),
        limits=Limits(**document["limits"]),
        kernels=dict(document["kernels"]),
        float_against_int8=_level(document["float_against_int8"], _scores),
        reference_against_tflm=_level(document["reference_against_tflm"], _bits),
        noise=noise and [(one["tensor"], math.inf if one["db"] is None else one["db"]) for one in noise],
        noise_missing=document["noise_missing"],
        boards=tuple(_board(board) for board in document.get("boards", ())),  # older ones know no boards
        versions=dict(document["versions"]),
    )


def _level(content: dict[str, Any], read_result: Any) -> Level:
    if content["verdict"] not in _VERDICTS:
        raise ValueError(f"{content['verdict']!r} is no verdict")
    result = content["result"]
    return Level(content["verdict"], tuple(content["reasons"]), None if result is None else read_result(result))


def _scores(content: dict[str, Any]) -> ScoreComparison:
    values = {name: value for name, value in content.items() if name != "histogram_bin_width"}
    return ScoreComparison(
        **values
        | {
            "float_accuracy": Accuracy(**values["float_accuracy"]),
            "int8_accuracy": Accuracy(**values["int8_accuracy"]),
            "per_class": tuple(ClassAgreement(**one) for one in values["per_class"]),
            "top1": tuple(tuple(row) for row in values["top1"]),
            "histogram": tuple(values["histogram"]),
        }
        | {
            # Older ones have no intervals: they are of whole splits, or were judged as if they were.
            name: values.get(name) and tuple(values[name])
            for name in ("drop_points_interval", "agreement_interval")
        }
    )


def _bits(content: dict[str, Any]) -> BitComparison:
    first = content["first"]
    if first is not None:
        scores = {key: tuple(first[key]) for key in ("expected", "found")}
        first = FirstDifference(**first | scores)
    return BitComparison(**content | {"first": first})


def _images(content: dict[str, Any]) -> ImageSet:
    return ImageSet(**{name: value for name, value in content.items() if name != "is_whole_split"})


def _board(content: dict[str, Any]) -> BoardLevel:
    return BoardLevel(
        board=BoardIdentity(**content["board"]),
        images=_images(content["data"]),
        oracle=content["oracle"],
        allowed=content["allowed"],
        bits=_bits(content["result"]),
        times=InvokeTimes(**content["invoke"]),
        link=LinkTotals(**content["link"]),
        picture_png=content["picture_png"],
    )
