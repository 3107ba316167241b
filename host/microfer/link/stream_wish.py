"""What a viewer wants the board to send, said again until the board's statistics confirm it."""

import time

from microfer.link.events import Opened, Timed
from microfer.link.messages import Hello, Statistics, StreamSettings
from microfer.link.reader import Received

STATISTICS_PERIOD_MS = 1000
AGAIN_AFTER_S = 1.0


class StreamWish:
    """The settings that a viewer wants, and whether they are in force.

    They are sent to every board that says hello, also where previews are not wanted: a board may have kept the
    settings of whoever watched it before, and after a restart it has lost ours.
    """

    def __init__(self, previews: bool) -> None:
        self._previews = previews
        self._is_known = False
        self._is_settled = False
        self._next_s = 0.0

    @property
    def previews(self) -> bool:
        """Whether crops are wanted."""
        return self._previews

    @previews.setter
    def previews(self, on: bool) -> None:
        self._previews, self._is_settled, self._next_s = on, False, 0.0

    def take(self, timed: Timed) -> None:
        """Learn from an event what is in force."""
        event = timed.event
        if isinstance(event, Opened):
            self._is_known = self._is_settled = False
        elif isinstance(event, Received) and isinstance(event.message, Hello):
            self._is_known, self._is_settled, self._next_s = True, False, 0.0
        elif isinstance(event, Received) and isinstance(event.message, Statistics):
            self._is_settled = event.message.previews == self._previews and event.message.predictions

    def due(self) -> StreamSettings | None:
        """Return the settings where it is time to send them, else None."""
        now_s = time.monotonic()
        if not self._is_known or self._is_settled or now_s < self._next_s:
            return None
        self._next_s = now_s + AGAIN_AFTER_S
        return settings(self._previews)


def settings(previews: bool) -> StreamSettings:
    """Return the settings with predictions, statistics every second, and crops or none."""
    return StreamSettings(STATISTICS_PERIOD_MS, predictions=True, previews=previews)
