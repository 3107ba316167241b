"""The core in the emulated chip, and what runs it there.

The run needs a build of tests/firmware/chip_core, named by MICROFER_CORE_BUILD or made here where IDF_PATH and idf.py
are, and a qemu-system-xtensa with the ESP32-S3.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.firmware import cases
from tests.firmware.toolchain import HERE
from tests.golden import make_core_vectors

from microfer.errors import MicroferError
from microfer.studies.chip import core_report, emulator
from microfer.studies.detector import chip_frames
from microfer.virtual_board.firmware_core import open_core

LINES = "\n".join(
    [
        "I (312) main_task: Started",
        "compiler 12.2.0",
        *(f"suite {name} passed 3 of 3" for name in core_report.SUITES),
        "cost message prediction 1000 21057 21",
        "cost detect none 2 30 20",
        "end",
    ]
)


@pytest.fixture(scope="module")
def build_folder(tmp_path_factory):
    try:
        emulator.find_qemu()
    except MicroferError:
        pytest.skip("qemu-system-xtensa not installed")
    if named := os.environ.get("MICROFER_CORE_BUILD"):
        return Path(named)
    if not os.environ.get("IDF_PATH") or shutil.which("idf.py") is None:
        pytest.skip(
            "no program: set MICROFER_CORE_BUILD to a build of tests/firmware/chip_core, or install ESP-IDF 5.5"
        )
    folder = tmp_path_factory.mktemp("core")
    options = [f"-DSDKCONFIG={folder}/sdkconfig", "-DIDF_TARGET=esp32s3"]
    subprocess.run(["idf.py", "-C", HERE / "chip_core", "-B", folder, *options, "build"], check=True)
    return folder


@pytest.mark.slow
def test_the_chip_answers_all_golden_vectors_frames_and_pictures_as_the_host_does(build_folder):
    report = core_report.read_log(core_report.run(build_folder, 600))
    assert report.is_passed, report.suites
    golden = cases.unpacked(make_core_vectors.PATH.read_bytes())
    vectors = ("crop", "encode", "predictor", "calibrate")
    assert sum(report.suites[name][1] for name in vectors) == len(golden)
    frames = len(list(chip_frames.frames()))
    assert report.suites["detector_as_on_the_host"][1] == report.suites["detector_as_opencv"][1] == frames


def test_costs_are_read_as_instructions_and_the_dearest_is_never_below_the_mean():
    report = core_report.read_log(LINES)
    assert report.is_passed
    assert report.facts == {"compiler": "12.2.0"}
    message, detect = report.costs
    assert (message.mean, message.most) == (5264, 5264)
    assert (detect.mean, detect.most) == (3750, 5000)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("suite encode passed 3 of 3", "suite encode passed 2 of 3"),
        ("suite encode passed 3 of 3", "suite encode passed 0 of 0"),
        ("suite encode passed 3 of 3", ""),
        ("compiler 12.2.0", "suite unknown passed 0 of 1"),
    ],
)
def test_a_suite_that_differs_lacks_cases_or_is_missing_fails_the_report(old, new):
    assert not core_report.read_log(LINES.replace(old, new)).is_passed


def test_lines_of_another_program_are_refused():
    with pytest.raises(MicroferError, match="no suites"):
        core_report.read_log("operator esp-nn 0 CONV_2D 17")


def test_a_folder_without_a_build_says_so(tmp_path):
    with pytest.raises(MicroferError, match=r"no flasher_args\.json"):
        emulator.flash_of(tmp_path, {})


def test_the_frames_fit_their_partition_and_more_are_refused():
    core, frames = open_core(), list(chip_frames.frames(1))
    content = chip_frames.partition(frames, core)
    assert content.startswith(chip_frames.MAGIC)
    assert (len(content) - 24) % len(frames) == 0
    assert {one.kind for one in frames} == set(chip_frames.KINDS)
    line = next(line for line in (HERE / "chip_core" / "partitions.csv").read_text().splitlines() if "frames" in line)
    offset, size = (int(field, 0) for field in line.rstrip(",").split(",")[3:])
    assert (offset, size) == (core_report.FRAMES_OFFSET, chip_frames.PARTITION_BYTES)
    with pytest.raises(MicroferError, match="take fewer"):
        chip_frames.partition(frames[-1:] * 110, core)
