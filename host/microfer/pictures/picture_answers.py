"""From picture files to annotated pictures: every face found, cropped, classified in TFLM, and drawn.

The faces are OpenCV's, not the board's: its own detector takes frames of at most 160x120 pixels, in which a group's
faces are lost, and would need a compiler here. Crop, network and calibration are the board's, bit for bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from microfer.files import write_bytes
from microfer.pictures.annotate import Finding, compose
from microfer.pictures.classify import Classifier
from microfer.pictures.faces import FaceFinder, crop
from microfer.pictures.opencv import cv2
from microfer.pictures.pictures import ColorFrame, Picture


@dataclass(frozen=True)
class BoxChange:
    """What is done to each face's box before it is cropped; see `faces.Face.adjusted`."""

    enlarge: float = 1.0
    shift_right: float = 0.0
    shift_down: float = 0.0


@dataclass(frozen=True)
class PictureAnswer:
    """What came of one picture: `findings` and `saved`, or the `error` that kept it from being looked at."""

    file: str
    findings: list[Finding] = field(default_factory=list)
    saved: Path | None = None
    error: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the answer ready for JSON."""
        return {
            "file": self.file,
            "saved": str(self.saved) if self.saved else None,
            "error": self.error,
            "faces": [_finding_as_dict(finding) for finding in self.findings],
        }


class PictureClassifier:
    """The steps for one picture, with what they share: the face finder, the model, the folder for what is drawn."""

    def __init__(self, model: Path, finder: FaceFinder, change: BoxChange, folder: Path) -> None:
        """Load the model. Raises MicroferError as `classify.Classifier` does."""
        self.classifier = Classifier(model)
        self._finder = finder
        self._change = change
        self._folder = folder
        self._taken: set[str] = set()

    def look(self, picture: Picture) -> list[Finding]:
        """Return the faces of a picture with the network's answers, the largest first.

        Raises:
            MicroferError: a box cannot be changed as asked, or lies outside the picture then.
        """
        gray = picture.gray()
        findings = []
        for found in self._finder.find(gray):
            face = found.adjusted(self._change.enlarge, self._change.shift_right, self._change.shift_down)
            pixels = crop(gray, face)
            answer = self.classifier.answer(pixels)
            findings.append(
                Finding(face, pixels, answer.scores, answer.label, answer.milliseconds, self.classifier.labels)
            )
        return findings

    def draw(self, picture: Picture, findings: Sequence[Finding]) -> ColorFrame:
        """Return the annotated picture."""
        return compose(picture.pixels, findings, self.classifier.model_id, self.classifier.runtime)

    def save(self, picture: Picture, drawn: ColorFrame) -> Path:
        """Write the annotated picture as PNG, as a whole or not at all, and return its path.

        Raises:
            MicroferError: the folder cannot be written.
        """
        path = self._folder / self._free_name(Path(picture.name).stem)
        write_bytes(path, cv2.imencode(".png", drawn)[1].tobytes())
        return path

    def _free_name(self, stem: str) -> str:
        """Return a name that no other picture of this run has: a folder may hold both me.jpg and me.png."""
        number = 1
        while (name := f"{stem}.png" if number == 1 else f"{stem}-{number}.png") in self._taken:
            number += 1
        self._taken.add(name)
        return name


def _finding_as_dict(finding: Finding) -> dict[str, Any]:
    face = finding.face
    return {
        "box": {"left": face.left, "top": face.top, "size": face.size, "neighbours": face.neighbours},
        "perceived_expression": finding.label,
        "confidence": round(finding.confidence, 6),
        "scores": {
            label: round(score, 6)
            for label, score in zip(finding.labels, np.asarray(finding.scores).tolist(), strict=True)
        },
        "milliseconds": round(finding.milliseconds, 3),
    }
