"""The board's parity check and the doctor against the virtual board: the compiled firmware core, real TCP."""

import json
from dataclasses import replace

import pytest
from tests.conftest import ROOT

from microfer.doctor.examine import examine
from microfer.doctor.finding import Outcome, is_healthy
from microfer.errors import MicroferError
from microfer.link.connection import Connection
from microfer.link.infer_session import InferSession
from microfer.link.messages import PROTOCOL_VERSION
from microfer.parity.board import compare_board
from microfer.parity.certificate import model_of
from microfer.parity.images import synthetic_images
from microfer.release import MODEL_FILE, MODELS, default_model
from microfer.runtimes.runners import has_tflm, open_tflite
from microfer.tflite.metadata import Golden, ModelMetadata, embed_metadata
from microfer.virtual_board.core_build import find_compiler
from microfer.virtual_board.parts import CameraFaults
from microfer.virtual_board.virtual_board import BoardSettings, VirtualBoard
from microfer.virtual_board.wire_faults import WireFaults

GOLDEN = ROOT / "tests" / "golden"
THESIS = MODELS / "thesis-bn-1" / MODEL_FILE
"""Takes crops as the tiny model does, whichever release is the default one."""


def _has_compiler():
    try:
        find_compiler()
    except MicroferError:
        return False
    return True


pytestmark = pytest.mark.skipif(not _has_compiler(), reason="there is no C++ compiler here")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A model that takes a millisecond, with all that an export needs."""
    content = json.loads((GOLDEN / "tiny_scores.json").read_text())
    golden = Golden(content["pictures_sha256"], tuple(map(tuple, content["scores"])))
    path = tmp_path_factory.mktemp("model") / "tiny.tflite"
    metadata = ModelMetadata(model_id="tiny-test-1", preset="tiny", arena=None, golden=golden)
    path.write_bytes(embed_metadata((GOLDEN / "tiny_int8.tflite").read_bytes(), metadata))
    return path


def compare(board, model, tmp_path, count, wait_s=5.0, tries=8):
    runner = open_tflite(model, "tflm" if has_tflm() else "reference")
    with Connection(board.url, give_up_after_s=10) as connection:
        session = InferSession(connection, longest_wait_s=wait_s, tries=tries)
        state = tmp_path / "state.json"
        return compare_board(session, model_of(model), synthetic_images(count), runner.raw, runner.name, state)


def by_name(findings):
    return {finding.check: finding for finding in findings}


def test_the_virtual_board_computes_what_tflm_computes_on_this_computer(tmp_path):
    with VirtualBoard(BoardSettings(fps=2)) as board:
        level = compare(board, default_model(), tmp_path, 7)
        assert level.board.kernels == board.kernels
    assert (level.verdict, level.bits.equal) == ("passed", 7)
    assert level.board.board == "virtual board"
    assert level.times.min_us > 0
    assert (level.link.losses, level.link.restarts, level.link.damaged) == (0, 0, 0)


def test_over_a_bad_line_that_breaks_off_every_score_still_arrives_right(tmp_path, tiny):
    # One bit in 100,000: a crop's 18,600 bits are damaged one time in six.
    wire = WireFaults(flip_bits=1e-5, bursts=0.1, disconnect_every_s=1.0, boot_text=True)
    with VirtualBoard(BoardSettings(model=tiny, fps=5, wire=wire)) as board:
        level = compare(board, tiny, tmp_path, 28, wait_s=0.5, tries=20)
    assert (level.verdict, level.bits.equal) == ("passed", 28)
    assert level.link.retries > 0
    assert level.link.damaged > 0


def test_a_crop_on_which_the_network_fails_now_and_then_is_sent_again(tmp_path, tiny):
    with VirtualBoard(BoardSettings(model=tiny, fps=2, invoke_fails_every=4)) as board:
        level = compare(board, tiny, tmp_path, 14)
    assert (level.verdict, level.bits.equal) == ("passed", 14)
    assert level.link.retries >= 14 // 4


def test_firmware_built_for_another_model_does_not_pass(tmp_path, tiny):
    with (
        VirtualBoard(BoardSettings(model=tiny, built_for=THESIS, fps=2)) as board,
        pytest.raises(MicroferError, match=r"runs the model thesis-bn-1 .*flash the whole firmware"),
    ):
        compare(board, tiny, tmp_path, 7)


def test_the_doctor_finds_a_virtual_board_well():
    with VirtualBoard(BoardSettings(fps=2)) as board:
        findings = examine(board.url, seconds=2)
        assert board.fault is None
    assert is_healthy(findings), [finding for finding in findings if finding.outcome == Outcome.PROBLEM]
    found = by_name(findings)
    for check in ("answers", "firmware", "model", "self-test", "last start", "stream", "link"):
        assert found[check].outcome == Outcome.OK, found[check]
    assert found["PSRAM"].outcome == Outcome.SKIPPED


FAULTS = [
    ({"camera": CameraFaults(is_dead=True)}, "camera", Outcome.PROBLEM),
    ({"camera": CameraFaults(wrong_size_every=2)}, "camera", Outcome.PROBLEM),
    ({"wire": WireFaults(speak_version=PROTOCOL_VERSION + 1)}, "answers", Outcome.PROBLEM),
    ({"arena_bytes": 1000}, "model", Outcome.PROBLEM),
    ({"arena_bytes": 1000}, "self-test", Outcome.PROBLEM),
    ({"built_for": THESIS}, "self-test", Outcome.PROBLEM),
    ({"wire": WireFaults(bursts=0.5)}, "link", Outcome.WARNING),
    ({"wire": WireFaults(disconnect_every_s=1.0)}, "link", Outcome.WARNING),
    ({}, "model", Outcome.WARNING),
]


@pytest.mark.parametrize(("changes", "check", "outcome"), FAULTS)
def test_the_doctor_finds_each_fault_of_a_virtual_board(tiny, changes, check, outcome):
    if "arena_bytes" in changes and not has_tflm():
        pytest.skip("LiteRT has no arena")
    settings = replace(BoardSettings(model=tiny, fps=10), **changes)
    with VirtualBoard(settings) as board:
        findings = examine(board.url, seconds=2)
    assert by_name(findings)[check].outcome == outcome, by_name(findings)[check]
