"""Show what the network perceives in each face of pictures of any size or of a webcam; save annotated pictures."""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from microfer.cli import command
from microfer.console import Console, console
from microfer.errors import MicroferError
from microfer.pictures import pictures
from microfer.pictures.faces import FaceFinder
from microfer.pictures.opencv import cv2, open_window
from microfer.pictures.picture_answers import BoxChange, PictureAnswer, PictureClassifier
from microfer.pictures.pictures import ColorFrame, Picture
from microfer.release import WORK

NO_FACE, PROBLEM = 1, 2
"""Exit status where no picture holds a face, and where a picture could not be read or written."""

WINDOW = "microfer"
ESCAPE_KEY = 27
EXAMPLES = """
  microfer classify                      the astronaut picture
  microfer classify me.jpg holidays/     your own pictures; of a folder, all that are in it
  microfer classify --webcam             one picture from the first webcam
  microfer classify --webcam 1 --show    the second webcam, live in a window; q ends it
  microfer classify --json               the answers as JSON

Crop, network and calibration are the board's. The faces are found by OpenCV, which takes pictures of any size and needs
no C++ compiler; a board follows one face. What a board makes of your pictures: microfer virtual-board me.jpg

exit status: 0 done, 1 no face in any picture, 2 a picture, the model or the webcam cannot be used
"""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    if options.show:
        open_window(WINDOW)
    change = BoxChange(options.enlarge, options.shift_right, options.shift_down)
    finder = FaceFinder(options.min_neighbours, options.min_size)
    classifier = PictureClassifier(command.chosen_model(options.model), finder, change, options.out)
    if classifier.classifier.runtime != "TFLM":
        console.print(
            "TFLM has no wheel for this machine: LiteRT's reference kernels take its place, with the same bits",
            style="yellow",
        )
    answers = _from_files(classifier, options) if options.webcam is None else _from_webcam(classifier, options)
    model, runtime = classifier.classifier.model_id, classifier.classifier.runtime
    if options.json:
        content = {"model": model, "runtime": runtime, "pictures": [answer.as_dict() for answer in answers]}
        print(json.dumps(content, indent=2))
    else:
        _print_table(f"Perceived expressions: {model} in {runtime}, faces found by OpenCV", answers)
    if any(answer.error for answer in answers):
        return PROBLEM
    if not any(answer.findings for answer in answers):
        console.print("no face found: a face must look at the camera, upright; for small faces try --min-size 24")
        return NO_FACE
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    options = command.parser(__doc__ or "", EXAMPLES, verb="classify")
    options.add_argument("pictures", nargs="*", type=Path, metavar="PICTURE", help="picture, or folder of pictures")
    options.add_argument("--webcam", nargs="?", type=int, const=0, metavar="N", help="webcam N, or the first one")
    options.add_argument("--show", action="store_true", help="open a window (needs the full opencv-python)")
    command.add_out_option(options, "annotated pictures", WORK / "demo-output")
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


def _from_files(classifier: PictureClassifier, options: argparse.Namespace) -> list[PictureAnswer]:
    """Look at every picture; one that cannot be read is reported and does not stop the others."""
    paths = pictures.expand(options.pictures) if options.pictures else [pictures.astronaut_path()]
    answers = []
    for path in paths:
        try:
            picture = pictures.read(path)
            findings = classifier.look(picture)
            drawn = classifier.draw(picture, findings)
            answers.append(PictureAnswer(str(path), findings, classifier.save(picture, drawn)))
        except MicroferError as error:
            console.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
            answers.append(PictureAnswer(str(path), error=str(error)))
            continue
        if options.show and not _show(drawn, wait=True):
            break
    return answers


def _from_webcam(classifier: PictureClassifier, options: argparse.Namespace) -> list[PictureAnswer]:
    """Take one picture, or show what the webcam sees until a key ends it; the last picture is saved."""
    with pictures.webcam(options.webcam) as frames:
        for picture in frames if options.show else _first(frames):
            findings = classifier.look(picture)
            drawn = classifier.draw(picture, findings)
            if options.show and not _show(drawn, wait=False):
                break
    return [PictureAnswer(picture.name, findings, classifier.save(picture, drawn))]


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


def _print_table(title: str, answers: Sequence[PictureAnswer]) -> None:
    table = Table(title=escape(title), title_justify="left")
    for name in ("file", "face", "perceived expression", "confidence", "ms"):
        table.add_column(name, justify="right" if name in ("confidence", "ms") else "left")
    for answer in answers:
        file = escape(Path(answer.file).name)
        if not answer.findings:
            table.add_row(file, "-", "cannot be used" if answer.error else "no face found", "-", "-")
        for number, finding in enumerate(answer.findings, start=1):
            face = finding.face
            place = f"{number}: {face.size}x{face.size} at {face.left},{face.top}"
            row = place, finding.label, finding.percent, f"{finding.milliseconds:.1f}"
            table.add_row(file if number == 1 else "", *row)
    out = Console(file=sys.stdout)
    out.print(table)
    for answer in answers:
        if answer.saved:
            out.print(f"saved {answer.saved}", soft_wrap=True, highlight=False, markup=False)
