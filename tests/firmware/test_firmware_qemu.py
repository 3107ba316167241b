"""The whole firmware in the emulated chip, through its link; and the script that starts it.

The boot needs a build of the environment qemu, named by MICROFER_QEMU_BUILD or made here where IDF_PATH and a compiler
are, and a qemu-system-xtensa with the ESP32-S3.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import microfer
from microfer.contract import NUM_CLASSES
from microfer.errors import MicroferError
from microfer.export.golden import read_pictures
from microfer.link.board_profile import EMULATED
from microfer.link.messages import (
    Answer,
    AskHello,
    AskProfile,
    CropPreview,
    FaceSource,
    Hello,
    InferCrop,
    InferResult,
    OperatorTime,
    Prediction,
    Statistics,
    StreamSettings,
)
from microfer.link.protocol import LinkWriter
from microfer.link.reader import Damaged, LinkReader, Malformed, Received, UnknownType
from microfer.release import default_model
from microfer.studies.chip import emulator
from microfer.tflite import tflite_file

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "firmware_qemu.py"

FRAMES = int(os.environ.get("MICROFER_QEMU_FRAMES", "30"))
PATIENCE_S = 120.0


def write(folder, **images):
    for name, content in images.items():
        path = folder / name.replace("__", "/").replace("_bin", ".bin")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return folder


def test_the_flash_image_holds_the_three_parts_at_their_places(tmp_path):
    flash = emulator.flash_image(write(tmp_path, bootloader_bin=b"boot", partitions_bin=b"table", firmware_bin=b"app"))
    assert len(flash) == 8 * 1024 * 1024
    assert (flash[:4], flash[0x8000:0x8005], flash[0x10000:0x10003]) == (b"boot", b"table", b"app")
    assert flash[4] == flash[0x10003] == flash[-1] == 0xFF


def test_the_names_of_idf_py_are_known_too(tmp_path):
    write(tmp_path, bootloader__bootloader_bin=b"boot", microfer_bin=b"app")
    (tmp_path / "partition_table").mkdir()
    (tmp_path / "partition_table" / "partition-table.bin").write_bytes(b"table")
    assert emulator.flash_image(tmp_path)[0x8000:0x8005] == b"table"


def test_a_folder_without_a_build_says_how_to_build(tmp_path):
    done = subprocess.run([sys.executable, SCRIPT, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no bootloader.bin" in done.stderr
    assert "pio run -e qemu" in done.stderr


def test_an_image_without_room_is_refused(tmp_path):
    write(tmp_path, bootloader_bin=bytes(0x8001), partitions_bin=b"table", firmware_bin=b"app")
    with pytest.raises(MicroferError, match="32769 bytes, 32768 have room"):
        emulator.flash_image(tmp_path)


def test_a_missing_emulator_says_where_it_comes_from(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("IDF_TOOLS_PATH", str(tmp_path))
    with pytest.raises(MicroferError, match=r"idf_tools\.py install qemu-xtensa"):
        emulator.find_qemu()


class Board:
    """The emulated chip and what its link has said so far."""

    def __init__(self, connection):
        self.connection = connection
        self.reader, self.writer = LinkReader(), LinkWriter()
        self.events = []

    def of(self, kind):
        return [event.message for event in self.events if isinstance(event, Received) and type(event.message) is kind]

    def wait_for(self, kind, count):
        """Return the first `count` messages of a kind since the start."""
        end_s = time.monotonic() + PATIENCE_S
        while len(self.of(kind)) < count and time.monotonic() < end_s:
            self.connection.settimeout(1)
            try:
                self.events += self.reader.feed(self.connection.recv(65_536))
            except TimeoutError:
                continue
        found = self.of(kind)
        assert len(found) >= count, f"{len(found)} of {count} {kind.__name__} in {PATIENCE_S:g} s"
        return found[:count]

    def send(self, message):
        self.connection.sendall(self.writer.frame(message))


@pytest.fixture(scope="module")
def qemu():
    try:
        return emulator.find_qemu()
    except MicroferError:
        pytest.skip("qemu-system-xtensa not installed")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    if named := os.environ.get("MICROFER_QEMU_BUILD"):
        return Path(named)
    if not os.environ.get("IDF_PATH") or shutil.which("idf.py") is None:
        pytest.skip("no firmware: set MICROFER_QEMU_BUILD to a build of the environment qemu, or install ESP-IDF 5.5")
    folder = tmp_path_factory.mktemp("qemu")
    layers = "sdkconfig.defaults;firmware/boards/qemu.sdkconfig"
    options = [f"-DSDKCONFIG={folder}/sdkconfig", f"-DSDKCONFIG_DEFAULTS={layers}", "-DIDF_TARGET=esp32s3"]
    subprocess.run(["idf.py", "-B", folder, *options, "build"], cwd=ROOT, check=True)
    return folder


@pytest.fixture(scope="module")
def board(qemu, built, tmp_path_factory):
    flash = tmp_path_factory.mktemp("flash") / "flash.bin"
    flash.write_bytes(emulator.flash_image(built))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with subprocess.Popen(emulator.qemu_command(qemu, flash, port, wait=True)) as process:
        try:
            yield Board(connected(port))
        finally:
            process.terminate()


def connected(port):
    end_s = time.monotonic() + 10
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            if time.monotonic() > end_s:
                raise
            time.sleep(0.1)


@pytest.mark.slow
def test_the_firmware_boots_and_every_golden_score_equals_the_hosts(board):
    hello = board.wait_for(Hello, 1)[0]
    golden = len(read_pictures())
    assert hello.board == EMULATED
    assert hello.firmware_version == microfer.__version__
    assert hello.kernels.startswith(("esp-nn ", "microfer + esp-nn "))
    assert (hello.flash_size_bytes, hello.psram_size_bytes) == (8 * 1024 * 1024, 8 * 1024 * 1024)
    assert (hello.frame_width_px, hello.frame_height_px) == (160, 120)
    assert hello.self_test_total == golden * NUM_CLASSES
    assert hello.self_test_equal == hello.self_test_total
    assert hello.self_test_faces_found == hello.self_test_faces_total == golden


@pytest.mark.slow
def test_faces_are_answered_and_frames_without_a_face_too(board):
    predictions = board.wait_for(Prediction, FRAMES)
    numbers = [prediction.frame for prediction in predictions]
    assert numbers == sorted(set(numbers))
    faces = [prediction for prediction in predictions if prediction.answer != Answer.NO_FACE]
    assert faces
    assert any(prediction.answer == Answer.NO_FACE for prediction in predictions)
    assert all(prediction.face_source != FaceSource.NONE and prediction.face_width_px > 30 for prediction in faces)
    assert board.of(CropPreview) == []  # nobody asked


@pytest.mark.slow
def test_statistics_account_for_every_frame(board):
    statistics = board.wait_for(Statistics, len(board.of(Statistics)) + 1)[-1]
    assert 0 < statistics.arena_used_bytes <= statistics.arena_size_bytes
    assert statistics.link_dropped == statistics.dropped_size == statistics.dropped_invoke == 0
    handled = statistics.frames_predicted + statistics.dropped_busy
    assert handled <= statistics.frames_captured <= handled + 3
    assert statistics.heap_min_free_bytes > 32 * 1024


@pytest.mark.slow
def test_the_host_is_answered(board):
    board.send(AskHello())
    assert board.wait_for(Hello, 2)[1].board == "QEMU"
    board.send(InferCrop(request=77, pixels=bytes(range(256)) * 9))
    result = board.wait_for(InferResult, 1)[0]
    assert result.request == 77
    board.send(StreamSettings(statistics_period_ms=500, predictions=True, previews=True))
    assert len(board.wait_for(CropPreview, 1)[0].pixels) == 48 * 48


@pytest.mark.slow
def test_every_operator_is_timed_by_tflms_own_profiler(board):
    names = [operator.name for operator in tflite_file.read(default_model()).operators]
    for index in range(len(names)):
        board.send(AskProfile(request=5, runs=3, index=index))
        board.wait_for(OperatorTime, index + 1)
    times = board.of(OperatorTime)
    assert [(one.request, one.index, one.total, one.runs) for one in times] == [
        (5, index, len(names), 3) for index in range(len(names))
    ]
    assert [one.name for one in times] == names  # flash the build anew where it is of another model
    (network_ticks,) = {one.network_ticks for one in times}
    together = sum(one.ticks for one in times)
    assert min(one.ticks for one in times) > 0
    assert 0.9 * network_ticks < together <= network_ticks
    before = len(board.of(Prediction))
    board.wait_for(Prediction, before + 1)  # and the camera's frames go on


@pytest.mark.slow
def test_every_byte_of_the_link_was_a_frame_or_text(board):
    strange = [event for event in board.events if isinstance(event, Damaged | UnknownType | Malformed)]
    assert strange == []
    assert board.reader.counters.missed == 0
