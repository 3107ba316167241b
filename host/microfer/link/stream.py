"""What a board sends by itself: the settings after its start, none at all, and finding out which are in force.

What a viewer wants is said again until the board's statistics confirm it.
"""

import time

from microfer.contract import START_PERIOD_MS
from microfer.link.connection import Connection
from microfer.link.events import Opened, Timed
from microfer.link.messages import Hello, Statistics, StreamSettings
from microfer.link.reader import Received

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
    return StreamSettings(START_PERIOD_MS, predictions=True, previews=previews)


START_SETTINGS = StreamSettings(START_PERIOD_MS, predictions=True, previews=False)
"""In force after a board's start."""

QUIET = StreamSettings(statistics_period_ms=0, predictions=False, previews=False)

WAIT_S = 1.3
"""For the statistics that tell which settings are in force: the period after the start, and some."""


def settings_in_force(connection: Connection, wait_s: float = WAIT_S) -> StreamSettings | None:
    """Return the settings that the board's next statistics tell; None where none come, as with a period of 0.

    Events that arrive meanwhile are used up.

    Raises:
        LinkLostError: the port was lost and did not come back.
    """
    end_s = time.monotonic() + wait_s
    while (left_s := end_s - time.monotonic()) > 0:
        for timed in connection.poll(left_s):
            if isinstance(timed.event, Received) and isinstance(timed.event.message, Statistics):
                return settings_of(timed.event.message)
    return None


def settings_of(statistics: Statistics) -> StreamSettings:
    """Return the settings that were in force when the board wrote these statistics."""
    return StreamSettings(statistics.statistics_period_ms, statistics.predictions, statistics.previews)
