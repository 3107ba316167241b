"""A parity certificate in its folder: reading one back, writing parity.json, and making the page parity.html of it."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from microfer.errors import MicroferError
from microfer.files import read_bytes, write_json, write_text
from microfer.json_reader import parse, typed
from microfer.parity.board_level import BoardIdentity, BoardLevel, InvokeTimes, LinkTotals
from microfer.parity.certificate import SCHEMA, Certificate, Level, Model, model_of, unjudged
from microfer.parity.compare import BitComparison, ScoreComparison
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


def write_page(folder: Path) -> Path:
    """Make parity.html of the parity.json in `folder`, and return its path.

    Raises:
        MicroferError: there is no parity.json, or it is no certificate of this microfer.
    """
    certificate = read(folder)
    if certificate is None:
        raise MicroferError(f"{folder} has no {JSON_NAME}: name the folder of a release, or one given to --out before")
    write_text(folder / PAGE_NAME, render(certificate))
    return folder / PAGE_NAME


def read(folder: Path) -> Certificate | None:
    """Return the certificate in `folder`; None where it has none.

    Raises:
        MicroferError: its parity.json cannot be read, or is no certificate of this microfer.
    """
    path = folder / JSON_NAME
    if not path.is_file():
        return None
    try:
        document = typed(parse(read_bytes(path)), dict[str, Any])
        if document["schema"] != SCHEMA:
            raise ValueError(f"its schema is {document['schema']!r}, expected {SCHEMA!r}")
        return _certificate(document)
    except (ValueError, KeyError, TypeError, AttributeError) as error:  # ValueError: broken JSON, too
        raise MicroferError(
            f"{path} is not a certificate that this microfer can read ({error!r}): delete it, or name another folder "
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


@dataclass(frozen=True)
class _Noise:
    """A layer's SQNR as the file has it, null for an infinite one."""

    tensor: str
    db: float | None


def _certificate(document: dict[str, Any]) -> Certificate:
    noise = typed(document["noise"], list[_Noise] | None, "noise")  # type: ignore[arg-type]
    return Certificate(
        model=typed(document["model"], Model, "model"),
        float_model=typed(document["float_model"], Model | None, "float_model"),  # type: ignore[arg-type]
        images=_images(document["data"]),
        limits=typed(document["limits"], Limits, "limits"),
        kernels=typed(document["kernels"], dict[str, str | None], "kernels"),
        float_against_int8=_level(document["float_against_int8"], _scores),
        reference_against_tflm=_level(document["reference_against_tflm"], _bits),
        noise=None if noise is None else [(one.tensor, math.inf if one.db is None else one.db) for one in noise],
        noise_missing=typed(document["noise_missing"], str | None, "noise_missing"),  # type: ignore[arg-type]
        boards=tuple(_board(board) for board in document.get("boards", ())),  # older ones know no boards
        versions=typed(document["versions"], dict[str, str | None], "versions"),
    )


def _level(content: dict[str, Any], read_result: Any) -> Level:
    if content["verdict"] not in _VERDICTS:
        raise ValueError(f"{content['verdict']!r} is not a verdict")
    result = content["result"]
    reasons = typed(content["reasons"], tuple[str, ...], "reasons")
    return Level(content["verdict"], reasons, None if result is None else read_result(result))


def _scores(content: dict[str, Any]) -> ScoreComparison:
    values = {name: value for name, value in content.items() if name != "histogram_bin_width"}
    # Older ones have no intervals: they are of whole splits, or were judged as if they were.
    return typed({"drop_points_interval": None, "agreement_interval": None} | values, ScoreComparison, "result")


def _bits(content: dict[str, Any]) -> BitComparison:
    return typed(content, BitComparison, "result")


def _images(content: dict[str, Any]) -> ImageSet:
    return typed({name: value for name, value in content.items() if name != "is_whole_split"}, ImageSet, "data")


def _board(content: dict[str, Any]) -> BoardLevel:
    return BoardLevel(
        board=typed(content["board"], BoardIdentity, "board"),
        images=_images(content["data"]),
        oracle=typed(content["oracle"], str, "oracle"),
        allowed=typed(content["allowed"], int, "allowed"),
        bits=_bits(content["result"]),
        times=typed(content["invoke"], InvokeTimes, "invoke"),
        link=typed(content["link"], LinkTotals, "link"),
        picture_png=typed(content["picture_png"], str | None, "picture_png"),  # type: ignore[arg-type]
    )
