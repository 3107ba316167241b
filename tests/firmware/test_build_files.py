"""The files that build the firmware agree with each other, with the boards in the code and with the manual."""

import configparser
import csv
import itertools
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.firmware import make_generated

import microfer

ROOT = Path(__file__).resolve().parents[2]
FIRMWARE = ROOT / "firmware"
SRC = FIRMWARE / "src"
LAYERS = sorted(path.stem for path in (FIRMWARE / "boards").glob("*.sdkconfig"))
MEBI = 1024 * 1024
REFERENCE = "xiao_esp32s3_sense"


def options(layer):
    """What ESP-IDF makes of the shared options and a board's: the later one counts."""
    lines = (ROOT / "sdkconfig.defaults").read_text() + (FIRMWARE / "boards" / f"{layer}.sdkconfig").read_text()
    return dict(line.split("=", 1) for line in lines.splitlines() if line.startswith("CONFIG_"))


def environments():
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "platformio.ini")
    return {name.removeprefix("env:"): dict(parser[name]) for name in parser.sections() if name.startswith("env:")}


def shared_environment():
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "platformio.ini")
    return dict(parser["env"]) | dict(parser["platformio"])


def partitions():
    rows = csv.reader(line for line in (ROOT / "partitions.csv").read_text().splitlines() if not line.startswith("#"))
    return {row[0].strip(): (size_bytes(row[3]), size_bytes(row[4])) for row in rows}


def size_bytes(text):
    text = text.strip()
    units = {"K": 1024, "M": MEBI}
    return int(text[:-1]) * units[text[-1]] if text[-1] in units else int(text, 0)


def flash_bytes(layer):
    sizes = [name for name, value in options(layer).items() if re.fullmatch(r"CONFIG_ESPTOOLPY_FLASHSIZE_\d+MB", name)]
    return int(re.search(r"(\d+)MB", sizes[-1])[1]) * MEBI


def board_pins(layer, folder):
    """What the code says of a board, compiled for this computer."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("g++ not installed")
    chosen = next(name for name in options(layer) if name.startswith("CONFIG_MICROFER_BOARD_"))
    (folder / "sdkconfig.h").write_text(f"#define {chosen} 1\n")
    program = folder / layer
    source = Path(__file__).with_name("boards_probe.cc")
    command = [compiler, "-std=c++17", "-Wall", "-Wextra", "-I", folder, "-I", SRC, source, "-o", program]
    subprocess.run(command, check=True)
    lines = subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines()
    return lines[0], lines[1], [[int(pin) for pin in line.split()] for line in lines[2:]]


def test_each_environment_has_a_layer_of_its_own_name():
    assert sorted(environments()) == LAYERS
    for name, environment in environments().items():
        layers = f'-DSDKCONFIG_DEFAULTS="sdkconfig.defaults;firmware/boards/{name}.sdkconfig"'
        assert environment["board_build.cmake_extra_args"] == layers


def test_each_layer_chooses_another_board_of_kconfig():
    known = set(re.findall(r"config (MICROFER_BOARD_\w+)", (SRC / "Kconfig.projbuild").read_text()))
    chosen = [name for layer in LAYERS for name in options(layer) if name.startswith("CONFIG_MICROFER_BOARD_")]
    assert sorted(chosen) == sorted(f"CONFIG_{name}" for name in known)
    assert [f"CONFIG_MICROFER_BOARD_{layer.upper()}" for layer in LAYERS] == chosen


@pytest.mark.parametrize("layer", LAYERS)
def test_the_manual_names_each_board_with_its_pins(layer, tmp_path):
    name, link, ((led,), control, data, sync, switches) = board_pins(layer, tmp_path)
    manual = (FIRMWARE / "README.md").read_text()
    row = next(line for line in manual.splitlines() if line.startswith(f"| {name} |"))
    assert f"`{layer}`" in row
    assert link in row
    if layer == "qemu":
        return
    assert ("reference" if layer == REFERENCE else "untested") in row
    for pins in (control, data, sync):
        assert f"| {', '.join(map(str, pins))} |" in row
    assert f"| {led if led >= 0 else 'none'} |" in row
    assert f"| {', '.join(map(str, switches)) if max(switches) >= 0 else 'none'} |" in row


def test_the_partition_table_is_named_alike_and_fits_each_boards_flash():
    assert shared_environment()["board_build.partitions"] == "partitions.csv"
    for layer in LAYERS:
        assert options(layer)["CONFIG_PARTITION_TABLE_CUSTOM"] == "y"
        assert options(layer)["CONFIG_PARTITION_TABLE_CUSTOM_FILENAME"] == '"partitions.csv"'
        for offset, size in partitions().values():
            assert offset + size <= flash_bytes(layer)


def test_partitions_do_not_overlap_and_hold_the_app_and_a_core_dump():
    places = sorted(partitions().values())
    assert all(first[0] + first[1] <= second[0] for first, second in itertools.pairwise(places))
    offset, size = partitions()["factory"]
    assert offset == 0x10000
    assert size >= 3 * MEBI
    assert partitions()["coredump"][1] >= 64 * 1024


@pytest.mark.parametrize("layer", LAYERS)
def test_each_board_is_fast_and_restarts_with_a_reason(layer):
    wanted = (
        *("ESP_DEFAULT_CPU_FREQ_MHZ_240", "COMPILER_OPTIMIZATION_PERF", "SPIRAM"),
        *("ESP32S3_INSTRUCTION_CACHE_32KB", "ESP32S3_DATA_CACHE_64KB", "ESP32S3_DATA_CACHE_LINE_64B"),
        *("SPIRAM_SPEED_80M", "SPIRAM_RODATA", "SPIRAM_IGNORE_NOTFOUND", "ESPTOOLPY_FLASHFREQ_80M"),
        *("ESP_TASK_WDT_PANIC", "ESP_BROWNOUT_DET", "ESP_COREDUMP_ENABLE_TO_FLASH"),
        *("FREERTOS_WATCHPOINT_END_OF_STACK", "ESP_CONSOLE_SECONDARY_NONE"),
    )
    for name in wanted:
        assert options(layer)[f"CONFIG_{name}"] == "y", name
    modes = [name[-3:] for name in options(layer) if name.startswith("CONFIG_ESPTOOLPY_FLASHMODE_")]
    assert modes[-1] == ("DIO" if layer == "qemu" else "QIO")
    assert options(layer)["CONFIG_FREERTOS_HZ"] == "1000"
    assert int(options(layer)["CONFIG_ESP_TASK_WDT_TIMEOUT_S"]) > 17  # seconds that finding no sensor may take


@pytest.mark.parametrize("layer", LAYERS)
def test_the_console_is_on_the_links_port_at_its_rate(layer, tmp_path):
    _, link, _ = board_pins(layer, tmp_path)
    if link == "USB":
        assert options(layer)["CONFIG_ESP_CONSOLE_USB_SERIAL_JTAG"] == "y"
    else:
        assert options(layer)["CONFIG_ESP_CONSOLE_UART_CUSTOM_NUM_0"] == "y"
        assert options(layer)["CONFIG_ESP_CONSOLE_UART_BAUDRATE"] == shared_environment()["monitor_speed"] == "921600"


def test_only_octal_psram_boards_give_up_its_pins():
    quad = [layer for layer in LAYERS if options(layer).get("CONFIG_SPIRAM_MODE_QUAD") == "y"]
    text = (SRC / "boards.h").read_text()
    without = [name.lower() for name in re.findall(r"PinsAreSound\(k(\w+), false\)", text)]
    assert [layer.replace("_", "") for layer in quad] == without


def test_platform_and_components_are_pinned_exactly():
    assert re.fullmatch(r"espressif32@\d+\.\d+\.\d+", shared_environment()["platform"])
    manifest = (SRC / "idf_component.yml").read_text()
    versions = dict(re.findall(r"^  espressif/([\w-]+): (.+)$", manifest, re.MULTILINE))
    assert sorted(versions) == ["esp-nn", "esp-tflite-micro", "esp32-camera"]
    for version in versions.values():
        assert re.fullmatch(r'"\d+\.\d+\.\d+"', version)


def test_nothing_is_built_twice():
    assert shared_environment()["lib_ldf_mode"] == "off"
    assert shared_environment()["src_dir"] == "firmware/src"
    assert "set(EXTRA_COMPONENT_DIRS" not in (ROOT / "CMakeLists.txt").read_text()


def test_each_source_of_the_firmware_is_compiled():
    listed = set(re.findall(r"\b(\w+\.cc)\b", (SRC / "CMakeLists.txt").read_text()))
    assert listed == {path.name for path in SRC.glob("*.cc")}


@pytest.mark.parametrize("layer", ["xiao_esp32s3_sense", "qemu"])
def test_the_main_file_compiles_against_stand_ins_for_esp_idf(layer, tmp_path):
    """With a sensor and USB, and with stored frames and UART0: the types fit, though nothing is linked."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("g++ not installed")
    chosen = next(name for name in options(layer) if name.startswith("CONFIG_MICROFER_BOARD_"))
    (tmp_path / "sdkconfig.h").write_text(f"#define {chosen} 1\n")
    make_generated.make(tmp_path / "generated")
    folders = (tmp_path, Path(__file__).with_name("esp_stubs"), FIRMWARE / "lib", SRC)
    include = [argument for folder in folders for argument in ("-I", folder)]
    command = [compiler, "-std=gnu++17", "-fsyntax-only", "-Wall", "-Wextra", "-Wshadow", "-Werror", *include]
    done = subprocess.run([*command, SRC / "main.cc"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_version_stands_in_the_package_alone(tmp_path):
    version = microfer.__version__
    assert len(version) <= 16  # what the hello has room for
    for path in (ROOT / "CMakeLists.txt", ROOT / "platformio.ini", SRC / "CMakeLists.txt", ROOT / "CITATION.cff"):
        assert version not in path.read_text().replace("espressif32@", "").replace("cff-version: 1.2.0", "")
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in package["project"]
    assert package["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "microfer.__version__"}
    if cmake := shutil.which("cmake"):
        head = (ROOT / "CMakeLists.txt").read_text().split("# What comes from the model")[0]
        head = head.replace("${CMAKE_CURRENT_LIST_DIR}", ROOT.as_posix()) + "message(STATUS ${PROJECT_VER})\n"
        (tmp_path / "head.cmake").write_text(head)
        said = subprocess.run([cmake, "-P", tmp_path / "head.cmake"], capture_output=True, text=True, check=True).stdout
        assert said.strip() == f"-- {version}"


def test_a_build_without_a_model_says_which_file_is_missing(tmp_path):
    command = [sys.executable, "-I", "-S", FIRMWARE / "export_model.py"]
    surroundings = {"MICROFER_MODEL": "nowhere/mine.tflite"}
    done = subprocess.run(command, env=surroundings, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no file and no release 'nowhere/mine.tflite'" in done.stderr
    assert done.stdout == ""


def test_the_sources_are_formatted():
    clang_format = shutil.which("clang-format")
    if clang_format is None:
        pytest.skip("clang-format not installed")
    if " 14." not in subprocess.run([clang_format, "--version"], capture_output=True, text=True, check=True).stdout:
        pytest.skip("another clang-format than version 14")
    files = [*SRC.glob("*.cc"), *SRC.glob("*.h"), Path(__file__).with_name("boards_probe.cc")]
    subprocess.run([clang_format, "--dry-run", "--Werror", *files], check=True)
