"""The doctor: every finding provoked, most on what was seen of a board, some on a board behind a real socket."""

import json
import os
import socket
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
from tests.conftest import ROOT
from tests.host.fake_board import HAS_PTY, HELLO, STATISTICS, FakeBoard, PtyBoard, prediction

from microfer import __version__
from microfer.cli import doctor as doctor_command
from microfer.current_model import Chosen
from microfer.doctor import installation, observation
from microfer.doctor import port as port_checks
from microfer.doctor.board import examine_board, shipped_models
from microfer.doctor.examine import examine
from microfer.doctor.finding import Finding, Outcome, is_healthy
from microfer.doctor.light import LEAST_FACE_PX, check_face_size, check_light, measure
from microfer.doctor.observation import Observation
from microfer.link.messages import (
    PROTOCOL_VERSION,
    Answer,
    AskHello,
    BoardError,
    CropPreview,
    ErrorCode,
    ResetReason,
    StreamSettings,
)
from microfer.link.ports import USB_IDS, FoundPort
from microfer.link.reader import Cause, LinkCounters, OtherVersion
from microfer.link.stream import START_SETTINGS

DEFAULT_MODEL, DEFAULT_SHA256 = next(iter(shipped_models().items()))
WELL = replace(HELLO, firmware_version=__version__, model_id=DEFAULT_MODEL, model_sha256=bytes.fromhex(DEFAULT_SHA256))
LATER = replace(STATISTICS, uptime_us=8_000_000, frames_captured=140, frames_predicted=110, dropped_busy=30)
USB = next(usb for usb in USB_IDS if usb.product == 0x1001)
OTHER_USB = next(usb for usb in USB_IDS if usb.advice)


def seen(hello=WELL, first=STATISTICS, last=LATER, **other):
    """What was seen of a board that is well, unless told otherwise."""
    settings = {"settings": START_SETTINGS, "predictions": [prediction(i) for i in range(20)], "seconds": 2.0}
    return Observation(hello=hello, statistics=[first, last], **(settings | other))


def by_name(findings):
    return {finding.check: finding for finding in findings}


def of_board(check, **changes):
    return by_name(examine_board(seen(**changes)))[check]


# A board that is well


def test_a_board_that_is_well_has_no_warning_and_no_problem():
    findings = examine_board(seen())
    assert {finding.outcome for finding in findings} == {Outcome.OK}
    assert is_healthy(findings)
    assert of_board("frame rate").text.startswith("20.0 frames and 10.0 predictions a second; 20 frames")
    assert "the default release" in of_board("model").text


def test_a_warning_without_a_next_step_cannot_be_made():
    with pytest.raises(ValueError, match="without a next step"):
        Finding("board", "x", Outcome.PROBLEM, "broken")


# Each finding about a board

HELLO_FAULTS = [
    ("firmware", {"firmware_version": "0.0.1"}, Outcome.WARNING, "flash the firmware"),
    ("model", {"model_sha256": bytes(32)}, Outcome.WARNING, "--int8 YOURS"),
    ("model", {"input_scale": 0.0}, Outcome.PROBLEM, "export it again"),
    ("self-test", {"self_test_equal": 69}, Outcome.PROBLEM, "microfer parity"),
    ("self-test", {"self_test_equal": 0, "self_test_total": 0}, Outcome.PROBLEM, "flash"),
    ("self-test", {"self_test_faces_found": 1}, Outcome.PROBLEM, "flash"),
    ("last start", {"reset_reason": ResetReason.BROWNOUT}, Outcome.WARNING, "cable"),
    ("last start", {"reset_reason": ResetReason.PANIC}, Outcome.WARNING, "microfer view"),
    ("last start", {"reset_reason": ResetReason.TASK_WATCHDOG}, Outcome.WARNING, "reset button"),
    ("last start", {"reset_reason": ResetReason.OTHER_WATCHDOG}, Outcome.WARNING, "supply"),
    ("PSRAM", {"psram_size_bytes": 0}, Outcome.WARNING, "right board"),
    ("PSRAM", {"psram_size_bytes": 0, "flash_size_bytes": 0}, Outcome.SKIPPED, ""),
    ("flash", {"flash_size_bytes": 0}, Outcome.SKIPPED, ""),
]


@pytest.mark.parametrize(("check", "changes", "outcome", "step"), HELLO_FAULTS)
def test_what_the_hello_says_is_judged(check, changes, outcome, step):
    found = of_board(check, hello=replace(WELL, **changes))
    assert found.outcome == outcome
    assert step in found.next_step


@pytest.mark.parametrize("reason", [ResetReason.POWER_ON, ResetReason.PIN, ResetReason.SOFTWARE, ResetReason.OTHER])
def test_an_ordinary_start_is_well(reason):
    assert of_board("last start", hello=replace(WELL, reset_reason=reason)).outcome == Outcome.OK


STATISTICS_FAULTS = [
    ("frame rate", {"frames_predicted": 99}, Outcome.WARNING, "smaller model"),
    ("frame rate", {"frames_captured": 100, "frames_predicted": 90}, Outcome.PROBLEM, "camera"),
    ("frame rate", {"dropped_invoke": 3}, Outcome.PROBLEM, "flash"),
    ("camera", {"dropped_size": 7}, Outcome.PROBLEM, "not supported"),
    ("camera", {"camera_timeouts": 2}, Outcome.PROBLEM, "ribbon"),
    ("memory", {"heap_min_free_bytes": 8_000}, Outcome.WARNING, "arena"),
    ("memory", {"heap_min_free_bytes": 0, "heap_free_bytes": 0}, Outcome.SKIPPED, ""),
    ("temperature", {"temperature_c": 90}, Outcome.WARNING, "let it cool"),
    ("temperature", {"temperature_c": -128}, Outcome.SKIPPED, ""),
    ("link", {"link_dropped": 5}, Outcome.WARNING, "port was full"),
    ("link", {"commands_damaged": 1}, Outcome.WARNING, "cable"),
]


@pytest.mark.parametrize(("check", "changes", "outcome", "step"), STATISTICS_FAULTS)
def test_what_the_statistics_say_is_judged(check, changes, outcome, step):
    found = of_board(check, last=replace(LATER, **changes))
    assert found.outcome == outcome
    assert step in found.next_step


def test_a_slow_virtual_board_is_not_told_to_take_a_smaller_model():
    found = of_board("frame rate", hello=replace(WELL, flash_size_bytes=0), last=replace(LATER, frames_predicted=99))
    assert found.outcome == Outcome.WARNING
    assert "as fast as this computer" in found.next_step


def test_camera_restarts_long_ago_are_a_warning_and_not_a_problem():
    past = {"camera_restarts": 1, "camera_timeouts": 3}
    found = of_board("camera", first=replace(STATISTICS, **past), last=replace(LATER, **past))
    assert found.outcome == Outcome.WARNING


def test_counters_from_before_a_restart_are_not_compared_with_those_after_it():
    restarted = replace(STATISTICS, uptime_us=1_000_000, frames_captured=3, frames_predicted=3, link_sent=4)
    later = replace(restarted, uptime_us=3_000_000, frames_captured=43, frames_predicted=23, link_sent=24)
    findings = by_name(examine_board(Observation(hello=WELL, statistics=[STATISTICS, restarted, later])))
    assert findings["frame rate"].text.startswith("20.0 frames and 10.0")


def test_a_board_without_statistics_is_judged_as_far_as_it_goes():
    findings = by_name(examine_board(Observation(hello=WELL, settings=None, mended=True)))
    for check in ("frame rate", "camera", "memory", "temperature"):
        assert findings[check].outcome == Outcome.SKIPPED
    assert findings["stream"].outcome == Outcome.WARNING


def test_predictions_that_were_switched_off_are_told():
    found = of_board("stream", settings=StreamSettings(1000, False, False), mended=True)
    assert (found.outcome, found.text) == (Outcome.WARNING, "predictions were switched off")


def test_a_bad_line_is_told():
    counters = LinkCounters(received=50)
    counters.damaged[Cause.CRC] = 2
    assert of_board("link", counters=counters).outcome == Outcome.WARNING
    assert "2 pieces damaged" in of_board("link", counters=counters).text
    assert of_board("link", counters=LinkCounters(missed=1)).outcome == Outcome.WARNING
    assert "restarts" in of_board("link", counters=LinkCounters(restarts=2)).next_step
    assert of_board("link", losses=1).outcome == Outcome.WARNING
    cut = LinkCounters(received=50)
    cut.damaged[Cause.CUT] = 1  # it began before anybody listened
    assert of_board("link", counters=cut).outcome == Outcome.OK


def test_each_kind_of_error_is_told_once_with_what_to_do():
    errors = [BoardError(ErrorCode.CAMERA_MISSING, 0, 0, "no camera answers")] * 3
    errors.append(BoardError(ErrorCode.CAMERA_STOPPED, 0, 0, ""))
    findings = [finding for finding in examine_board(seen(errors=errors)) if finding.check == "error"]
    assert [finding.outcome for finding in findings] == [Outcome.PROBLEM, Outcome.WARNING]
    assert "no camera answers (reported 3 times)" in findings[0].text
    assert "ribbon" in findings[0].next_step
    assert of_board("camera", errors=errors).outcome == Outcome.PROBLEM


def test_a_board_that_says_nothing_useful_is_told_apart():
    def alone(**what):
        (found,) = examine_board(Observation(**what))
        assert (found.check, found.outcome) == ("answers", Outcome.PROBLEM)
        return found

    assert "reset button" in alone().next_step
    assert "microfer virtual-board" in alone().next_step
    other = alone(other_version=OtherVersion(PROTOCOL_VERSION + 1, 1, "9.9", "eye"))
    assert "eye, firmware 9.9" in other.text
    assert "update microfer" in other.next_step
    text = alone(begin=bytearray(b"rst:0x1 (POWERON)\r\nHello world!\r\n"))
    assert "last line: Hello world!" in text.text
    noise = np.random.default_rng(0).integers(0, 256, 300, np.uint8).tobytes()
    assert "--baud" in alone(begin=bytearray(noise)).next_step


# The light


def crops_of(gain=1.0, spread=1.0, sigma=0.0):
    """Some pictures as sharp and contrasty as photographs, made worse."""
    from microfer.pictures.opencv import cv2

    crops = []
    for i in range(5):
        crop = np.random.default_rng(i).integers(60, 200, (48, 48)).astype(np.float64)
        crop = cv2.GaussianBlur(crop, (0, 0), 1.2)  # as soft as a photograph: without it nothing but noise
        crop = (crop - crop.mean()) * 6 * spread + 128
        crop = np.clip(crop * gain, 0, 255).astype(np.uint8)
        crops.append(cv2.GaussianBlur(crop, (0, 0), sigma) if sigma else crop)
    return crops


def light(crops):
    return {finding.check: finding.outcome for finding in check_light(crops)}


def test_measures_are_worked_out_by_hand():
    flat = np.full((48, 48), 90, np.uint8)
    measured = measure(flat)
    assert (measured.brightness, measured.contrast, measured.sharpness) == (90, 0, 0)
    board = (np.indices((48, 48)).sum(axis=0) % 2 * 100).astype(np.uint8)
    measured = measure(board)
    # Each inner pixel's Laplacian is +-400, the picture's own deviation is 50.
    assert (measured.brightness, measured.contrast, measured.sharpness) == (50, 50, 400**2 / 50**2)


def test_sharpness_does_not_depend_on_light_or_contrast():
    crop = crops_of()[0].astype(np.float64)
    darker = (crop * 0.5).round().astype(np.uint8)
    assert measure(darker).sharpness == pytest.approx(measure(crop.astype(np.uint8)).sharpness, rel=0.02)


def test_each_fault_of_the_light_is_told():
    assert light(crops_of()) == {"brightness": Outcome.OK, "contrast": Outcome.OK, "sharpness": Outcome.OK}
    assert light(crops_of(gain=0.2))["brightness"] == Outcome.WARNING
    assert light([np.full((48, 48), 230, np.uint8)])["brightness"] == Outcome.WARNING
    assert light(crops_of(spread=0.2))["contrast"] == Outcome.WARNING
    assert light(crops_of(sigma=3))["sharpness"] == Outcome.WARNING
    assert light([]) == {"light": Outcome.SKIPPED}


def test_one_bad_crop_among_good_ones_is_no_finding():
    assert light([*crops_of(), np.zeros((48, 48), np.uint8)])["brightness"] == Outcome.OK


def test_the_face_is_too_small_large_enough_or_not_there():
    def of(width, answer=Answer.LABEL):
        return check_face_size(
            seen(predictions=[replace(prediction(i, answer), face_width_px=width) for i in range(9)])
        )

    assert of(LEAST_FACE_PX).outcome == Outcome.OK
    assert of(LEAST_FACE_PX - 1).outcome == Outcome.WARNING
    assert (of(0, Answer.NO_FACE).outcome, of(0, Answer.NO_FACE).next_step[:3]) == (Outcome.SKIPPED, "sit")
    assert check_face_size(seen(predictions=[])).outcome == Outcome.SKIPPED


# This computer


@pytest.mark.parametrize(
    ("version", "outcome"),
    [((3, 10, 9), Outcome.PROBLEM), ((3, 11, 0), Outcome.OK), ((3, 13, 1), Outcome.OK), ((3, 14, 0), Outcome.PROBLEM)],
)
def test_the_age_of_python_is_judged(version, outcome):
    assert installation.check_python(version).outcome == outcome


def test_packages_are_compared_with_the_lock(tmp_path):
    lock = tmp_path / "run.lock"
    lock.write_text(
        "# a comment\nnumpy==2.4.6 \\\n    --hash=sha256:00\nopencv-python-headless==4.14.0 \\\n    --hash=sha256:00\n"
        "colorama==0.4.6 ; sys_platform == 'never' \\\n    --hash=sha256:00\n"
    )
    exact = {"numpy": "2.4.6", "opencv-python-headless": "4.14.0"}
    assert installation.check_packages(lock, exact.get).outcome == Outcome.OK
    window = {"numpy": "2.4.6", "opencv-python": "4.14.0"}
    assert installation.check_packages(lock, window.get).outcome == Outcome.OK
    other = installation.check_packages(lock, (exact | {"numpy": "2.0.0"}).get)
    assert (other.outcome, "numpy 2.0.0 (lock: 2.4.6)" in other.text) == (Outcome.WARNING, True)
    missing = installation.check_packages(lock, {"numpy": "2.4.6"}.get)
    assert (missing.outcome, missing.text) == (Outcome.PROBLEM, "missing: opencv-python-headless")
    assert "run.lock" in missing.next_step
    assert installation.check_packages(tmp_path / "none", exact.get).outcome == Outcome.WARNING


def test_the_shipped_lock_is_understood():
    pins = dict(installation.read_pins(installation.LOCK.read_text().splitlines()))
    assert len(pins) > 20
    assert pins["pyserial"]
    assert ("colorama" in pins) == (sys.platform == "win32")


def test_a_missing_tflm_or_compiler_is_a_warning_with_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "tflite_micro.python.tflite_micro", None)
    assert installation.check_tflm().outcome == Outcome.WARNING
    monkeypatch.setenv("CXX", "no-such-compiler")
    found = installation.check_compiler()
    assert (found.outcome, "no-such-compiler" in found.text) == (Outcome.WARNING, True)


def test_a_missing_release_or_cascade_is_a_problem(monkeypatch, tmp_path):
    from microfer.pictures import faces

    monkeypatch.setattr(faces, "CASCADE", "none.xml")
    assert installation.check_opencv().outcome == Outcome.PROBLEM
    monkeypatch.setattr(installation, "current_model", lambda: Chosen(tmp_path / "none.tflite", "named"))
    assert installation.check_release().outcome == Outcome.PROBLEM


@pytest.fixture
def locks(tmp_path, monkeypatch):
    """Two locks: what runs, and what trains in addition."""
    monkeypatch.setenv("KERAS_BACKEND", "")
    run, train = tmp_path / "run.lock", tmp_path / "train.lock"
    run.write_text("numpy==2.4.6 \\\n")
    train.write_text("keras==3.15.1 \\\nnumpy==2.4.6 \\\ntensorflow==2.21.0 \\\ntf-keras==2.21.0 \\\n")
    return run, train


TRAINS = {"keras": "3.15.1", "tensorflow": "2.21.0", "tf-keras": "2.21.0", "torch": "2.13.0"}


@pytest.mark.parametrize(
    ("packages", "backend", "outcome", "part"),
    [
        (TRAINS, "torch", Outcome.OK, "Keras 3.15.1 on torch 2.13.0"),
        (TRAINS, "tensorflow", Outcome.OK, "on tensorflow 2.21.0; with PyTorch it would be faster"),
        (TRAINS, "foo", Outcome.PROBLEM, "KERAS_BACKEND=foo names no backend"),
        (TRAINS, "jax", Outcome.PROBLEM, "KERAS_BACKEND=jax is not installed"),
        ({}, "torch", Outcome.SKIPPED, "only training needs them"),
        (TRAINS | {"tf-keras": None}, "torch", Outcome.WARNING, "missing: tf-keras"),
        (
            TRAINS | {"keras": "3.0"},
            "torch",
            Outcome.WARNING,
            "1 of 3 differ from train.lock: keras 3.0 (lock: 3.15.1)",
        ),
    ],
)
def test_what_trains_is_looked_at(locks, monkeypatch, packages, backend, outcome, part):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    found = installation.check_training(*locks, packages.get)
    assert found.outcome == outcome
    assert part in found.text
    if outcome in {Outcome.SKIPPED, Outcome.WARNING}:
        assert "requirements/train.lock" in found.next_step


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
def test_what_builds_and_flashes_the_firmware_is_looked_at(tmp_path, monkeypatch):
    monkeypatch.delenv("IDF_PATH", raising=False)
    found = installation.check_platformio(None)
    assert (found.outcome, "pip install platformio" in found.next_step) == (Outcome.SKIPPED, True)
    monkeypatch.setenv("IDF_PATH", "/opt/esp-idf")
    assert installation.check_platformio(None).text == "ESP-IDF in /opt/esp-idf instead"
    command = tmp_path / "pio"
    assert installation.check_platformio(command).outcome == Outcome.WARNING
    command.write_text("#!/bin/sh\necho PlatformIO Core, version 6.1.18\n")
    command.chmod(0o755)
    assert installation.check_platformio(command).text == f"PlatformIO Core, version 6.1.18, {command}"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert installation.find_platformio() == command


def test_this_computer_has_no_problem():
    assert is_healthy(installation.examine_installation())


# The port


def on_usb(device, usb=USB):
    return FoundPort(device, usb, usb.vendor, usb.product or 1, "")


def test_the_board_on_usb_is_taken_and_none_or_several_are_findings():
    port, (found,) = port_checks.choose_port(None, [on_usb("/dev/ttyACM0")])
    assert (port, found.outcome) == ("/dev/ttyACM0", Outcome.OK)
    port, (found,) = port_checks.choose_port(None, [])
    assert (port, found.outcome) == (None, Outcome.WARNING)
    assert "microfer virtual-board" in found.next_step
    port, (found,) = port_checks.choose_port(None, [on_usb("/dev/ttyACM0"), on_usb("/dev/ttyACM1")])
    assert (port, found.outcome, found.next_step) == (None, Outcome.PROBLEM, "choose one with --port")
    port, (found,) = port_checks.choose_port(None, [on_usb("/dev/ttyACM0", OTHER_USB)])
    assert (port, found.outcome) == (None, Outcome.PROBLEM)
    assert "BOOT" in found.text
    assert port_checks.choose_port("COM5", [])[0] == "COM5"


@pytest.mark.skipif(not HAS_PTY, reason="no pseudo-terminals here")
def test_a_device_that_is_missing_no_device_or_not_ours_is_told(tmp_path, monkeypatch):
    assert port_checks.check_permission("/dev/ttyNONE7").outcome == Outcome.PROBLEM
    (tmp_path / "file").touch()
    assert "not a device" in port_checks.check_permission(str(tmp_path / "file")).text
    handle, other_end = os.openpty()
    name = os.ttyname(other_end)
    assert port_checks.check_permission(name).outcome == Outcome.OK
    monkeypatch.setattr(port_checks.os, "access", lambda *_: False)
    found = port_checks.check_permission(name)
    assert found.outcome == Outcome.PROBLEM
    assert "usermod -aG" in found.next_step
    os.close(handle)
    os.close(other_end)
    assert port_checks.check_permission("socket://127.0.0.1:1").outcome == Outcome.SKIPPED


@pytest.mark.skipif(not HAS_PTY, reason="no pseudo-terminals here")
def test_a_busy_port_is_told_and_the_board_not_looked_at():
    from microfer.link.ports import open_port

    with PtyBoard() as board:
        port = open_port(board.port)
        findings = by_name(examine(board.port, seconds=1))
        port.close()
    assert findings["open"].outcome == Outcome.PROBLEM
    assert "Another program uses it" in findings["open"].next_step
    assert findings["answers"].outcome == Outcome.SKIPPED


# The whole of it, over a socket


class WatchedBoard(FakeBoard):
    """Sends statistics ten times a second of its own clock and counts what it would have captured."""

    def __init__(self, hello=WELL, settings=START_SETTINGS, **options):
        super().__init__(hello=hello, period_s=0.02, **options)
        self.settings = settings
        self.frames = 10**9
        self._ticks = 0

    def _answer(self, message, sequence, send):
        if isinstance(message, StreamSettings):
            self.settings, self.previews = message, message.previews
            self._statistics(send)
        elif type(message) in self.mute:
            return
        else:
            super()._answer(message, sequence, send)

    def _send(self, message, send):
        if type(message).__name__ == "Prediction":
            self._ticks += 1
            if self.settings.statistics_period_ms and self._ticks % 5 == 0:
                self._statistics(send)
            if not self.settings.predictions:
                return
        super()._send(message, send)

    def _statistics(self, send):
        told = replace(
            STATISTICS,
            **vars(self.settings),
            uptime_us=5_000_000 + 50_000 * self._ticks,
            frames_captured=100 + self._ticks,
            frames_predicted=90 + self._ticks,
            link_sent=100 + self._ticks,
        )
        super()._send(told, send)


def sent_pixels(board):
    return any(isinstance(message, CropPreview) for message in board.sent)


def test_a_board_behind_a_socket_is_watched_without_a_pixel():
    with WatchedBoard() as board:
        findings = by_name(examine(board.port, seconds=1))
        assert not sent_pixels(board)
        assert not any(isinstance(message, StreamSettings) for message in board.commands)
    for check in ("open", "answers", "firmware", "model", "self-test", "frame rate", "link", "stream", "face"):
        assert findings[check].outcome == Outcome.OK, findings[check]
    assert (findings["light"].outcome, "--look" in findings["light"].next_step) == (Outcome.SKIPPED, True)


def test_with_look_the_light_is_judged_announced_and_the_crops_end():
    notes = []
    with WatchedBoard() as board:
        findings = by_name(examine(board.port, seconds=1, look=True, note=notes.append))
        orders = [message for message in board.commands if isinstance(message, StreamSettings)]
    assert [order.previews for order in orders] == [True, False]
    assert findings["brightness"].outcome == Outcome.OK
    assert any("not stored" in note for note in notes)


def test_the_crops_end_when_the_look_is_broken_off():
    class Stopped(Exception):  # noqa: N818
        pass

    def stop(*_):
        raise Stopped

    with WatchedBoard() as board:
        from microfer.link.connection import Connection

        with Connection(board.port) as connection, pytest.MonkeyPatch.context() as patch:
            usual = observation._collect
            patch.setattr(observation, "_collect", lambda c, s, t, e: stop() if t == 0.5 else usual(c, s, t, e))
            with pytest.raises(Stopped):
                observation.observe(connection, 0.5, look=True)
        assert [m.previews for m in board.commands if isinstance(m, StreamSettings)] == [True, False]


@pytest.mark.parametrize("left", [StreamSettings(1000, False, False), StreamSettings(0, True, False)])
def test_a_board_that_was_left_silent_is_told_and_speaks_again(left):
    with WatchedBoard(settings=left) as board:
        findings = by_name(examine(board.port, seconds=1))
        assert board.settings == START_SETTINGS
    assert findings["stream"].outcome == Outcome.WARNING
    assert findings["frame rate"].outcome == Outcome.OK


def test_a_board_of_another_protocol_version_is_a_problem_with_what_to_update():
    with WatchedBoard(version=PROTOCOL_VERSION + 1) as board:
        findings = examine(board.port, seconds=1)
    found = by_name(findings)["answers"]
    assert not is_healthy(findings)
    assert "update microfer" in found.next_step
    assert "test-board" in found.text


def test_a_port_where_nobody_speaks_ends_in_finite_time(monkeypatch):
    monkeypatch.setattr(observation, "HELLO_WAIT_S", 1.0)
    with WatchedBoard(mute=[AskHello] * 9) as board:
        board.frames = 0
        found = by_name(examine(board.port, seconds=1))["answers"]
    assert (found.outcome, found.text) == (Outcome.PROBLEM, "nothing at all arrives")


def test_other_firmware_that_prints_text_is_recognized(monkeypatch):
    monkeypatch.setattr(observation, "HELLO_WAIT_S", 1.0)
    server = socket.create_server(("127.0.0.1", 0))

    def speak():
        client, _ = server.accept()
        with client:
            while client.recv(100):
                client.sendall(b"MicroPython v1.24 on ESP32S3\r\n>>> ")  # without any zero byte

    thread = threading.Thread(target=speak, daemon=True)
    thread.start()
    found = by_name(examine(f"socket://127.0.0.1:{server.getsockname()[1]}", seconds=1))["answers"]
    thread.join(5)
    server.close()
    assert (found.outcome, "the last line: >>>" in found.text) == (Outcome.PROBLEM, True)


def test_nobody_at_the_port_is_a_finding():
    findings = by_name(examine("socket://127.0.0.1:1", seconds=1))
    assert findings["open"].outcome == Outcome.PROBLEM
    assert "microfer virtual-board" in findings["open"].next_step
    assert findings["answers"].outcome == Outcome.SKIPPED


# The command


def command(*arguments):
    return doctor_command.main([*map(str, arguments)])


def test_the_command_prints_a_table_and_its_status_says_whether_there_is_a_problem(capsys):
    with WatchedBoard() as board:
        assert command("--port", board.port, "--seconds", 1) == 0
    assert "problems: 0" in capsys.readouterr().err
    with WatchedBoard(hello=replace(WELL, self_test_equal=1)) as board:
        assert command("--port", board.port, "--seconds", 1) == 1
    said = capsys.readouterr().err
    assert "problems: 1" in said
    assert "self-test" in said


def test_the_command_prints_json_for_programs(capsys):
    with WatchedBoard() as board:
        assert command("--port", board.port, "--seconds", 1, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["healthy"]) == ("microfer.doctor/1", True)
    assert {"group", "check", "outcome", "text", "next_step"} == set(document["findings"][0])


def test_without_packages_the_command_says_what_to_do(tmp_path):
    (tmp_path / "rich.py").write_text("raise ImportError('No module named rich')")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, ROOT / "host" / "doctor.py"], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 2
    assert "run.lock" in done.stderr
    assert "Traceback" not in done.stderr
