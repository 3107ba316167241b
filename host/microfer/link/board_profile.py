"""Timing each operator of the network on a board, over the link."""

import hashlib
import random
from dataclasses import dataclass
from typing import Any

from microfer.contract import MOST_PROFILE_RUNS
from microfer.errors import MicroferError
from microfer.link.errors import NoAnswerError, RefusedError
from microfer.link.infer_session import InferSession
from microfer.link.layout import layout
from microfer.link.messages import AskProfile, ErrorCode, Hello, OperatorTime
from microfer.tflite.graph import TfliteModel

RUNS = 10
"""Of the network, where no other number is asked for."""

MOST_RUNS = MOST_PROFILE_RUNS
"""What the firmware allows."""

TRIES = 3
"""How often a profile that was interrupted is begun anew."""

LEAST_WAIT_S = 10.0
PATIENCE = 4
"""How many times as long as the self-test's slowest run is waited for each run."""

WAIT_UNKNOWN_S = 60.0
"""For the runs of a board that has not said how long one takes."""

EMULATED = "QEMU"
"""The board's name in the emulated chip: firmware/src/boards.h."""

_NAME_CHARACTERS = next(field.wire.count for field in layout(OperatorTime) if field.name == "name")


@dataclass(frozen=True)
class BoardProfile:
    """What the operators of one network take on one board.

    operators: for each, in the order of execution, its name and the mean time of a run in microseconds.
    network_us: mean of the whole network, with what the runtime does between the operators. tick_hz: rate of the
    counter that timed them, by the board's clock.
    """

    hello: Hello
    runs: int
    operators: tuple[tuple[str, float], ...]
    network_us: float
    tick_hz: float

    def document(self) -> dict[str, Any]:
        """Return what a profile's file holds; `microfer.cost.profile` says which of it is read."""
        return {
            "format_version": 1,
            "model_sha256": self.hello.model_sha256.hex(),
            "unit": "us",
            "operators": [{"name": name, "value": round(value, 4)} for name, value in self.operators],
            "measured_on": {
                "board": self.hello.board,
                "firmware": self.hello.firmware_version,
                "kernels": self.hello.kernels,
                "model": self.hello.model_id,
                "runs": self.runs,
                "network_us": round(self.network_us, 4),
                "tick_mhz": round(self.tick_hz / 1e6, 3),
                "is_emulated": self.hello.board == EMULATED,
            },
        }


def measure(session: InferSession, model: TfliteModel, runs: int = RUNS) -> BoardProfile:
    """Return what the operators of `model` take on the board that `session` speaks to, the mean of `runs` runs.

    The board sends nothing by itself meanwhile. A profile that a restart or a lost link interrupts is begun anew.

    Raises:
        MicroferError: the board runs another model, cannot be timed, has a firmware that does not know how, does not
            answer, restarts again and again, or answers with other operators than the model's.
    """
    hello = session.greet()
    _check_model(hello, model)
    with session:
        answers = _ask_until_whole(session, hello, runs)
    return _profile(hello, model, answers)


def _check_model(hello: Hello, model: TfliteModel) -> None:
    expected = hashlib.sha256(model.content).hexdigest()
    if hello.model_sha256.hex() != expected:
        raise MicroferError(
            f"the board runs the model {hello.model_id} (SHA-256 {hello.model_sha256.hex()[:16]}...), not {model.name} "
            f"({expected[:16]}...): name the board's own .tflite, or export this one with "
            "microfer export and flash the whole firmware"
        )


def _ask_until_whole(session: InferSession, hello: Hello, runs: int) -> list[OperatorTime]:
    connection, last = session.connection, MicroferError("")
    for _ in range(TRIES):
        connection.poll(0)  # what was kept for us is of no interest any more
        session.greet_again_if_needed()
        before = session.interruptions
        try:
            answers = _ask_all(session, hello, runs)
            session.greet_again_if_needed()  # where the link was lost meanwhile: is it still the same board?
            return answers
        except NoAnswerError as error:
            last = error
        except RefusedError as error:
            # A board that has restarted meanwhile knows nothing of what it measured before.
            if session.interruptions == before or error.code != ErrorCode.COMMAND_REFUSED:
                raise _explained(hello, error) from error
            last = error
    restarts = connection.counters.restarts
    if restarts:
        session.greet_again_if_needed()
        reason = session.hello.reset_reason
        raise MicroferError(
            f"the board on {connection.port} restarted {restarts} times while it was timed, last because of "
            f"{reason.name}: {reason.doc}"
        ) from last
    raise NoAnswerError(
        f"{connection.port} gave no complete profile in {TRIES} tries: press the board's reset button, then run the "
        f"same command again. {last}"
    ) from last


def _ask_all(session: InferSession, hello: Hello, runs: int) -> list[OperatorTime]:
    # Random, so that no late answer to another profile is taken for one of this.
    request = random.randrange(1 << 32)
    wait_s = PATIENCE * runs * hello.self_test_invoke_us / 1e6 or WAIT_UNKNOWN_S
    first = _ask(session, AskProfile(request, runs, 0), LEAST_WAIT_S + wait_s, tries=1)
    return [first, *(_ask(session, AskProfile(request, runs, i), 1.0, session.tries) for i in range(1, first.total))]


def _ask(session: InferSession, command: AskProfile, timeout_s: float, tries: int) -> OperatorTime:
    wanted = command.request, command.index
    return session.connection.ask(
        command, OperatorTime, timeout_s, tries, wanted=lambda answer: (answer.request, answer.index) == wanted
    )


def _explained(hello: Hello, error: RefusedError) -> MicroferError:
    board = f"{hello.board}, firmware {hello.firmware_version}, kernels {hello.kernels}"
    if error.code == ErrorCode.COMMAND_UNKNOWN:
        return MicroferError(
            f"the board ({board}) runs firmware that cannot time operators: flash the firmware of this microfer, "
            "then run the same command again"
        )
    if error.code == ErrorCode.PROFILE_FAILED:
        return MicroferError(
            f"the board ({board}) gave no times: {error}. A chip can be timed and, to try it out, the emulated one "
            "(scripts/firmware_qemu.py), but not a board that computes on this computer"
        )
    return MicroferError(f"the board ({board}) gave no times: {error}")


def _profile(hello: Hello, model: TfliteModel, answers: list[OperatorTime]) -> BoardProfile:
    first = answers[0]
    sums = {(one.runs, one.total, one.network_ticks, one.network_us) for one in answers}
    if len(sums) != 1 or len(answers) != first.total:
        raise MicroferError(
            f"the board's answers belong to different measurements: {sorted(sums)}; does another program use this "
            "port? Close it and run the same command again"
        )
    expected = [operator.name[:_NAME_CHARACTERS] for operator in model.operators]
    found = [one.name for one in answers]
    if found != expected:
        at = next((n for n, (a, b) in enumerate(zip(expected, found, strict=False)) if a != b), None)
        where = min(len(expected), len(found)) if at is None else at
        raise MicroferError(
            f"the board timed {len(found)} operators and {model.name} has {len(expected)}, the first difference at "
            f"{where}: export the model again and flash the whole firmware"
        )
    ticks = [one.ticks for one in answers]
    if not first.network_us or min(ticks) < 1 or sum(ticks) > first.network_ticks:
        raise MicroferError(
            f"the board's times do not add up: operators of {sum(ticks)} ticks, the least {min(ticks)}, in a network "
            f"of {first.network_ticks} ticks and {first.network_us} us; run the same command again, and if they do "
            "not then either, report it with the firmware's version"
        )
    us = first.network_us / first.network_ticks / first.runs
    return BoardProfile(
        hello,
        first.runs,
        tuple((operator.name, count * us) for operator, count in zip(model.operators, ticks, strict=True)),
        first.network_us / first.runs,
        first.network_ticks / first.network_us * 1e6,
    )
