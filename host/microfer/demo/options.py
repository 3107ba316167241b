"""The demo's command line. Imports nothing heavy, so that --help answers at once."""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

from microfer.command import parser
from microfer.release import REPOSITORY

FPS = 10
SECONDS, LEAST_SECONDS, PICTURE_SECONDS = 18.0, 9.0, 3.0
"""How long the demo runs: with its own scenes or live, with pictures at least, and for each picture."""

LONGEST_S = 24 * 3600.0

EXAMPLES = """
  python scripts/demo.py                      a real face, drawn people and nobody, for 18 seconds
  python scripts/demo.py me.jpg holidays/     your own pictures; of a folder, all that are in it
  python scripts/demo.py film.mp4             a video
  python scripts/demo.py --webcam             the first webcam; --webcam 1: the second one
  python scripts/demo.py --web                in the browser instead of a window or this terminal
  python scripts/demo.py --seconds 300        longer; Ctrl-C, or q where it is watched, ends it
  python scripts/demo.py --json               the summary as JSON on standard output

Nothing leaves this computer: board and viewer speak through a TCP port of the loopback address.

exit status: 0 a face was seen, 1 none was, 2 something cannot be used (a picture, the model, the compiler), 130 Ctrl-C
"""


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; ends the process with status 2 where they contradict each other."""
    options = parser(
        "See the whole product without a board: the firmware, compiled for this computer, looks at faces and answers; "
        "the viewer shows it. Ends with a screenshot and a summary.",
        EXAMPLES,
    )
    options.add_argument("sources", nargs="*", type=Path, metavar="FILE", help="pictures, folders of them, or a video")
    options.add_argument("--webcam", nargs="?", type=int, const=0, metavar="N", help="webcam N, or the first one")
    options.add_argument("--seconds", type=_seconds, metavar="S", help=f"how long (default: {SECONDS:.0f})")
    display = options.add_mutually_exclusive_group()
    display.add_argument("--web", action="store_true", help="show a page in the browser")
    display.add_argument("--headless", action="store_true", help="show it in the terminal, not in a window")
    display.add_argument("--json", action="store_true", help="show progress only; the summary as JSON")
    options.add_argument("--no-browser", action="store_true", help="with --web: print the address and open nothing")
    options.add_argument("--out", type=Path, default=REPOSITORY / "demo-output", help="folder of the screenshot")
    options.add_argument("--model", type=Path, metavar="MODEL.tflite", help="what it runs (default: the release)")
    parsed = options.parse_args(arguments)
    if parsed.webcam is not None and parsed.sources:
        options.error("name files or --webcam, not both (a number right after --webcam is the webcam's)")
    if (parsed.webcam or 0) < 0:
        options.error("webcams are numbered from 0")
    if parsed.no_browser and not parsed.web:
        options.error("--no-browser needs --web")
    return parsed


def _seconds(text: str) -> float:
    number = float(text)
    if not (math.isfinite(number) and 1 <= number <= LONGEST_S):
        raise argparse.ArgumentTypeError(f"{text} is not from 1 to {LONGEST_S:.0f}")
    return number
