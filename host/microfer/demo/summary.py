"""What the demo says at its end, for people and as JSON."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from microfer.command import Console, console
from microfer.demo.account import Account
from microfer.demo.scenes import Scenery
from microfer.viewer.view import View

OK, NO_FACE, PROBLEM, STOPPED = 0, 1, 2, 130
"""Exit status; a problem comes before Ctrl-C, Ctrl-C before a face that was not seen."""

LEAST_SHOWN_MS = 0.1
"""Stages that take less are left to --json."""


@dataclass(frozen=True)
class Outcome:
    """What came of a run. given: how many frames the camera gave. is_stopped: whether Ctrl-C ended it."""

    view: View
    account: Account
    given: int
    scenery: Scenery
    screenshot: Path
    is_stopped: bool

    @property
    def problems(self) -> list[str]:
        """What could not be used, or went wrong."""
        found = list(self.scenery.problems.values())
        board = self.view.board
        if board is None:
            found.append("no hello came from the virtual board" if not self.is_stopped else "")
        elif not board.self_test_ok:
            found.append(f"the board's self-test failed: {board.self_test}")
        return [text for text in (*found, *(f"{error.name}: {error.text}" for error in self.view.errors)) if text]

    @property
    def status(self) -> int:
        """The exit status."""
        if self.problems:
            return PROBLEM
        if self.is_stopped:
            return STOPPED
        return OK if self.account.faces else NO_FACE

    def as_dict(self) -> dict[str, Any]:
        """Return the summary ready for JSON."""
        view, board = self.view, self.view.board
        return {
            "status": self.status,
            "stopped": self.is_stopped,
            "port": view.port,
            "board": board
            and {
                "name": board.name,
                "firmware_version": board.firmware_version,
                "kernels": board.kernels,
                "self_test_ok": board.self_test_ok,
                "self_test": board.self_test,
            },
            "model": board and {"id": board.model_id, "sha256": board.model_sha256},
            "frames": self.account.where_frames_went(self.given, view),
            "predictions_per_s": None if view.fps_board is None else round(view.fps_board, 3),
            "perceived": self.account.perceived(),
            "stage_times_ms_on_this_computer": self.account.stage_times_ms(),
            "screenshot": str(self.screenshot),
            "problems": self.problems,
            "warnings": list(view.warnings),
        }


def print_json(outcome: Outcome) -> None:
    """Print the summary as one JSON document on standard output; problems also for people."""
    print(json.dumps(outcome.as_dict(), indent=2))
    _print_problems(outcome)


def print_people(outcome: Outcome) -> None:
    """Print the summary on standard output; problems on standard error."""
    out = Console(file=sys.stdout)
    content = outcome.as_dict()
    out.print(_perceived(content["perceived"]))
    facts = [f"{name:10}  {text}" for name, text in _facts(content)]
    for line in (*facts, "", "next:", *(f"  {what:16} {how}" for what, how in _next_steps())):
        out.print(line, highlight=False, markup=False, soft_wrap=True)  # a path is to be copied as a whole
    _print_problems(outcome)


def this_python() -> str:
    """Return how to start the Python that runs here: what a person types, also without having activated `.venv`."""
    python = Path(sys.executable)
    return str(python.relative_to(Path.cwd()) if python.is_relative_to(Path.cwd()) else python)


def _next_steps() -> list[tuple[str, str]]:
    python = this_python()
    return [
        ("your own face", "python scripts/demo.py --webcam, or name pictures"),
        ("flash a board", "pio run -e xiao_esp32s3_sense -t upload; see firmware/README.md"),
        ("watch it", f"{python} host/serial_viewer.py; see docs/viewer.md"),
        ("train a network", f"{python} host/train.py --data fer2013.csv; see README.md, Daily use"),
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


def _print_problems(outcome: Outcome) -> None:
    for text in outcome.problems:
        console.print(f"[bold red]error:[/] {escape(text)}", highlight=False, soft_wrap=True)
    for text in outcome.view.warnings:
        console.print(f"[yellow]warning:[/] {escape(text)}", highlight=False, soft_wrap=True)
    if outcome.is_stopped:
        console.print("stopped by Ctrl-C: the summary is of what was seen until then")
    elif not outcome.account.faces:
        console.print("no face was found: it must look at the camera, upright, and not be small")
