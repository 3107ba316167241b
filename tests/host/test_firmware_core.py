"""The firmware's core as a shared library: compiling it, finding a compiler, and its functions against the oracles."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from microfer.errors import MicroferError
from microfer.files import read_bytes
from microfer.oracle.crop import crop_resize
from microfer.pictures.opencv import cv2
from microfer.release import default_model
from microfer.tensor import encode_int8
from microfer.tflite import tflite_file
from microfer.tflite.check import layout
from microfer.virtual_board import core_build, objects
from microfer.virtual_board.core_build import FIRMWARE, built_core, cache_folder, core_sources, find_compiler
from microfer.virtual_board.firmware_core import Box, FirmwareCore, TrackSource, open_core
from microfer.virtual_board.frame_source import SceneSource

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ROOT / "tests" / "firmware" / "compile_flags.rsp"


def _compiler_or_none():
    try:
        return find_compiler()
    except MicroferError:
        return None


COMPILER = _compiler_or_none()
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="there is no C++ compiler here")
needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="makes shell scripts that stand for a compiler")


@pytest.fixture(scope="module")
def core():
    if COMPILER is None:
        pytest.skip("there is no C++ compiler here")
    return open_core()


@pytest.fixture(scope="module")
def scene():
    """A frame with one drawn face, 240 x 320, and its half."""
    frame = SceneSource(3).frame(1.0)
    return frame, cv2.resize(frame, (160, 120), interpolation=cv2.INTER_AREA)


def with_objects(cache):
    """Give a cache of its own what the common one has of objects, so that a test compiles what it is about."""
    open_core()
    shutil.copytree(cache_folder() / "objects", cache / "objects")
    return cache


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


# Its functions


def test_the_cores_crop_is_the_oracles(core):
    rng = np.random.default_rng(0)
    for _ in range(50):
        height, width = rng.integers(1, 200, 2)
        frame = rng.integers(0, 256, (height, width), np.uint8)
        left, top = int(rng.integers(-60, width)), int(rng.integers(-60, height))
        side = int(rng.integers(max(1, 1 - left, 1 - top), 250))
        assert np.array_equal(core.crop(frame, Box(left, top, side, side)), crop_resize(frame, left, top, side, side))


def test_a_view_with_longer_rows_is_read_in_place(core):
    frame = np.random.default_rng(1).integers(0, 256, (100, 300), np.uint8)
    part = frame[10:90, 50:150]
    assert np.array_equal(core.crop(part, Box(5, 5, 60, 60)), core.crop(part.copy(), Box(5, 5, 60, 60)))


def test_a_crop_outside_the_frame_is_refused(core):
    with pytest.raises(MicroferError, match="does not crop"):
        core.crop(np.zeros((20, 20), np.uint8), Box(50, 50, 10, 10))


def test_the_cores_tensor_is_the_oracles(core):
    crop = np.random.default_rng(2).integers(0, 256, (48, 48), np.uint8)
    expected = encode_int8(crop[np.newaxis], layout(tflite_file.read(default_model())))
    assert np.array_equal(core.encode(crop), expected.ravel())


def test_the_detector_finds_the_face_of_a_drawn_scene_and_none_in_an_empty_one(core, scene):
    faces = core.detect(scene[1])
    assert len(faces) == 1
    assert faces[0].neighbours > 3
    empty = SceneSource(3, is_empty=True).frame(1.0)
    assert core.detect(cv2.resize(empty, (160, 120), interpolation=cv2.INTER_AREA)) == []


def test_the_detector_refuses_what_it_was_not_made_for(core, scene):
    with pytest.raises(MicroferError, match=r"320x240.*larger"):
        core.detect(scene[0])
    with pytest.raises(MicroferError, match="out of range"):
        core.detect(scene[1], min_neighbours=0)
    with pytest.raises(ValueError, match="gray frame"):
        core.detect(scene[1].astype(np.float32))


@needs_compiler
def test_a_smallest_face_below_the_detectors_own_says_what_it_becomes(core, scene, recwarn):
    with pytest.warns(UserWarning, match="smallest_face_px 20 becomes 43"):
        smaller = core.detect(scene[1], smallest_face_px=20)
    recwarn.clear()
    assert smaller == core.detect(scene[1], smallest_face_px=43) == core.detect(scene[1])
    assert not recwarn.list


def test_the_tracker_keeps_a_face_that_the_detector_found(core, scene):
    tracker = core.tracker()
    tracks = [tracker.follow(scene[0]) for _ in range(6)]
    assert [track.source for track in tracks[:2]] == [TrackSource.DETECTED, TrackSource.TRACKED]
    assert [track.is_new_face for track in tracks] == [True, False, False, False, False, False]
    assert all(track.face.width == track.face.height > 80 for track in tracks)
    tracker.reset()
    assert tracker.follow(scene[0]).is_new_face
    tracker.reset()
    assert tracker.follow(np.full((240, 320), 90, np.uint8)).source == TrackSource.NONE
    with pytest.raises(MicroferError, match="640x480"):
        tracker.follow(np.zeros((480, 640), np.uint8))


# Compiling it


@needs_compiler
def test_the_library_is_compiled_once(tmp_path):
    told = []
    firmware = tmp_path / "firmware"  # a copy, so that nobody edits it meanwhile
    for part in ("lib", "host"):
        shutil.copytree(FIRMWARE / part, firmware / part)
    where = {"cache": with_objects(tmp_path / "cache"), "firmware": firmware, "progress": told.append}
    first = built_core(default_model(), **where)
    time_ns = first.stat().st_mtime_ns
    assert built_core(default_model(), **where) == first
    assert first.stat().st_mtime_ns == time_ns
    assert len(told) == 1
    assert "compiling" in told[0]
    assert [path.name for path in first.parent.iterdir()] == [first.name]  # nothing half-made beside it
    FirmwareCore(first)


@needs_compiler
def test_every_source_the_model_and_the_compiler_change_the_librarys_name(monkeypatch, tmp_path):
    keys = []
    monkeypatch.setattr(core_build, "_compile", lambda folder, files, compiler, library, objects: library.touch())
    firmware = tmp_path / "firmware"
    for part in ("lib", "host"):
        shutil.copytree(FIRMWARE / part, firmware / part)

    def key():
        keys.append(built_core(default_model(), cache=tmp_path / "cache", firmware=firmware).parent.name)
        return keys[-1]

    first = key()
    assert key() == first
    for name in ("lib/image/crop.cc", "lib/base/span.h", "host/core.h"):
        path = firmware / name
        path.write_bytes(path.read_bytes() + b"\n")
        assert key() not in keys[:-1]
    last = keys[-1]
    (firmware / "lib" / "generated").mkdir(exist_ok=True)
    (firmware / "lib" / "generated" / "contract.h").write_text("another model's")
    assert key() == last
    monkeypatch.setattr(core_build, "FLAGS", (*core_build.FLAGS, "-DOTHER"))
    assert key() != last


@needs_compiler
def test_a_core_that_does_not_compile_says_where(tmp_path):
    for part in ("lib", "host"):
        shutil.copytree(FIRMWARE / part, tmp_path / part)
    path = tmp_path / "lib" / "image" / "crop.cc"
    path.write_bytes(path.read_bytes() + b"this is no C++;\n")
    with pytest.raises(MicroferError, match=r"(?s)does not compile.*lib/image/crop\.cc:\d+.*CXX"):
        built_core(default_model(), cache=with_objects(tmp_path / "cache"), firmware=tmp_path)
    assert not list((tmp_path / "cache").rglob("build-*"))
    assert not list((tmp_path / "cache").rglob(f"*{core_build.SUFFIX}"))


def test_what_a_killed_build_left_is_swept_and_a_build_under_way_stays(tmp_path):
    for name, age_s in (("build-old", 3700), ("build-new", 3500), ("other", 10_000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "crop.o").write_bytes(b"")
        os.utime(tmp_path / name, (time.time() - age_s,) * 2)
    objects.sweep_builds(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"build-new", "other"}


@needs_compiler
@pytest.mark.slow
def test_a_core_with_a_function_missing_is_found_out_before_it_is_loaded(tmp_path):
    for part in ("lib", "host"):
        shutil.copytree(FIRMWARE / part, tmp_path / part)
    (tmp_path / "lib" / "image" / "crop.cc").write_text("")
    with pytest.raises(MicroferError, match=r"(?s)does not compile.*CropResize"):
        built_core(default_model(), cache=with_objects(tmp_path / "cache"), firmware=tmp_path)


@needs_compiler
@pytest.mark.slow
def test_two_processes_may_compile_it_at_once(tmp_path):
    code = (
        "import sys; sys.path.insert(0, 'host')\n"
        "from microfer.virtual_board.firmware_core import open_core\n"
        "print(open_core(progress=lambda text: print('compiles')).path)"
    )
    environment = os.environ | {"MICROFER_CACHE": str(tmp_path)}
    both = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=300)[0].split() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert outputs[0][-1] == outputs[1][-1]
    assert outputs[0][0] == outputs[1][0] == "compiles"
    assert len(list(tmp_path.rglob(f"*{core_build.SUFFIX}"))) == 1
    assert not list(tmp_path.rglob("build-*"))


def test_without_the_firmwares_sources_it_says_where_they_were_looked_for(tmp_path):
    with pytest.raises(MicroferError, match=r"sources are not in .*; run this from a checkout"):
        built_core(default_model(), cache=tmp_path, firmware=tmp_path / "firmware")


def test_without_a_compiler_it_says_what_to_install(tmp_path):
    with pytest.raises(
        MicroferError, match=r"needs a C\+\+ compiler: none of c\+\+, g\+\+, clang\+\+ is installed; on "
    ):
        find_compiler({"PATH": str(tmp_path)})


def test_a_cxx_that_is_not_there_is_named(tmp_path):
    with pytest.raises(MicroferError, match="CXX names 'no-such-compiler', which is not there"):
        find_compiler({"PATH": str(tmp_path), "CXX": "no-such-compiler -m64"})


@needs_posix
def test_cxx_is_honoured_with_its_options(tmp_path):
    script(tmp_path / "mine", 'echo "mine 1.0 $1"')
    compiler = find_compiler({"PATH": str(tmp_path), "CXX": "mine -m64"})
    assert compiler.command == (str(tmp_path / "mine"), "-m64")
    assert compiler.version == "mine 1.0 -m64"


@needs_posix
def test_a_compiler_of_another_family_is_refused_with_what_it_said(tmp_path):
    script(tmp_path / "cl", "echo unknown option; exit 2")
    with pytest.raises(MicroferError, match="--version ended with 2: unknown option; a compiler of the GCC family"):
        find_compiler({"PATH": str(tmp_path), "CXX": "cl"})


@pytest.mark.skipif(sys.platform == "win32", reason="another loader")
def test_a_damaged_library_says_to_delete_it(tmp_path):
    (tmp_path / "microfer.so").write_bytes(b"no library")
    with pytest.raises(MicroferError, match=r"cannot be loaded.*delete it"):
        FirmwareCore(tmp_path / "microfer.so")


def test_the_cache_is_where_it_can_be_written(tmp_path):
    assert cache_folder({"MICROFER_CACHE": str(tmp_path)}) == tmp_path / "core"
    assert cache_folder({}, tmp_path) == tmp_path / ".cache" / "core"
    elsewhere = cache_folder({"XDG_CACHE_HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}, tmp_path / "missing")
    assert elsewhere.parts[-2:] == ("microfer", "core")


# One list of sources for this library and the firmware's tests, one standard


def test_the_library_has_every_source_of_the_core_and_none_of_a_models_export():
    names = {path.relative_to(FIRMWARE).as_posix() for path in core_sources()}
    assert {"lib/device/device.cc", "lib/face/cascade_detector.cc", "lib/protocol/cobs.cc"} <= names
    assert not any("generated" in name for name in names)


@pytest.mark.parametrize("name", ["g++", "clang++"])
@pytest.mark.parametrize("source", [path.name for path in core_build.host_sources()])
def test_the_functions_around_the_core_compile_without_a_warning(tmp_path, name, source):
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    (tmp_path / "generated").mkdir()
    for file, text in core_build.generate(default_model())[1].items():
        if file in core_build.GENERATED:
            (tmp_path / "generated" / file).write_bytes(text.encode())
    include = ["-I", tmp_path, "-I", FIRMWARE / "lib", "-I", FIRMWARE / "host"]
    command = [name, f"@{FLAGS}", *include, "-c", FIRMWARE / "host" / source, "-o", tmp_path / "made.o"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", sorted((FIRMWARE / "host").iterdir()), ids=lambda path: path.name)
def test_the_functions_around_the_core_are_formatted(path):
    if shutil.which("clang-format") is None:
        pytest.skip("clang-format is not installed")
    formatted = subprocess.run(["clang-format", str(path)], capture_output=True, check=True).stdout
    assert formatted == read_bytes(path)
