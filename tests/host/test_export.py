"""The C++ files that the firmware compiles: same bytes each time, right values, no half-made export, clear refusals."""

import errno
import hashlib
import json
import math
import os
import random
import shutil
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from microfer.contract import LABELS
from microfer.errors import MicroferError
from microfer.export import cpp
from microfer.export.export import GENERATORS, export_model, generate
from microfer.tflite.metadata import Arena, ModelMetadata, embed_metadata

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
PROBE = Path(__file__).resolve().parent / "export_probe"
METADATA = ModelMetadata(
    model_id="tiny-test-1",
    preset="tiny",
    arena=Arena(bytes=31_337, measured_on="host: tflite-micro 0.dev1, Linux x86-64"),
    temperature=1.1,
    uncertain_below=0.35,
    score_floor=4,
)
WARNINGS = ("-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror")


@pytest.fixture(scope="module")
def tiny_bytes() -> bytes:
    return embed_metadata((GOLDEN / "tiny_int8.tflite").read_bytes(), METADATA)


@pytest.fixture
def tiny(tmp_path, tiny_bytes) -> Path:
    path = tmp_path / "tiny.tflite"
    path.write_bytes(tiny_bytes)
    return path


@pytest.fixture(params=["g++", "clang++"])
def compiler(request) -> str:
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return str(request.param)


def test_every_file_is_written_and_reported(tiny, tmp_path):
    done = export_model(tiny, tmp_path / "out")
    assert done.files == dict.fromkeys(GENERATORS, True)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(GENERATORS)
    assert done.sha256 == hashlib.sha256(tiny.read_bytes()).hexdigest()


def test_the_same_model_gives_the_same_bytes_wherever_it_lies(tiny, tmp_path):
    elsewhere = tmp_path / "another folder" / "renamed.tflite"
    elsewhere.parent.mkdir()
    shutil.copy(tiny, elsewhere)
    export_model(tiny, tmp_path / "one")
    export_model(elsewhere, tmp_path / "two")
    for name in GENERATORS:
        text = (tmp_path / "one" / name).read_text()
        assert text == (tmp_path / "two" / name).read_text()
        assert "tiny.tflite" not in text
        assert str(tmp_path) not in text


def test_a_file_that_is_right_already_is_not_touched(tiny, tmp_path):
    out = tmp_path / "out"
    export_model(tiny, out)
    for name in GENERATORS:
        os.utime(out / name, ns=(1, 1))
    (out / "contract.h").write_text("something else")
    done = export_model(tiny, out)
    assert done.files == {name: name == "contract.h" for name in GENERATORS}
    assert {name for name in GENERATORS if (out / name).stat().st_mtime_ns == 1} == set(GENERATORS) - {"contract.h"}


def test_what_is_written_compiles_without_warnings_and_says_what_the_model_says(tiny, tmp_path, compiler):
    export_model(tiny, tmp_path / "out")
    said = _compiled(tmp_path, compiler)
    assert (tmp_path / "dumped").read_bytes() == tiny.read_bytes()
    sha256 = hashlib.sha256(tiny.read_bytes()).hexdigest()
    assert said == {
        "status": 0,
        "registered": 7,
        "operators": 7,
        "refusals_seen": 7,
        "labels": list(LABELS),
        "sha256_bytes": sha256,
        "misalignment": 0,
        "bytes": tiny.stat().st_size,
        "sizeof": tiny.stat().st_size,
        "model_id": "tiny-test-1",
        "preset": "tiny",
        "sha256": sha256,
        "crop_px": 48,
        "input_shape": [1, 48, 48, 1],
        "output_shape": [1, 7],
        "is_plain": 1,
        "input_scale": _float32(1 / 255),
        "input_zero_point": -128,
        "output_scale": 1 / 256,
        "output_zero_point": -128,
        "temperature": _float32(1.1),
        "uncertain_below": _float32(0.35),
        "score_floor": 4,
        "host_arena_bytes": 31_337,
    }


def test_files_of_two_models_do_not_compile_together(tiny, tmp_path, compiler):
    """As they lie when the disk is full after the first one."""
    export_model(tiny, tmp_path / "out")
    other = tmp_path / "other.tflite"
    other.write_bytes(embed_metadata(tiny.read_bytes(), replace(METADATA, temperature=1.2)))
    export_model(other, tmp_path / "other")
    shutil.copy(tmp_path / "other" / "contract.h", tmp_path / "out")
    for source in (tmp_path / "out" / "model_data.cc", PROBE / "probe.cc"):
        command = [compiler, *WARNINGS, "-fsyntax-only", "-I", tmp_path / "out", "-I", PROBE, source]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode != 0
        assert "contract.h is of another model" in done.stderr


def test_the_arena_is_labelled_as_the_hosts(tiny, tmp_path):
    export_model(tiny, tmp_path / "out")
    text = (tmp_path / "out" / "contract.h").read_text()
    comment = text[: text.index("kHostArenaBytes")].split("\n\n")[-1]
    assert "HOST's interpreter, not the board's: ESP-NN takes its" in comment
    assert "// host: tflite-micro 0.dev1, Linux x86-64" in comment
    assert "ArenaBytes" not in text.replace("kHostArenaBytes", "")


def test_an_arena_that_was_not_measured_is_said_to_be_so(tiny, tmp_path):
    tiny.write_bytes(embed_metadata(tiny.read_bytes(), replace(METADATA, arena=None)))
    export_model(tiny, tmp_path / "out")
    assert "not measured for this model" in (tmp_path / "out" / "contract.h").read_text()


def test_a_bare_python_exports_the_same_bytes(tiny, tmp_path):
    """PlatformIO's Python has the standard library and nothing else: -I -S leaves just that, plus `host/`."""
    program = f"""
import sys
sys.path.insert(0, {str(ROOT / "host")!r})
from microfer.export.export import export_model
from microfer.release import default_model
export_model({str(tiny)!r}, {str(tmp_path / "bare")!r})
foreign = {{name.partition(".")[0] for name in sys.modules}} - set(sys.stdlib_module_names) - {{"microfer", "__main__"}}
assert not foreign, foreign
try:
    import numpy
except ImportError:
    print("bare")
"""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr, done.returncode) == ("bare\n", "", 0)
    export_model(tiny, tmp_path / "out")
    for name in GENERATORS:
        assert (tmp_path / "bare" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


def test_float_literals_give_back_the_same_float32():
    random_source = random.Random(1)
    for _ in range(2000):
        number = struct.unpack("<f", random_source.randbytes(4))[0]
        if math.isfinite(number):
            literal = cpp.real(number)
            assert literal.endswith("f")
            assert "." in literal or "e" in literal
            assert _float32(float(literal[:-1])) == number


def test_text_for_cpp_is_escaped_or_refused():
    assert cpp.string('a "b" \\') == '"a \\"b\\" \\\\"'
    with pytest.raises(MicroferError, match="only printable ASCII"):
        cpp.string("Überraschung")


def test_a_corrupt_model_is_refused_and_nothing_is_written(tiny, tmp_path):
    tiny.write_bytes(tiny.read_bytes()[:2000])
    with pytest.raises(MicroferError, match=r"tiny\.tflite is not a valid \.tflite"):
        export_model(tiny, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_model_with_float_input_is_refused(tmp_path):
    with pytest.raises(
        MicroferError, match=r"tiny_float_io\.tflite: input .* is FLOAT32, expected INT8; quantize .* microfer quantize"
    ):
        export_model(GOLDEN / "tiny_float_io.tflite", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_model_without_metadata_is_refused(tiny, tmp_path, tiny_bytes):
    tiny.write_bytes(tiny_bytes.replace(b"\x08\0\0\0microfer", b"\x08\0\0\0somebody"))
    with pytest.raises(MicroferError, match=r"tiny\.tflite has no metadata entry named 'microfer'"):
        export_model(tiny, tmp_path / "out")


def test_a_model_with_its_labels_in_another_order_is_refused(tiny, tmp_path, tiny_bytes):
    tiny.write_bytes(tiny_bytes.replace(b'"anger","disgust"', b'"disgust","anger"'))
    with pytest.raises(MicroferError, match=r"tiny\.tflite: .*'labels' is \('disgust', .*expected anger, disgust"):
        export_model(tiny, tmp_path / "out")


def test_a_folder_that_cannot_be_made_is_named(tiny, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MicroferError, match=r"cannot write .*contract\.h: .*choose another folder"):
        export_model(tiny, tmp_path / "file" / "out")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_full_disk_or_forbidden_folder_leaves_the_old_file_whole(tiny, tmp_path, monkeypatch, code):
    out = tmp_path / "out"
    export_model(tiny, out)
    (out / "contract.h").write_text("the old one")

    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(MicroferError, match=rf"contract\.h: {os.strerror(code)}"):
        export_model(tiny, out)
    assert (out / "contract.h").read_text() == "the old one"
    assert sorted(path.name for path in out.iterdir()) == sorted(GENERATORS)


def test_no_damage_gets_more_than_a_microfer_error_out_of_the_export(tiny_bytes):
    random_source = random.Random(7)
    refused = 0
    for _ in range(1000):
        content = bytearray(tiny_bytes)
        for _ in range(random_source.randrange(1, 4)):
            content[random_source.randrange(len(content))] = random_source.randrange(256)
        try:
            generate(bytes(content))
        except MicroferError:
            refused += 1
    assert 200 < refused < 1000


def test_the_command_prints_a_json_report(tiny, tmp_path):
    done = _command(tiny, "--out", tmp_path / "out", "--json")
    assert done.returncode == 0
    report = json.loads(done.stdout)
    assert report["model_id"] == "tiny-test-1"
    assert report["written"] == list(GENERATORS)
    assert report["unchanged"] == []
    assert report["host_arena_bytes"] == 31_337


def test_the_command_ends_with_one_line_and_status_2_on_a_bad_model(tmp_path):
    done = _command(GOLDEN / "tiny_float_io.tflite", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert "is FLOAT32, expected INT8" in done.stderr


def _command(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "host" / "export_tflm.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _compiled(folder: Path, compiler: str) -> dict[str, object]:
    """Compile the export with the probe, run it and return what it prints."""
    sources = [PROBE / "probe.cc", folder / "out" / "model_data.cc"]
    command = [compiler, *WARNINGS, "-I", folder / "out", "-I", PROBE, *sources, "-o", folder / "probe"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    printed = subprocess.run([folder / "probe", folder / "dumped"], capture_output=True, text=True, check=True)
    result: dict[str, object] = json.loads(printed.stdout)
    return result


def _float32(number: float) -> float:
    return float(struct.unpack("<f", struct.pack("<f", number))[0])
