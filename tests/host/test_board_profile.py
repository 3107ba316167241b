"""Timing a network's operators over the link: a board that answers, lies, is too old, gets lost; and the command."""

import hashlib
import json
import subprocess
import sys
from dataclasses import replace

import pytest
from tests.conftest import ROOT
from tests.host.board_client import BoardClient, needs_compiler
from tests.host.fake_board import HELLO, STATISTICS, FakeBoard

from microfer.cost.profile import profile_in, read_profile
from microfer.errors import MicroferError
from microfer.link import board_profile
from microfer.link.board_profile import MOST_RUNS, measure
from microfer.link.connection import Connection
from microfer.link.errors import LinkLostError, NoAnswerError, OtherVersionError
from microfer.link.infer_session import InferSession
from microfer.link.messages import (
    PROTOCOL_VERSION,
    AskProfile,
    BoardError,
    ErrorCode,
    InferCrop,
    InferResult,
    OperatorTime,
    ResetReason,
    StreamSettings,
)
from microfer.link.stream import QUIET
from microfer.tflite import tflite_file
from microfer.virtual_board.virtual_board import BoardSettings, VirtualBoard

FILE = ROOT / "models" / "thesis-bn-1" / "model.tflite"
MODEL = tflite_file.read(FILE)
NAMES = [operator.name for operator in MODEL.operators]
HERS = replace(HELLO, model_sha256=hashlib.sha256(MODEL.content).digest(), self_test_invoke_us=100)
FOUND = StreamSettings(100, True, False)
"""What the board has in force before it is asked: no two fields as in QUIET, the period not that of the start."""


class ProfileBoard(FakeBoard):
    """Times as firmware does, with a counter of 40 ticks a microsecond: the n-th operator, from 0, takes n + 1 us.

    names: of the operators. faults: by the count of questions that came before, what happens instead of the answer:
    "lose" the link, "restart", "drop" the answer, "swap" the board, "vanish", an ErrorCode, or a function that changes
    the answer. always: the fault where `faults` names none.
    """

    def __init__(self, faults=None, names=NAMES, hello=HERS, always=None, **options):
        super().__init__(hello=hello, period_s=0.001, **options)
        self.faults, self.always = dict(faults or {}), always
        self.names, self.settings = names, FOUND
        self.asked = 0
        self.measured = None
        self.after_restart = hello

    def restart(self):
        super().restart()
        self.settings, self.measured, self.frames = FOUND, None, 10**9

    def _answer(self, message, sequence, send):
        if isinstance(message, StreamSettings):
            self.settings = message
            self.frames = 10**9 if message.predictions else 0
            self._send(replace(STATISTICS, **vars(message)), send)
        elif isinstance(message, AskProfile):
            self._profile(message, sequence, send)
        else:
            super()._answer(message, sequence, send)
            self._send(replace(STATISTICS, **vars(self.settings)), send)

    def _profile(self, message, sequence, send):
        fault = self.faults.get(self.asked, self.always)
        self.asked += 1
        if message.index == 0:
            self.measured = message.request
        us = sum(range(1, len(self.names) + 1)) + 1
        if self.measured != message.request or message.index >= len(self.names):
            self._send(BoardError(ErrorCode.COMMAND_REFUSED, message.TYPE, sequence, "begin with index 0"), send)
            return
        runs, index = message.runs, message.index
        ticks = 40 * runs * (index + 1)
        answer = OperatorTime(
            message.request, ticks, 40 * us * runs, us * runs, runs, index, len(self.names), self.names[index][:32]
        )
        match fault:
            case "lose":
                self.unplug()
            case "vanish":
                self._stop.set()
                self._server.close()
            case "swap":
                self.hello = replace(self.hello, board="another")
                self.unplug()
            case "restart":
                self.hello = self.after_restart
                self.restart()
                self._send(self.hello, send)
            case "drop":
                pass
            case ErrorCode():
                self._send(BoardError(fault, message.TYPE, sequence, "so it was wished"), send)
            case _:
                self._send(fault(answer) if fault else answer, send)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(board_profile, "LEAST_WAIT_S", 0.5)
    monkeypatch.setattr("microfer.link.stream.WAIT_S", 0.1)


def timed(board, runs=3, model=MODEL, patience_s=5.0):
    with Connection(board.port, give_up_after_s=patience_s) as connection:
        session = InferSession(connection, tries=3)
        profile = measure(session, model, runs)
        assert not session.is_left_quiet
        return profile


def test_each_operators_mean_time_is_told_in_microseconds_of_the_boards_clock():
    with ProfileBoard() as board:
        profile = timed(board)
    assert [name for name, _ in profile.operators] == NAMES
    assert [value for _, value in profile.operators] == pytest.approx([n + 1 for n in range(len(NAMES))])
    assert (profile.runs, profile.tick_hz) == (3, pytest.approx(40e6))
    assert profile.network_us == sum(range(len(NAMES) + 1)) + 1


def test_the_board_is_silent_meanwhile_and_has_its_settings_back_afterwards():
    with ProfileBoard() as board:
        timed(board)
        kinds = [command for command in board.commands if not isinstance(command, AskProfile)]
        assert kinds[-2:] == [QUIET, FOUND]
        first = next(n for n, command in enumerate(board.commands) if isinstance(command, AskProfile))
        assert QUIET in board.commands[:first]
        assert board.settings == FOUND


def test_the_document_is_a_profile_that_is_read_again():
    with ProfileBoard() as board:
        profile = profile_in(timed(board).document(), "here")
    assert [(name, pytest.approx(1e-6 * (n + 1))) for n, name in enumerate(NAMES)] == list(profile.operators)
    assert profile.model_sha256 == HERS.model_sha256.hex()
    assert profile.measured_on["board"] == HERS.board
    assert profile.measured_on["is_emulated"] is False


def test_a_network_of_128_operators_is_timed():
    names = [f"CUSTOM_{n:03}_{'LONG' * 8}" for n in range(128)]
    model = replace(MODEL, operators=tuple(replace(MODEL.operators[0], name=name) for name in names))
    with ProfileBoard(names=names) as board:
        assert [name for name, _ in timed(board, model=model).operators] == names


def test_a_board_with_another_model_is_refused_with_what_to_do():
    with ProfileBoard(hello=replace(HERS, model_sha256=bytes(32), model_id="old-one")) as board:
        with pytest.raises(MicroferError, match=r"runs the model old-one .*microfer export and flash the whole firmwa"):
            timed(board)
        assert board.asked == 0


def test_a_firmware_that_does_not_know_the_command_is_told_to_be_flashed():
    with ProfileBoard(always=ErrorCode.COMMAND_UNKNOWN) as board:
        with pytest.raises(MicroferError, match=r"test-board, firmware 0\.1\.0.*flash the firmware of this microfer"):
            timed(board)
        assert board.asked == 1
        assert board.settings == FOUND


def test_a_board_of_another_protocol_version_says_which_side_to_update():
    with (
        ProfileBoard(version=PROTOCOL_VERSION + 1) as board,
        pytest.raises(OtherVersionError, match="update microfer"),
    ):
        timed(board)


@pytest.mark.parametrize("code", [ErrorCode.MODEL_REFUSED, ErrorCode.INVOKE_FAILED, ErrorCode.PROFILE_FAILED])
def test_a_board_that_cannot_be_timed_says_why(code):
    with ProfileBoard(always=code) as board:
        with pytest.raises(MicroferError, match="gave no times: the board refused: so it was wished"):
            timed(board)
        assert board.asked == 1


def test_a_board_that_never_answers_ends_in_an_error_and_not_in_a_hang():
    with ProfileBoard(always="drop") as board:
        with pytest.raises(NoAnswerError, match=r"no complete profile in 3 tries: press the board's reset button"):
            timed(board)
        assert board.asked == 3


def test_a_lost_answer_is_asked_for_again_and_a_lost_first_one_begins_anew():
    with ProfileBoard({0: "drop", 4: "drop"}) as board:
        assert [name for name, _ in timed(board).operators] == NAMES
    requests = {command.request for command in board.commands if isinstance(command, AskProfile)}
    assert len(requests) == 2
    assert board.asked == len(NAMES) + 2


@pytest.mark.parametrize("fault", ["restart", "lose"])
def test_a_restart_or_a_lost_link_is_survived(fault):
    with ProfileBoard({5: fault}) as board:
        profile = timed(board)
        assert [name for name, _ in profile.operators] == NAMES
        assert board.settings == FOUND


def test_a_board_that_restarts_again_and_again_is_given_up_with_its_reason():
    with ProfileBoard(dict.fromkeys(range(2, 100, 3), "restart")) as board:
        board.after_restart = replace(HERS, reset_reason=ResetReason.BROWNOUT)
        with pytest.raises(MicroferError, match=r"restarted \d+ times while it was timed, last because of BROWNOUT"):
            timed(board)


def test_another_board_that_comes_back_is_not_taken_for_the_first():
    with ProfileBoard({5: "swap"}) as board, pytest.raises(MicroferError, match="another board came back"):
        timed(board)


def test_a_board_that_does_not_come_back_ends_in_an_error():
    with ProfileBoard({5: "vanish"}) as board, pytest.raises(LinkLostError, match="did not come back"):
        timed(board, patience_s=0.5)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (NAMES[:-1], f"timed {len(NAMES) - 1} operators and .* has {len(NAMES)}, the first difference at 58"),
        ([*NAMES, "ADD"], "the first difference at 59"),
        ([*NAMES[:7], "ADD", *NAMES[8:]], "the first difference at 7: export the model again"),
    ],
    ids=["truncated", "too long", "another operator"],
)
def test_a_profile_with_other_operators_than_the_models_names_the_first(names, message):
    with ProfileBoard(names=names) as board, pytest.raises(MicroferError, match=message):
        timed(board)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda answer: replace(answer, network_us=1), "to different measurements"),
        (lambda answer: replace(answer, total=answer.total + 1), "to different measurements"),
        (lambda answer: replace(answer, ticks=0), "do not add up: .* the least 0"),
        (lambda answer: replace(answer, ticks=1 << 40), "do not add up"),
    ],
)
def test_answers_that_contradict_each_other_are_refused(fault, message):
    with ProfileBoard({6: fault}) as board, pytest.raises(MicroferError, match=message):
        timed(board)


# The virtual board


@needs_compiler
def test_the_virtual_board_says_that_it_cannot_be_timed_and_goes_on_answering(tiny):
    with VirtualBoard(BoardSettings(model=tiny)) as board:
        with Connection(board.url) as connection:
            session = InferSession(connection)
            with pytest.raises(MicroferError, match=r"cannot time operators.*emulated one \(scripts/firmware_qemu\.py"):
                measure(session, tflite_file.read(tiny))
        with BoardClient(board.url) as client:
            assert client.ask(InferCrop(5, bytes(2304)), InferResult).request == 5


@needs_compiler
@pytest.mark.parametrize(
    ("runs", "code"),
    [(0, ErrorCode.COMMAND_REFUSED), (MOST_RUNS, ErrorCode.PROFILE_FAILED), (MOST_RUNS + 1, ErrorCode.COMMAND_REFUSED)],
)
def test_the_firmware_takes_as_many_runs_as_the_host_allows(tiny, runs, code):
    with VirtualBoard(BoardSettings(model=tiny)) as board, BoardClient(board.url) as client:
        client.hello()
        error = client.ask(AskProfile(1, runs, 0), BoardError)
        assert (error.code, error.command_type) == (code, AskProfile.TYPE)


# The command


def command(*options):
    return subprocess.run(
        [sys.executable, "host/profile_s3.py", *map(str, options)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"COLUMNS": "250", "PATH": ""},
    )


def test_the_command_shows_what_the_board_measured_and_keeps_it(tmp_path):
    saved, factors = tmp_path / "board.json", tmp_path / "factors.json"
    with ProfileBoard() as board:
        done = command(FILE, "--port", board.port, "--runs", 2, "--save-profile", saved, "--refit", factors)
    assert done.returncode == 0, done.stderr
    assert "ms measured" in done.stdout
    assert (
        "measured      on test-board, firmware 0.1.0, kernels esp-nn 1.2.3: the mean of 2 runs of thesis-bn-1"
        in done.stdout
    )
    profile = read_profile(saved)
    assert [name for name, _ in profile.operators] == NAMES
    assert read_profile(factors).operators == profile.operators
    assert "conv rows" in read_profile(factors).paths

    again = json.loads(command(FILE, "--profile", saved, "--json").stdout)
    assert all(operator["is_measured"] for operator in again["operators"])
    assert again["milliseconds"] == [pytest.approx(1.77)] * 2
    assert again["measured_on"]["board"] == "test-board"


def test_where_the_board_is_refused_nothing_is_written(tmp_path):
    with ProfileBoard(names=NAMES[:-1]) as board:
        done = command(FILE, "--port", board.port, "--save-profile", tmp_path / "board.json")
    assert done.returncode == 2
    assert "the first difference at 58" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_the_emulated_chip_measured_is_not_taken_for_a_chips():
    with ProfileBoard(hello=replace(HERS, board="QEMU", kernels="microfer + esp-nn 1.2.3")) as board:
        done = command(FILE, "--port", board.port)
    assert "NOT A CHIP'S" in done.stdout
    assert "OWN KERNELS" in done.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--save-profile", "x"), "name the board with --port"),
        (("--refit", "x"), "--refit needs --profile or --port"),
        (("--port", "x", "--profile", "y"), "not allowed with"),
        (("--port", "x", "--runs", "101"), "101 is above 100"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, message):
    done = command(*options)
    assert done.returncode == 2
    assert message in done.stderr
