"""The size report: which part of the firmware takes what, from a linker's map."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "measure.py"

MAP = """Archive member included to satisfy reference by file (symbol)

 .text.not_in_the_map
                0x42000000       0x99 esp-idf/src/libsrc.a(main.cc.obj)

Linker script and memory map

.iram0.text     0x40374400     0x100
 .iram1.0       0x40374400       0x40 esp-idf/freertos/libfreertos.a(tasks.c.obj)

.dram0.data     0x3fc90000       0x10
 .data          0x3fc90000        0x8 esp-idf/src/libsrc.a(main.cc.obj)
 .data          0x3fc90008        0x0 esp-idf/src/libsrc.a(led.cc.obj)
 *fill*         0x3fc90008        0x8

.dram0.bss      0x3fca0000     0x1000
 .bss._ZZN8microfer12_GLOBAL__N_13RunEvE6system
                0x3fca0000     0x1000 esp-idf/src/libsrc.a(main.cc.obj)

.flash.rodata   0x3c000000   0x100040
 .rodata._ZN8microfer10kModelDataE
                0x3c000000   0x100000 esp-idf/lib/liblib.a(model_data.cc.obj)
 .rodata        0x3c100000       0x20 /opt/xtensa/lib/libc.a(lib_a-printf.o)
 .rodata        0x3c100020       0x20 .pio/build/qemu/firmware/src/main.cc.o

.flash.text     0x42000000       0x30
 .text.Conv     0x42000000       0x10 esp-idf/espressif__esp-nn/libespressif__esp-nn.a(conv.S.obj)
 .text.Invoke   0x42000010       0x20 esp-idf/esp-tflite-micro/libesp-tflite-micro.a(micro_interpreter.cc.obj)

.debug_info     0x00000000     0x5000
 .debug_info    0x00000000     0x5000 esp-idf/src/libsrc.a(main.cc.obj)
"""


def report(folder, *options):
    command = [sys.executable, SCRIPT, "size", folder / "microfer.map", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def build(tmp_path):
    (tmp_path / "microfer.map").write_text(MAP)
    (tmp_path / "main.cc.su").write_text(
        "/x/src/main.cc:9:6:void microfer::Run()\t96\tstatic\n/x/src/main.cc:20:1:app_main\t32\tstatic\n"
    )
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "device.cc.su").write_text("/x/lib/device.cc:5:3:bool Device::Step()\t2500\tdynamic,bounded\n")
    return tmp_path


def test_each_part_gets_what_its_objects_take_and_gaps_go_to_the_rest(build):
    parts = json.loads(report(build, "--json").stdout)["parts"]
    assert parts["the network's weights"] == {"flash": 0x100000, "ram": 0}
    assert parts["firmware/src"] == {"flash": 0x8 + 0x20, "ram": 0x8 + 0x1000}
    assert parts["FreeRTOS"] == {"flash": 0x40, "ram": 0x40}
    assert parts["TFLM"] == {"flash": 0x20, "ram": 0}
    assert parts["ESP-NN"] == {"flash": 0x10, "ram": 0}
    assert parts["C and C++ libraries"] == {"flash": 0x20, "ram": 0}
    assert parts["the rest of ESP-IDF"] == {"flash": 0x8, "ram": 0x8}


def test_the_largest_stack_frames_come_first(build):
    frames = json.loads(report(build, "--json", "--frames", "2").stdout)["stack_frames"]
    assert [(frame["bytes"], frame["file"], frame["grows"]) for frame in frames] == [
        (2500, "device.cc", True),
        (96, "main.cc", False),
    ]


def test_the_table_ends_with_the_sum(build):
    lines = report(build).stdout.splitlines()
    assert next(line for line in lines if line.startswith("all ")).split() == ["all", "1024.2", "KiB", "4.1", "KiB"]


def test_a_map_of_something_else_is_refused(tmp_path):
    (tmp_path / "microfer.map").write_text("Linker script and memory map\n\n.text 0x0 0x10\n")
    done = report(tmp_path)
    assert done.returncode == 2
    assert "not a map file of an ESP32-S3 firmware" in done.stderr


def test_a_missing_map_says_how_to_make_one(tmp_path):
    done = report(tmp_path)
    assert done.returncode == 2
    assert "pio run" in done.stderr
