"""Level 4: a board that answers crops over a real socket, is wrong, fails, gets lost and comes back; and its report."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from tests.conftest import ROOT
from tests.host.fake_board import HELLO, STATISTICS, FakeBoard, infer_result

from microfer.cli import parity as parity_command
from microfer.errors import MicroferError
from microfer.link.connection import Connection
from microfer.link.errors import LinkLostError, NoAnswerError, OtherVersionError, RefusedError
from microfer.link.infer_session import InferSession
from microfer.link.messages import (
    PROTOCOL_VERSION,
    BoardError,
    ErrorCode,
    InferCrop,
    ResetReason,
    StreamSettings,
)
from microfer.link.stream import QUIET
from microfer.parity import certificate_file
from microfer.parity.board import STATE_NAME, compare_board
from microfer.parity.board_level import BoardIdentity, InvokeTimes, LinkTotals, crop_png, judge
from microfer.parity.certificate import certify, model_of
from microfer.parity.images import synthetic_images
from microfer.parity.limits import Limits
from microfer.parity.page import render
from microfer.runtimes import runners

INT8 = ROOT / "tests" / "golden" / "tiny_int8.tflite"
MODEL = model_of(INT8)
TINY_HELLO = replace(HELLO, model_id="tiny", model_sha256=bytes.fromhex(MODEL.sha256))
FOUND = StreamSettings(100, True, False)
"""What the board has in force before it is asked: no two fields as in QUIET, the period not that of the start."""

IMAGES = synthetic_images(14)


def oracle() -> runners.Runner:
    return runners.open_tflite(INT8, "tflm" if runners.has_tflm() else "reference")


EXPECTED = oracle().raw(IMAGES.data.images)


class InferBoard(FakeBoard):
    """Answers crops by the very model, unless `faults` says otherwise: by the count of crops that came before.

    lie: one score is another. lose: the connection is closed. restart: begins anew without an answer. drop: silence.
    An ErrorCode: that error. late: the answer comes with that to the next try. swap: another board after a loss.
    """

    def __init__(self, faults=None, hello=TINY_HELLO, **options):
        super().__init__(hello=hello, **options)
        self.faults = dict(faults or {})
        self.settings = FOUND
        self.asked = 0
        self.answers = {crop.tobytes(): row for crop, row in zip(IMAGES.data.images, EXPECTED, strict=True)}
        self.after_restart = hello
        self.held_back = []

    def _answer(self, message, sequence, send):
        if isinstance(message, StreamSettings):
            self.settings = message
            self.frames = 10**9 if message.predictions else 0
            self._send(replace(STATISTICS, **vars(message)), send)
        elif isinstance(message, InferCrop):
            self._infer(message, sequence, send)
        else:
            super()._answer(message, sequence, send)
            if self.settings.statistics_period_ms:
                self._send(replace(STATISTICS, **vars(self.settings)), send)

    def _infer(self, message, sequence, send):
        fault = self.faults.get(self.asked)
        self.asked += 1
        scores = [int(score) for score in self.answers[message.pixels]]
        late, self.held_back = self.held_back, []
        for answer in late:
            self._send(answer, send)
        match fault:
            case "lose":
                self.unplug()
            case "swap":
                self.hello = self.after_restart
                self.unplug()
            case "restart":
                self.restart()
                self.settings, self.frames = FOUND, 10**9
                self._send(self.hello, send)
            case "drop":
                pass
            case "late":
                self.held_back = [infer_result(message.request, tuple(scores), 9)]
            case ErrorCode():
                self._send(BoardError(fault, message.TYPE, sequence, "so it was wished"), send)
            case _:
                if fault == "lie":
                    scores[2] ^= 1
                self._send(infer_result(message.request, tuple(scores), 1000 + self.asked), send)


def compare(board, tmp_path, images=IMAGES, on_step=lambda step: None, wait_s=1.0, **options):
    with Connection(board.port, give_up_after_s=3) as connection:
        session = InferSession(connection, longest_wait_s=wait_s, tries=4)
        expect = oracle().raw
        return compare_board(session, MODEL, images, expect, "tflm", tmp_path / STATE_NAME, on_step=on_step, **options)


def crops_asked(board):
    return [message for message in board.commands if isinstance(message, InferCrop)]


def command(*arguments):
    """Run `microfer parity` in this process and return its status."""
    return parity_command.main([*map(str, arguments), "--threads", "1"])


# The board answers


def test_a_board_that_computes_the_same_passes_with_its_times_and_name(tmp_path):
    steps = []
    with InferBoard() as board:
        level = compare(board, tmp_path, on_step=steps.append)
    assert (level.verdict, level.bits.count, level.bits.equal, level.bits.first) == ("passed", 14, 14, None)
    assert level.board == BoardIdentity("test-board", "0.1.0", "esp-nn 1.2.3", PROTOCOL_VERSION)
    assert level.times == InvokeTimes(1001, 1007, 1014, 1014, 1014)
    assert level.link == LinkTotals()
    assert [step.done for step in steps] == list(range(15))
    assert (steps[-1].equal, steps[-1].retries) == (14, 0)


def test_the_board_is_quiet_while_it_is_asked_and_has_its_settings_back_afterwards(tmp_path):
    with InferBoard() as board:
        compare(board, tmp_path)
        orders = [message for message in board.commands if isinstance(message, (StreamSettings, InferCrop))]
        assert orders[0] == QUIET
        assert orders[-1] == FOUND == board.settings
        assert sum(isinstance(order, StreamSettings) for order in orders) == 2


def test_one_wrong_score_is_found_with_its_picture(tmp_path):
    with InferBoard({5: "lie", 9: "lie"}) as board:
        level = compare(board, tmp_path)
    assert (level.verdict, level.bits.equal, level.bits.largest_difference) == ("failed", 14 - 2, 1)
    assert level.bits.first.index == 5
    assert level.bits.first.expected == tuple(EXPECTED[5])
    assert level.bits.first.found[2] == EXPECTED[5][2] ^ 1
    assert "2 of 14 images, allowed are 0; the first is image 5 (synthetic" in level.reasons[0]
    assert level.picture_png is not None
    with InferBoard({5: "lie"}) as board:
        assert compare(board, tmp_path / "other", allowed=1).verdict == "passed"


# The link fails


def test_a_lost_link_is_opened_again_and_the_check_goes_on_at_the_same_image(tmp_path):
    with InferBoard({3: "lose"}) as board:
        level = compare(board, tmp_path)
        assert level.verdict == "passed"
        assert (level.link.losses, level.link.retries) == (1, 1)
        assert len(crops_asked(board)) == 14 + 1
        assert crops_asked(board)[3] == crops_asked(board)[4]


def test_a_board_that_restarts_is_made_quiet_again(tmp_path):
    with InferBoard({6: "restart"}) as board:
        level = compare(board, tmp_path)
        assert (level.verdict, level.link.restarts) == ("passed", 1)
        assert board.commands.count(QUIET) == 2
        assert board.settings == FOUND


def test_an_answer_that_was_lost_or_refused_for_now_is_asked_for_again(tmp_path):
    faults = {2: "drop", 7: ErrorCode.COMMAND_DAMAGED, 9: ErrorCode.INVOKE_FAILED}
    with InferBoard(faults) as board:
        level = compare(board, tmp_path)
    assert (level.verdict, level.link.retries) == ("passed", 3)


def test_a_late_answer_is_taken_and_its_double_is_not_taken_for_the_next_image(tmp_path):
    with InferBoard({3: "late"}) as board:
        level = compare(board, tmp_path)
    assert (level.verdict, level.link.retries, level.times.min_us) == ("passed", 1, 9)


def test_answers_to_other_questions_are_not_taken(tmp_path):
    class Confused(InferBoard):
        def _infer(self, message, sequence, send):
            other = infer_result((message.request - 1) % 2**32, (0,) * 7, 1)
            self._send(other, send)
            super()._infer(message, sequence, send)

    with Confused() as board:
        assert compare(board, tmp_path).verdict == "passed"


def test_a_board_that_never_answers_a_crop_ends_the_check_and_says_which_reset_it_had(tmp_path):
    with InferBoard(dict.fromkeys(range(4, 99), "drop")) as board, pytest.raises(NoAnswerError, match="4 times: has"):
        compare(board, tmp_path, wait_s=0.3)
    hello = replace(TINY_HELLO, reset_reason=ResetReason.BROWNOUT)
    faults = dict.fromkeys(range(99), "restart")
    with InferBoard(faults, hello=hello) as board, pytest.raises(NoAnswerError, match=r"BROWNOUT: .*another cable"):
        compare(board, tmp_path, restart=True, wait_s=0.3)


@pytest.mark.parametrize("code", [ErrorCode.MODEL_REFUSED, ErrorCode.ARENA_TOO_SMALL, ErrorCode.INVOKE_FAILED])
def test_a_board_that_cannot_run_its_network_ends_the_check_and_gets_its_settings_back(tmp_path, code):
    with InferBoard(dict.fromkeys(range(99), code)) as board:
        with pytest.raises(RefusedError, match="so it was wished"):
            compare(board, tmp_path)
        assert len(crops_asked(board)) == (4 if code == ErrorCode.INVOKE_FAILED else 1)
        assert board.settings == FOUND


def test_a_link_that_does_not_come_back_ends_the_check_in_finite_time(tmp_path):
    with InferBoard({3: "lose"}) as board:

        def stop_listening(step):
            if step.done == 3:
                board._stop.set()
                board._server.close()

        begin_s = time.monotonic()
        with pytest.raises(LinkLostError, match="did not come back"):
            compare(board, tmp_path, on_step=stop_listening)
        assert time.monotonic() - begin_s < 60
    assert len(json.loads((tmp_path / STATE_NAME).read_text())["scores"]) == 3


# Another board than the one that was meant


def test_a_board_with_another_model_is_refused_before_it_is_asked_anything(tmp_path):
    with InferBoard(hello=HELLO) as board:
        with pytest.raises(MicroferError, match=r"runs the model thesis-bn-1 \(SHA-256 00010203.*flash the whole"):
            compare(board, tmp_path)
        assert not crops_asked(board)
        assert QUIET not in board.commands


@pytest.mark.parametrize(("version", "advice"), [(PROTOCOL_VERSION + 1, "update microfer"), (0, "flash the firmware")])
def test_a_board_of_another_protocol_version_is_refused(tmp_path, version, advice):
    with InferBoard(version=version) as board, pytest.raises(OtherVersionError, match=advice):
        compare(board, tmp_path)


def test_another_board_after_a_loss_is_refused(tmp_path):
    with InferBoard({4: "swap"}) as board:
        board.after_restart = replace(TINY_HELLO, kernels="tflm reference")
        with pytest.raises(MicroferError, match=r"another board came back .*Plug in that one again"):
            compare(board, tmp_path)


# Stopped and resumed


def stop_after(count):
    def on_step(step):
        if step.done == count:
            raise KeyboardInterrupt

    return on_step


def test_a_check_that_was_stopped_goes_on_at_the_next_image(tmp_path):
    with InferBoard({2: "lie"}) as board:
        with pytest.raises(KeyboardInterrupt):
            compare(board, tmp_path, on_step=stop_after(6))
        assert board.settings == FOUND
        level = compare(board, tmp_path)
        assert len(crops_asked(board)) == 14
    assert (level.bits.equal, level.bits.first.index, level.link.sittings) == (13, 2, 2)
    assert level.times.max_us == 1014


def test_restart_forgets_the_answers_so_far(tmp_path):
    with InferBoard({2: "lie"}) as board:
        with pytest.raises(KeyboardInterrupt):
            compare(board, tmp_path, on_step=stop_after(6))
        level = compare(board, tmp_path, restart=True)
    assert (level.verdict, level.link.sittings) == ("passed", 1)


def test_answers_of_another_board_or_other_images_are_not_mixed(tmp_path):
    with InferBoard() as board, pytest.raises(KeyboardInterrupt):
        compare(board, tmp_path, on_step=stop_after(6))
    with InferBoard() as board, pytest.raises(MicroferError, match=r"its set of images is 14 .*--restart"):
        compare(board, tmp_path, images=synthetic_images(7))
    other = replace(TINY_HELLO, kernels="tflm reference")
    with (
        InferBoard(hello=other) as board,
        pytest.raises(MicroferError, match="its board is test-board, kernels esp-nn"),
    ):
        compare(board, tmp_path)


def test_a_damaged_state_file_says_how_to_begin_anew(tmp_path):
    for content in ("{", "[]", '{"schema": "microfer.board-answers/1"}', '{"schema": "other"}'):
        (tmp_path / STATE_NAME).write_text(content)
        with InferBoard() as board, pytest.raises(MicroferError, match="start over with --restart"):
            compare(board, tmp_path)


def test_a_session_whose_program_was_killed_leaves_the_first_settings_to_the_next(tmp_path):
    with InferBoard() as board:
        with pytest.raises(KeyboardInterrupt):
            compare(board, tmp_path, on_step=stop_after(6))
        board.settings = QUIET  # as if nothing had been brought back
        compare(board, tmp_path)
        assert board.settings == FOUND


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_ctrl_c_keeps_the_answers_brings_the_settings_back_and_tells_how_to_go_on(tmp_path):
    with InferBoard({5: "drop"}) as board:
        script, report = ROOT / "host" / "check_parity.py", tmp_path / "report"
        arguments = ("--int8", INT8, "--port", board.port, "--limit", "14", "--out", report, "--threads", "1")
        # A child of a shell without job control may inherit an ignored SIGINT, and Python then keeps it so.
        run = subprocess.Popen(
            [sys.executable, script, *map(str, arguments)],
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
        )
        end_s = time.monotonic() + 60
        while board.asked < 6:
            assert time.monotonic() < end_s
            time.sleep(0.02)
        os.kill(run.pid, signal.SIGINT)
        _, said = run.communicate(timeout=30)
        assert run.returncode == 130
        assert "run the same command again to continue" in said
        assert "Traceback" not in said
        assert board.settings == FOUND
        assert command(*arguments[:-2]) == 0
        assert len(crops_asked(board)) == 14 + 1
        assert not (report / STATE_NAME).exists()


# The certificate and its page


def level_of(kernels="esp-nn 1.2.3", wrong=(), count=14):
    found = EXPECTED[:count].copy()
    for i in wrong:
        found[i, 0] ^= 3
    return judge(
        BoardIdentity("test-board", "0.1.0", kernels, 1),
        synthetic_images(count).about(),
        "tflm",
        0,
        IMAGES.data.images[:count],
        IMAGES.data.names[:count],
        EXPECTED[:count],
        found,
        range(1000, 1000 + count),
        LinkTotals(),
    )


def test_a_certificate_comes_back_from_its_file_as_it_was(tmp_path):
    certificate = certify(INT8, ROOT / "tests/golden/tiny_float_io.tflite", IMAGES, Limits(drop_points=-1), workers=1)
    certificate = certificate.with_board(level_of(wrong=(3,))).with_board(level_of("tflm reference"))
    certificate_file.write(certificate, tmp_path)
    assert certificate_file.read(tmp_path) == certificate
    assert render(certificate_file.read(tmp_path)) == (tmp_path / "parity.html").read_text()


def test_a_page_is_made_of_the_certificate_alone(tmp_path):
    shipped = ROOT / "models" / "thesis-bn-1"
    (tmp_path / "parity.json").write_bytes((shipped / "parity.json").read_bytes())
    page = certificate_file.write_page(tmp_path)
    assert page.read_text() == render(certificate_file.read(shipped))
    page.unlink()
    (tmp_path / "parity.json").unlink()
    with pytest.raises(MicroferError, match=r"has no parity\.json: name the folder of a release"):
        certificate_file.write_page(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_shipped_certificate_can_be_read():
    for folder in (ROOT / "models").iterdir():
        if folder.is_dir():
            found = certificate_file.read(folder)
            assert found.model == model_of(folder / "model.tflite")


def test_a_certificate_keeps_one_entry_for_each_board_and_its_kernels(tmp_path):
    base = certificate_file.base_of(tmp_path, INT8, IMAGES, Limits())
    assert not base.passed
    both = base.with_board(level_of("b")).with_board(level_of("a")).with_board(level_of("b", wrong=(1,)))
    assert [(one.board.kernels, one.verdict) for one in both.boards] == [("a", "passed"), ("b", "failed")]
    assert (both.failed, both.passed) == (True, False)
    assert both.with_board(level_of("b")).passed
    assert not both.complete


def test_a_file_that_is_no_certificate_is_named(tmp_path):
    for content in ("{", "[]", '{"schema": "microfer.parity/2"}', '{"schema": "microfer.parity/1"}'):
        (tmp_path / "parity.json").write_text(content)
        with pytest.raises(MicroferError, match=r"parity\.json is not a certificate .*--out"):
            certificate_file.read(tmp_path)


def test_the_page_shows_the_picture_of_the_first_difference_and_needs_nothing_else(tmp_path):
    base = certificate_file.base_of(tmp_path, INT8, IMAGES, Limits())
    page = render(base.with_board(level_of("<b>", wrong=(3,))))
    assert "data:image/png;base64,iVBOR" in page
    assert "<b>" not in page
    assert "&lt;b&gt;" in page
    assert "<script" not in page
    assert "http" not in page
    assert "<img" not in render(base.with_board(level_of()))


def test_the_saved_picture_holds_each_pixel_enlarged():
    import cv2

    crop = IMAGES.data.images[0]
    large = cv2.imdecode(np.frombuffer(crop_png(crop, 8), np.uint8), cv2.IMREAD_UNCHANGED)
    assert large.shape == (48 * 8, 48 * 8)
    assert np.array_equal(large[::8, ::8], crop)
    assert np.array_equal(large[7::8, 7::8], crop)


def test_a_time_of_the_distribution_is_one_that_was_measured():
    assert InvokeTimes.of([5]) == InvokeTimes(5, 5, 5, 5, 5)
    assert InvokeTimes.of(range(1, 1001)) == InvokeTimes(1, 500, 950, 990, 1000)


# The command


def test_the_command_extends_the_certificate_that_is_there(tmp_path, capsys):
    out = ("--int8", INT8, "--limit", 14, "--out", tmp_path)
    assert command(*out) == 0
    with InferBoard() as board:
        assert command(*out, "--port", board.port) == 0
    said = capsys.readouterr().err
    assert "all scores equal on 14 of 14" in said
    assert "says nothing about a board's" in said
    found = certificate_file.read(tmp_path)
    assert found.reference_against_tflm.verdict in {"passed", "not run"}
    assert [one.board.board for one in found.boards] == ["test-board"]
    assert command(*out) == 0
    assert certificate_file.read(tmp_path) == found
    assert {path.name for path in tmp_path.iterdir()} == {"parity.json", "parity.html"}


def test_the_command_prints_json_and_its_status_says_that_a_board_differs(tmp_path, capsys):
    out = ("--int8", INT8, "--limit", 14, "--out", tmp_path, "--json")
    with InferBoard({5: "lie"}) as board:
        assert command(*out, "--port", board.port) == 1
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads((tmp_path / "parity.json").read_text())
    assert document["boards"][0]["result"]["first"]["index"] == 5
    assert document["float_against_int8"]["verdict"] == "not run"
    picture = tmp_path / "first-difference-test-board-esp-nn-1.2.3.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    with InferBoard() as board:
        assert command(*out, "--port", board.port) == 0
    assert not picture.exists()


def test_the_command_does_not_touch_another_models_certificate(tmp_path):
    certificate_file.write(certificate_file.read(ROOT / "models" / "thesis-bn-1"), tmp_path)
    with InferBoard() as board, pytest.raises(MicroferError, match=r"certificate of another model .*--out"):
        command("--int8", INT8, "--limit", 14, "--out", tmp_path, "--port", board.port)


def test_without_out_the_report_goes_under_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with InferBoard() as board:
        assert command("--int8", INT8, "--limit", 14, "--port", board.port) == 0
    (report,) = (tmp_path / "runs" / "parity").iterdir()
    assert {path.name for path in report.iterdir()} == {"parity.json", "parity.html"}


def test_options_that_do_not_go_together_are_refused(capsys):
    with pytest.raises(SystemExit):
        command("--port", "socket://127.0.0.1:1", "--float", "x.keras")
    assert "--float belongs to a run without it" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        command("--restart")
    assert "name it with --port" in capsys.readouterr().err


def test_a_board_that_refuses_the_first_crop_leaves_no_file_behind(tmp_path):
    with InferBoard({0: ErrorCode.MODEL_REFUSED}) as board, pytest.raises(RefusedError):
        compare(board, tmp_path)
    assert not list(tmp_path.iterdir())


def test_nobody_at_the_port_is_one_line_with_what_to_do():
    done = subprocess.run(
        [sys.executable, ROOT / "host" / "check_parity.py", "--int8", INT8, "--port", "socket://127.0.0.1:1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "host/virtual_board.py" in done.stderr
    assert "Traceback" not in done.stderr
