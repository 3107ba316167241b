"""What came of a run of the demo."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microfer.demo.account import Account
from microfer.demo.scenes import Scenery
from microfer.viewer.view import View

OK, NO_FACE, PROBLEM, STOPPED = 0, 1, 2, 130
"""Exit status; a problem comes before Ctrl-C, Ctrl-C before a face that was not seen."""


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
