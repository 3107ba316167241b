"""The main job on real faces: find them, crop them, run the shipped int8 model in TFLM, show what it perceives."""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from microfer.command import console, parser
from microfer.contract import LABELS
from microfer.deploy.release import REPOSITORY, default_model
from microfer.errors import MicroferError
from microfer.files import write_bytes
from microfer.simulate import pictures
from microfer.simulate.annotate import Finding, compose
from microfer.simulate.classify import Classifier
from microfer.simulate.faces import FaceFinder, crop
from microfer.simulate.opencv import cv2, open_window
from microfer.simulate.pictures import ColorFrame, Picture

NO_FACE, PROBLEM = 1, 2
"""Exit status where no picture holds a face, and where a picture could not be read or written."""

WINDOW = "microfer"
ESCAPE_KEY = 27
EXAMPLES = """
  python scripts/demo.py                      the astronaut picture
  python scripts/demo.py me.jpg holidays/     your own pictures; of a folder, all that are in it
  python scripts/demo.py --webcam             one picture from the first webcam
  python scripts/demo.py --webcam 1 --show    the second webcam, live in a window; q ends it
  python scripts/demo.py --json               the answers as JSON

exit status: 0 done, 1 no face in any picture, 2 a picture, the model or the webcam cannot be used
"""


@dataclass(frozen=True)
class Result:
    """What came of one picture: `findings` and `saved`, or the `error` that kept it from being looked at."""

    file: str
    findings: list[Finding] = field(default_factory=list)
    saved: Path | None = None
    error: str | None = None


class Demo:
    """The steps for one picture, with what they share: the face finder, the model, the options."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.classifier = Classifier(options.model or default_model())
        self._finder = FaceFinder(options.min_neighbours, options.min_size)
        self._adjust = options.enlarge, options.shift_right, options.shift_down
        self._folder: Path = options.out
        self._taken: set[str] = set()

    def look(self, picture: Picture) -> list[Finding]:
        """Return the faces of a picture with the network's answers, the largest first."""
        gray = picture.gray()
        findings = []
        for found in self._finder.find(gray):
            face = found.adjusted(*self._adjust)
            pixels = crop(gray, face)
            answer = self.classifier.answer(pixels)
            findings.append(Finding(face, pixels, answer.scores, answer.label, answer.milliseconds))
        return findings

    def draw(self, picture: Picture, findings: Sequence[Finding]) -> ColorFrame:
        """Return the annotated picture."""
        return compose(picture.pixels, findings, self.classifier.model_id, self.classifier.runtime)

    def save(self, picture: Picture, drawn: ColorFrame) -> Path:
        """Write the annotated picture as PNG, as a whole or not at all, and return its path."""
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo on the command line's arguments; return the exit status (see EXAMPLES)."""
    options = _parse(arguments)
    if options.show:
        open_window(WINDOW)
    demo = Demo(options)
    if demo.classifier.runtime != "TFLM":
        console.print(
            "TFLM has no wheel for this machine: LiteRT's reference kernels stand in, which give the same bits",
            style="yellow",
        )
    results = _from_webcam(demo, options) if options.webcam is not None else _from_files(demo, options)
    if options.json:
        print(json.dumps(_as_json(demo, results), indent=2))
    else:
        _print_table(demo, results)
    if any(result.error for result in results):
        return PROBLEM
    if not any(result.findings for result in results):
        console.print("no face found: it must look at the camera, upright; for small ones try --min-size 24")
        return NO_FACE
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    options = parser("Show what the network perceives in the faces of pictures or of a webcam.", EXAMPLES)
    options.add_argument("pictures", nargs="*", type=Path, metavar="PICTURE", help="picture, or folder of pictures")
    options.add_argument("--webcam", nargs="?", type=int, const=0, metavar="N", help="webcam N, or the first one")
    options.add_argument("--show", action="store_true", help="open a window (needs the full opencv-python)")
    options.add_argument("--out", type=Path, default=REPOSITORY / "demo-output", help="folder for annotated pictures")
    options.add_argument("--model", type=Path, help="another int8 .tflite than the shipped one")
    options.add_argument("--json", action="store_true", help="print the answers as JSON on standard output")
    options.add_argument("--min-size", type=int, default=40, metavar="PX", help="smallest face looked for (40 pixels)")
    options.add_argument(
        "--min-neighbours", type=int, default=4, metavar="N", help="lower finds more, also non-faces (4)"
    )
    options.add_argument(
        "--enlarge", type=float, default=1.0, metavar="F", help="make each face's box F times as large"
    )
    options.add_argument("--shift-right", type=float, default=0.0, metavar="F", help="move it by F of its size")
    options.add_argument("--shift-down", type=float, default=0.0, metavar="F", help="move it by F of its size")
    parsed = options.parse_args(arguments)
    if parsed.webcam is not None and parsed.pictures:
        options.error("name pictures or --webcam, not both (a number right after --webcam is the webcam's)")
    if parsed.min_size < 1 or parsed.min_neighbours < 1 or (parsed.webcam or 0) < 0:
        options.error("--min-size and --min-neighbours start at 1, webcams at 0")
    return parsed


def _from_files(demo: Demo, options: argparse.Namespace) -> list[Result]:
    """Look at every picture; one that cannot be read is reported and does not stop the others."""
    paths = pictures.expand(options.pictures) if options.pictures else [pictures.astronaut_path()]
    results = []
    for path in paths:
        try:
            picture = pictures.read(path)
            findings = demo.look(picture)
            drawn = demo.draw(picture, findings)
            results.append(Result(str(path), findings, demo.save(picture, drawn)))
        except MicroferError as error:
            console.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
            results.append(Result(str(path), error=str(error)))
            continue
        if options.show and not _show(drawn, wait=True):
            break
    return results


def _from_webcam(demo: Demo, options: argparse.Namespace) -> list[Result]:
    """Take one picture, or show what the webcam sees until a key ends it; the last picture is saved."""
    with pictures.webcam(options.webcam) as frames:
        for picture in frames if options.show else _first(frames):
            findings = demo.look(picture)
            drawn = demo.draw(picture, findings)
            if options.show and not _show(drawn, wait=False):
                break
    return [Result(picture.name, findings, demo.save(picture, drawn))]


def _first(frames: Iterable[Picture]) -> Iterable[Picture]:
    yield next(iter(frames))


def _show(drawn: ColorFrame, *, wait: bool) -> bool:
    """Show a picture in the window; return whether to go on: not after q, Escape or the closing of the window."""
    cv2.imshow(WINDOW, drawn)
    while True:
        key = cv2.waitKey(30) & 0xFF
        if key in (ord("q"), ESCAPE_KEY) or cv2.getWindowProperty(WINDOW, cv2.WND_PROP_VISIBLE) < 1:
            return False
        if not wait or key != 0xFF:  # 0xFF: no key was pressed
            return True


def _print_table(demo: Demo, results: Sequence[Result]) -> None:
    title = f"Perceived expressions: {demo.classifier.model_id} in {demo.classifier.runtime}"
    table = Table(title=escape(title), title_justify="left")
    for name in ("file", "face", "perceived expression", "confidence", "ms"):
        table.add_column(name, justify="right" if name in ("confidence", "ms") else "left")
    for result in results:
        file = escape(Path(result.file).name)
        if not result.findings:
            table.add_row(file, "-", "cannot be used" if result.error else "no face found", "-", "-")
        for number, finding in enumerate(result.findings, start=1):
            face = finding.face
            place = f"{number}: {face.size}x{face.size} at {face.left},{face.top}"
            row = place, finding.label, finding.percent, f"{finding.milliseconds:.1f}"
            table.add_row(file if number == 1 else "", *row)
    out = Console(file=sys.stdout)
    out.print(table)
    for result in results:
        if result.saved:
            out.print(f"saved {result.saved}", soft_wrap=True, highlight=False, markup=False)


def _as_json(demo: Demo, results: Sequence[Result]) -> dict[str, Any]:
    return {
        "model": demo.classifier.model_id,
        "runtime": demo.classifier.runtime,
        "pictures": [
            {
                "file": result.file,
                "saved": str(result.saved) if result.saved else None,
                "error": result.error,
                "faces": [_finding_as_json(finding) for finding in result.findings],
            }
            for result in results
        ],
    }


def _finding_as_json(finding: Finding) -> dict[str, Any]:
    face = finding.face
    return {
        "box": {"left": face.left, "top": face.top, "size": face.size, "neighbours": face.neighbours},
        "perceived_expression": finding.label,
        "confidence": round(finding.confidence, 6),
        "scores": {
            label: round(score, 6) for label, score in zip(LABELS, np.asarray(finding.scores).tolist(), strict=True)
        },
        "milliseconds": round(finding.milliseconds, 3),
    }
