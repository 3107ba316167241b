"""Counting where frames went: shown, lost on the link, lost while the link was away, or dropped on the board."""

from collections import Counter

from microfer.link.messages import Prediction, Statistics
from microfer.viewer.view import FrameCount

CAUSES = {"dropped_busy": "busy", "dropped_size": "size", "dropped_invoke": "invoke"}
"""Counters of the statistics, and the cause in a word."""


class FrameTally:
    """Follows the numbers of the camera's frames. Every number between the first and the last is counted once.

    A number that is skipped while frames of the link are missing was lost on the link, as far as those reach; one that
    is skipped without any gap was never sent.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._last: int | None = None
        self._gap = 0
        self._was_away = False
        self._statistics: Statistics | None = None
        self._causes: Counter[str] = Counter()

    def missed(self, frames: int) -> None:
        """Note frames of the link that are missing, or that were refused."""
        self._gap += frames

    def returned(self) -> None:
        """Note that the link was lost and is back."""
        self._was_away = True

    def restarted(self) -> None:
        """Note that the board started anew: its numbers begin again."""
        self._last = self._statistics = None

    def prediction(self, message: Prediction) -> None:
        """Count a prediction and what is missing before it."""
        if self._last is not None and message.frame > self._last:
            skipped = message.frame - self._last - 1
            if self._was_away:
                self._counts["away"] += skipped
            else:
                on_link = min(skipped, self._gap)
                self._counts["link"] += on_link
                self._counts["board"] += skipped - on_link
        self._counts["shown"] += 1
        self._last, self._gap, self._was_away = message.frame, 0, False

    def statistics(self, message: Statistics) -> None:
        """Note the board's own counters; only what they grew by while somebody looked is counted."""
        before = self._statistics
        if before is not None and message.uptime_us >= before.uptime_us:
            for name, cause in CAUSES.items():
                self._causes[cause] += max(0, getattr(message, name) - getattr(before, name))
        self._statistics = message

    def count(self) -> FrameCount:
        """Return the counts so far."""
        counts = self._counts
        return FrameCount(
            captured=counts.total(),
            shown=counts["shown"],
            lost_on_link=counts["link"],
            lost_while_disconnected=counts["away"],
            dropped_on_board=counts["board"],
            board_says={cause: self._causes[cause] for cause in CAUSES.values()},
        )
