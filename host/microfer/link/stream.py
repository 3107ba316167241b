"""What a board sends by itself: the settings after its start, none at all, and finding out which are in force."""

import time

from microfer.link.connection import Connection
from microfer.link.messages import Statistics, StreamSettings
from microfer.link.reader import Received

START_SETTINGS = StreamSettings(statistics_period_ms=1000, predictions=True, previews=False)
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
