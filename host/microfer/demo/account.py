"""What became of the demo's frames: what was perceived in each scene, how long it took, and where the rest went."""

import threading
from collections import Counter, defaultdict
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from microfer.link.events import Timed
from microfer.link.messages import Hello, Prediction, Statistics
from microfer.link.reader import Received
from microfer.viewer.view import FrameView, Shown, View
from microfer.viewer.view_model import frame_view

STAGES = ("face", "crop", "tensor", "invoke", "prediction")
"""The stages that compute; the first one, capture, waits for the camera."""

CAUSES = {
    "dropped_busy": "a newer frame came first",
    "dropped_size": "wrong size",
    "dropped_invoke": "the network failed",
    "link_dropped": "the port was full",
}
"""The board's counters of frames without a prediction, in words."""


class Account:
    """Keeps each prediction's answer by its scene. `take` is called by one thread; all else when it is done."""

    def __init__(self, seen: Sequence[str], frames: int) -> None:
        """Take the scene of each frame by its number, which grows meanwhile, and how many frames there will be."""
        self.complete = threading.Event()
        """Set once the board's statistics say that it has dealt with all frames."""
        self.latest: tuple[str, FrameView] | None = None
        self._seen, self._frames = seen, frames
        self._hello: Hello | None = None
        self._answers: defaultdict[str, list[FrameView]] = defaultdict(list)

    def take(self, timed: Timed) -> None:
        """Take an event of the viewer's."""
        message = timed.event.message if isinstance(timed.event, Received) else None
        if isinstance(message, Hello):
            self._hello = message
        if isinstance(message, Prediction) and message.frame < len(self._seen):
            name, view = self._seen[message.frame], frame_view(timed.at, message, self._hello)
            self._answers[name].append(view)
            self.latest = name, view
        if isinstance(message, Statistics):
            lost = message.dropped_busy + message.dropped_size + message.dropped_invoke
            if message.frames_captured >= self._frames and message.frames_predicted + lost >= message.frames_captured:
                self.complete.set()

    @property
    def faces(self) -> int:
        """Predictions that found a face."""
        return sum(view.answer != Shown.NO_FACE for views in self._answers.values() for view in views)

    def perceived(self) -> list[dict[str, Any]]:
        """Return, for each scene, its frames and answers, the most frequent answer first."""
        return [_perceived(name, self._answers.get(name, [])) for name in dict.fromkeys(self._seen)]

    def stage_times_ms(self) -> dict[str, float]:
        """Return the mean time of each stage, and of all of them together, over the frames with a face; none: empty."""
        views = [view for views in self._answers.values() for view in views if view.answer != Shown.NO_FACE]
        if not views:
            return {}
        times = {stage: fmean(view.stages_ms[stage] for view in views) for stage in STAGES}
        times["together"] = fmean(sum(view.stages_ms[stage] for stage in STAGES) for view in views)
        return {name: round(time_ms, 3) for name, time_ms in times.items()}

    def where_frames_went(self, given: int, view: View) -> dict[str, Any]:
        """Return where the frames went that the camera gave: all but `causes` add up to `captured`."""
        frames = view.frames
        lost = frames.lost_on_link + frames.lost_while_disconnected
        counted = frames.shown + frames.dropped_on_board + lost
        said = view.statistics or {}
        return {
            "captured": given,
            "shown": frames.shown,
            "dropped_on_board": frames.dropped_on_board,
            "lost_on_link": lost,
            "not_watched": given - counted,
            "causes": {words: said[name] for name, words in CAUSES.items() if said.get(name)},
        }


def _perceived(name: str, views: Sequence[FrameView]) -> dict[str, Any]:
    counts = Counter(view.headline for view in views)
    answers = []
    for headline, count in counts.most_common():
        sure = [view.confidence for view in views if view.headline == headline]
        confidence = None if headline == Shown.NO_FACE else round(sum(sure) / count, 6)
        answers.append(
            {"answer": headline, "frames": count, "share": round(count / len(views), 6), "confidence": confidence}
        )
    return {"seen": name, "frames": len(views), "answers": answers}
