"""A board that is asked for the network's output on the host's own crops, and that sends nothing else meanwhile."""

import random
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

from microfer.errors import MicroferError
from microfer.link.connection import Connection
from microfer.link.errors import NoAnswerError, RefusedError
from microfer.link.messages import AskHello, ErrorCode, Hello, InferCrop, InferResult, Statistics, StreamSettings
from microfer.link.stream import QUIET, START_SETTINGS, settings_in_force

LEAST_WAIT_S = 1.0
LONGEST_WAIT_S = 30.0
"""For one answer. The first is waited for that long; then it is seen how long this board takes."""

PATIENCE = 5
"""How many times as long as the slowest answer so far is waited for the next one."""

TRIES = 8
NUMBERS = 1 << 32


@dataclass
class InferSession:
    """A conversation with one board: `greet`, then `with` it, `infer` as often as needed.

    `with` switches off what the board sends by itself; its end, however it comes about, brings back what was found.
    A board that restarts, or whose link is lost and comes back, is greeted and made quiet again.

    connection: open, and used by nobody else. settings: those that the end brings back; found out where None.
    """

    connection: Connection
    settings: StreamSettings | None = None
    longest_wait_s: float = LONGEST_WAIT_S
    tries: int = TRIES
    retries: int = 0
    """Commands that were sent again."""

    is_left_quiet: bool = False
    """Whether the board was made quiet and has not said since that its settings are back."""

    _hello: Hello | None = None
    _seen: tuple[int, int] = (0, 0)
    _slowest_s: float = 0.0
    # Random, so that no answer to an earlier program, still on its way, is taken for one of this session.
    _number: int = field(default_factory=lambda: random.randrange(NUMBERS))

    def greet(self) -> Hello:
        """Return the board's hello.

        Raises:
            OtherVersionError: the board speaks another protocol version.
            NoAnswerError, LinkLostError: there is none, or it does not answer.
        """
        self._hello = self.connection.ask(AskHello(), Hello, timeout_s=2.0, tries=self.tries)
        self._seen = self.interruptions
        return self._hello

    @property
    def hello(self) -> Hello:
        """What the board said of itself last; it is asked where it has not been yet."""
        return self._hello or self.greet()

    @property
    def settings_found(self) -> StreamSettings:
        """What the board had in force, and what the end of the session brings back."""
        return self.settings or START_SETTINGS

    def __enter__(self) -> Self:
        if self._hello is None:
            self.greet()
        if self.settings is None:
            self.settings = settings_in_force(self.connection)
        try:
            self._make_quiet()
        except BaseException:
            self._restore()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def infer(self, crop: npt.NDArray[np.uint8]) -> InferResult:
        """Return the board's output on a crop, uint8 (48, 48).

        Raises:
            NoAnswerError: it did not answer, however often it was asked.
            RefusedError: it cannot run the network.
            LinkLostError: the port was lost and did not come back.
            MicroferError: another board came back.
        """
        self._number = (self._number + 1) % NUMBERS
        command, refused = InferCrop(self._number, crop.tobytes()), None
        for attempt in range(self.tries):
            self.retries += attempt > 0
            self.connection.poll(0)  # what was kept for us is of no interest any more
            try:
                self.greet_again_if_needed()
                return self._ask(command)
            except RefusedError as error:
                if error.code != ErrorCode.INVOKE_FAILED:
                    raise
                refused = error
            except NoAnswerError:
                refused = None
        if refused is not None:
            raise refused
        raise NoAnswerError(self._no_answer())

    def _ask(self, command: InferCrop) -> InferResult:
        wait_s = min(self.longest_wait_s, max(LEAST_WAIT_S, PATIENCE * self._slowest_s))
        begin_s, before = time.monotonic(), self.interruptions
        result = self.connection.ask(
            command,
            InferResult,
            timeout_s=wait_s if self._slowest_s else self.longest_wait_s,
            tries=1,
            wanted=lambda result: result.request == command.request,
        )
        if self.interruptions == before:
            self._slowest_s = max(self._slowest_s, time.monotonic() - begin_s)
        return result

    def greet_again_if_needed(self) -> None:
        """Greet a board that has restarted or come back since it was greeted last, and make it quiet again.

        Raises:
            NoAnswerError, LinkLostError: it does not answer.
            MicroferError: another board came back.
        """
        before = self._hello
        if before is None or self.interruptions == self._seen:
            return
        now = self.greet()
        if _identity(now) != _identity(before):
            raise MicroferError(
                f"another board came back on {self.connection.port}: {now.board}, firmware {now.firmware_version}, "
                f"kernels {now.kernels}, model {now.model_id}; before it was {before.board}, firmware "
                f"{before.firmware_version}, kernels {before.kernels}, model {before.model_id}. Plug in that one again"
            )
        self._make_quiet()
        self._seen = self.interruptions

    def _make_quiet(self) -> None:
        self.is_left_quiet = True
        self.connection.ask(QUIET, Statistics, tries=self.tries, wanted=lambda said: not said.predictions)

    def _restore(self) -> None:
        wanted = self.settings_found
        if not self.connection.is_open:
            return
        with suppress(MicroferError):  # what ended the session is what the user should read
            self.connection.ask(wanted, Statistics, wanted=lambda said: said.predictions == wanted.predictions)
            self.is_left_quiet = False

    @property
    def interruptions(self) -> tuple[int, int]:
        """How often the link was lost and how often the board restarted, as far as was read."""
        return self.connection.losses, self.connection.counters.restarts

    def _no_answer(self) -> str:
        counters, hello = self.connection.counters, self._hello
        text = f"{self.connection.port} did not answer a crop that was sent {self.tries} times"
        if counters.restarts and hello is not None:
            reason = hello.reset_reason
            return f"{text}; the board restarted {counters.restarts} times, last because of {reason.name}: {reason.doc}"
        return f"{text}: has the board hung? Press its reset button, then run the same command again"


def _identity(hello: Hello) -> tuple[str, str, str, bytes]:
    return hello.board, hello.firmware_version, hello.kernels, hello.model_sha256
