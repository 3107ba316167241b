"""A parity certificate in its folder: reading one back, and writing parity.json and parity.html."""

import json
import math
from pathlib import Path
from typing import Any

from microfer.errors import MicroferError
from microfer.files import read_bytes, write_json, write_text
from microfer.simulate.board_level import BoardIdentity, BoardLevel, InvokeTimes, LinkTotals
from microfer.simulate.certificate import SCHEMA, Certificate, Level, Model
from microfer.simulate.images import ImageSet
from microfer.simulate.page import render
from microfer.simulate.parity import (
    Accuracy,
    BitComparison,
    ClassAgreement,
    FirstDifference,
    Limits,
    ScoreComparison,
)

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


def read_of_model(folder: Path, sha256: str) -> Certificate | None:
    """Return the certificate in `folder` if it is that of the model with this hash, else None. Raises as `read`."""
    certificate = read(folder)
    return certificate if certificate is not None and certificate.model.sha256 == sha256 else None


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
