"""See the whole product without a board."""

import argparse
import json
import math
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from microfer.cli.command import add_out_option, chosen_model, parser
from microfer.cli.invocation import typed
from microfer.console import Console, console
from microfer.demo.settings import SECONDS, DemoSettings, Display
from microfer.release import WORK

if TYPE_CHECKING:
    from microfer.demo.summary import Outcome

LONGEST_S = 24 * 3600.0

LEAST_SHOWN_MS = 0.1
"""Stages that take less are left to --json."""

EXAMPLES = """
  microfer demo                      a real face, drawn people and nobody, for 18 seconds
  microfer demo me.jpg holidays/     your own pictures; of a folder, all that are in it
  microfer demo film.mp4             a video
  microfer demo --webcam             the first webcam; --webcam 1: the second one
  microfer demo --web                in the browser instead of a window or this terminal
  microfer demo --seconds 300        longer; Ctrl-C, or q where it is watched, ends it
  microfer demo --json               the summary as JSON on standard output

Nothing leaves this computer: board and viewer speak through a TCP port of the loopback address.

exit status: 0 a face was seen, 1 none was, 2 something cannot be used (a picture, the model, the compiler), 130 Ctrl-C
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo, print its summary, return the exit status."""
    options = _parse(arguments)
    console.print("starting a virtual board and its viewer")
    from microfer.demo.session import run  # only now: that takes a second

    outcome = run(_settings(options), _say)
    if options.json:
        _print_json(outcome)
    else:
        _print_people(outcome)
    return outcome.status


def _say(text: str) -> None:
    console.print(escape(text), highlight=False, soft_wrap=True)


def _settings(options: argparse.Namespace) -> DemoSettings:
    display: Display = "best"
    if options.web:
        display = "web"
    elif options.headless or options.json:
        display = "progress" if options.json else "terminal"
    return DemoSettings(
        out=options.out,
        sources=tuple(options.sources),
        webcam=options.webcam,
        seconds=options.seconds,
        display=display,
        browser=not options.no_browser,
        model=chosen_model(None) if options.current else options.model,
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; ends the process with status 2 where they contradict each other."""
    options = parser(
        "See the whole product without a board: the firmware, compiled for this computer, looks at faces and answers; "
        "the viewer shows it. Ends with a screenshot and a summary.",
        EXAMPLES,
        verb="demo",
    )
    options.add_argument("sources", nargs="*", type=Path, metavar="FILE", help="pictures, folders of them, or a video")
    options.add_argument("--webcam", nargs="?", type=int, const=0, metavar="N", help="webcam N, or the first one")
    options.add_argument("--seconds", type=_seconds, metavar="S", help=f"how long (default: {SECONDS:.0f})")
    display = options.add_mutually_exclusive_group()
    display.add_argument("--web", action="store_true", help="show a page in the browser")
    display.add_argument("--headless", action="store_true", help="show it in the terminal, not in a window")
    display.add_argument("--json", action="store_true", help="show progress only; the summary as JSON")
    options.add_argument("--no-browser", action="store_true", help="with --web: print the address and open nothing")
    add_out_option(options, "the screenshot", WORK / "demo-output")
    model = options.add_mutually_exclusive_group()
    model.add_argument("--model", type=Path, metavar="MODEL.tflite", help="what it runs (default: the release)")
    model.add_argument("--current", action="store_true", help="run the current model: what was exported last")
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


def _print_json(outcome: "Outcome") -> None:
    """Print the summary as one JSON document on standard output; problems also for people."""
    print(json.dumps(outcome.as_dict(), indent=2))
    _print_problems(outcome)


def _print_people(outcome: "Outcome") -> None:
    """Print the summary on standard output; problems on standard error."""
    out = Console(file=sys.stdout)
    content = outcome.as_dict()
    out.print(_perceived(content["perceived"]))
    width = out.width if out.is_terminal else sys.maxsize
    facts = [line for name, text in _facts(content) for line in _hanging(f"{name:10}  ", text, width)]
    for line in (*facts, "", "next:", *(f"  {what:16} {how}" for what, how in _next_steps())):
        out.print(line, highlight=False, markup=False, soft_wrap=True)  # paths and commands are to be copied as a whole
    _print_problems(outcome)


def _hanging(head: str, text: str, width: int) -> list[str]:
    """Return the lines of `head` and `text`, wrapped between words, all of the text to the right of the head."""
    rest = " " * len(head)
    return textwrap.wrap(
        text, width, initial_indent=head, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )


def _next_steps() -> list[tuple[str, str]]:
    return [
        ("your own face", typed("microfer demo --webcam, or name pictures")),
        ("flash a board", "pio run -t upload; see firmware/README.md"),
        ("watch it", typed("microfer view; see docs/viewer.md")),
        ("train a network", typed("microfer train --data fer2013.csv; see README.md")),
    ]


def _facts(content: dict[str, Any]) -> list[tuple[str, str]]:
    board, model, frames = content["board"], content["model"], content["frames"]
    facts = []
    if board:
        passed = "passed" if board["self_test_ok"] else "FAILED"
        facts += [
            ("board", f"{board['name']}, firmware {board['firmware_version']}, kernels {board['kernels']}"),
            ("self-test", f"{passed}: {board['self_test']}"),
            ("model", f"{model['id']}, SHA-256 {model['sha256'][:16]}"),
        ]
    facts.append(("frames", _frames(frames)))
    times = content["stage_times_ms_on_this_computer"]
    if times:
        together = times.pop("together")
        stages = ", ".join(f"{name} {time_ms:.3g}" for name, time_ms in times.items() if time_ms >= LEAST_SHOWN_MS)
        facts.append(("speed", f"{together:.3g} ms a face on this computer, not on a board ({stages})"))
    facts += [
        ("privacy", "previews were on, on your own computer; a board sends no picture unless asked"),
        ("screenshot", content["screenshot"]),
    ]
    return facts


def _frames(frames: dict[str, Any]) -> str:
    text = f"{frames['captured']} captured: {frames['shown']} shown, {frames['dropped_on_board']} dropped on the board"
    if frames["causes"]:
        text += " (" + ", ".join(f"{words}: {count}" for words, count in frames["causes"].items()) + ")"
    text += f", {frames['lost_on_link']} lost on the link"
    return text + (f", {frames['not_watched']} before or after the viewer" if frames["not_watched"] else "")


def _perceived(perceived: list[dict[str, Any]]) -> Table:
    table = Table(title="What was perceived", title_justify="left")
    table.add_column("seen")
    table.add_column("answer")
    for name in ("share of frames", "confidence"):
        table.add_column(name, justify="right")
    for scene in perceived:
        for number, answer in enumerate(scene["answers"]):
            sure = "-" if answer["confidence"] is None else f"{100 * answer['confidence']:.0f} %"
            share = f"{100 * answer['share']:.0f} % of {scene['frames']}"
            table.add_row("" if number else escape(scene["seen"]), answer["answer"], share, sure)
        if not scene["answers"]:
            table.add_row(escape(scene["seen"]), "-", "none shown", "-")
    return table


def _print_problems(outcome: "Outcome") -> None:
    for text in outcome.problems:
        console.print(f"[bold red]error:[/] {escape(text)}", highlight=False, soft_wrap=True)
    for text in outcome.view.warnings:
        console.print(f"[yellow]warning:[/] {escape(text)}", highlight=False, soft_wrap=True)
    if outcome.is_stopped:
        console.print("stopped by Ctrl-C: the summary is of what was seen until then")
    elif not outcome.account.faces:
        console.print("no face was found: a face must look at the camera, upright, and not be small")
