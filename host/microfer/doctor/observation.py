"""What is seen of a board in a few seconds: everything that arrives, for the checks to judge."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from microfer.contract import CROP_SIZE
from microfer.errors import MicroferError
from microfer.link.connection import Connection
from microfer.link.events import Timed
from microfer.link.messages import BoardError, CropPreview, Hello, Prediction, Statistics, StreamSettings
from microfer.link.reader import Cause, LinkCounters, OtherVersion, Received
from microfer.link.stream import START_SETTINGS, WAIT_S, settings_of

HELLO_WAIT_S = 6.0
"""A board that is just starting loads its network and tests itself before it answers."""

MOST_CROPS = 30
MOST_BYTES = 4096

Note = Callable[[str], None]


@dataclass
class Observation:
    """All that arrived. seconds: for how long the board was watched after its hello.

    settings: what it sends by itself, as it was found; None where it did not say. mended: the settings after the start
    were put in force and left so, because those that were found hide the board. losses: of the link.
    """

    hello: Hello | None = None
    other_version: OtherVersion | None = None
    statistics: list[Statistics] = field(default_factory=list)
    predictions: list[Prediction] = field(default_factory=list)
    errors: list[BoardError] = field(default_factory=list)
    begin: bytearray = field(default_factory=bytearray)
    """The first bytes that arrived, at most MOST_BYTES: they tell what it is, where it is no board of ours."""

    crops: list[npt.NDArray[np.uint8]] = field(default_factory=list)
    settings: StreamSettings | None = None
    mended: bool = False
    seconds: float = 0.0
    losses: int = 0
    counters: LinkCounters = field(default_factory=LinkCounters)

    def take_bytes(self, content: bytes) -> None:
        """Keep the first bytes."""
        self.begin += content[: MOST_BYTES - len(self.begin)]

    @property
    def is_known(self) -> bool:
        """Whether the board has said who it is, if only in another version of the protocol."""
        return self.hello is not None or (self.other_version is not None and self.other_version.board is not None)

    @property
    def damaged(self) -> int:
        """Pieces of the stream that were neither frame nor text, those at its ends left out."""
        return sum(n for cause, n in self.counters.damaged.items() if cause != Cause.CUT) + self.counters.too_long


def observe(
    connection: Connection, seconds: float, *, look: bool = False, note: Note = lambda text: None
) -> Observation:
    """Watch the board of an open connection for `seconds` and return what arrived.

    look: ask for crops meanwhile, and end that in any case. A board that does not answer is given HELLO_WAIT_S.

    Raises:
        LinkLostError: the port was lost and did not come back.
    """
    seen = Observation(counters=connection.counters)
    # Text without a zero after it is no event yet: other firmware may never send one.
    connection.tap = lambda _, what: seen.take_bytes(what) if isinstance(what, bytes) else None
    _collect(connection, seen, HELLO_WAIT_S, lambda: seen.is_known)
    if seen.hello is not None:
        _collect(connection, seen, WAIT_S, lambda: bool(seen.statistics))
        seen.settings = settings_of(seen.statistics[-1]) if seen.statistics else None
        seen.mended = seen.settings is None or not seen.settings.predictions
        usual = START_SETTINGS if seen.mended or seen.settings is None else seen.settings
        if look:
            note(
                f"asking the board for the crops of the face that it sees, for {seconds:g} s; they stay in "
                "this program's memory and are not stored"
            )
        try:
            if look or seen.mended:
                connection.ask(replace(usual, previews=look), Statistics)
            begin_s = time.monotonic()
            _collect(connection, seen, seconds, lambda: False)
            seen.seconds = time.monotonic() - begin_s
        finally:
            if look:
                with suppress(MicroferError):  # a board that is gone sends no crops either
                    connection.ask(replace(usual, previews=False), Statistics)
    seen.losses = connection.losses
    return seen


def _collect(connection: Connection, seen: Observation, seconds: float, enough: Callable[[], bool]) -> None:
    end_s = time.monotonic() + seconds
    while not enough() and (left_s := end_s - time.monotonic()) > 0:
        for timed in connection.poll(min(left_s, 0.2)):
            _take(timed, seen)


def _take(timed: Timed, seen: Observation) -> None:
    match timed.event:
        case OtherVersion():
            if timed.event.board is not None or seen.other_version is None:
                seen.other_version = timed.event
        case Received(message=Hello() as hello):
            seen.hello = hello
        case Received(message=Statistics() as statistics):
            seen.statistics.append(statistics)
        case Received(message=Prediction() as prediction):
            seen.predictions.append(prediction)
        case Received(message=BoardError() as error):
            seen.errors.append(error)
        case Received(message=CropPreview() as preview) if len(seen.crops) < MOST_CROPS:
            crop = np.frombuffer(preview.pixels, np.uint8).reshape(CROP_SIZE, CROP_SIZE)
            seen.crops.append(crop)
