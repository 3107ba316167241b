"""The firmware's core, compiled for this computer and for 32-bit Arm: its own tests, and the oracles bit for bit."""

import functools
import re
import shutil
import struct
import subprocess

import numpy as np
import pytest
from tests.firmware import cases, make_generated
from tests.firmware.toolchain import (
    HERE,
    LIB,
    ROOT,
    TOOLCHAINS,
    Toolchain,
    build,
    build_with_cmake,
    compiled,
    core_sources,
)
from tests.golden import make_core_vectors
from tests.known_good import checked

from microfer.oracle import tables as prediction_tables
from microfer.virtual_board.core_build import host_sources

COUNTS = {
    cases.random_crop_case: 10_000,
    cases.random_predict_case: 10_000,
    cases.random_encode_case: 1_000,
    cases.random_settings_case: 1_000,
}
CHUNK = 500  # questions in one run of the probe; with large frames some megabytes
CLANG_VERSION = 14  # Debian 12's; others format a little differently and check for more


@pytest.fixture(scope="session", params=TOOLCHAINS, ids=lambda toolchain: toolchain.name)
def programs(request, tmp_path_factory):
    toolchain = request.param
    if missing := toolchain.missing():
        pytest.skip(f"{missing} not installed")
    return build(toolchain, tmp_path_factory.mktemp(toolchain.name))


@functools.cache
def random_chunks(make):
    """The same questions for every toolchain; the oracle's answers take longer than the programs'."""
    random = np.random.default_rng(len(make.__name__))
    return [[make(random) for _ in range(CHUNK)] for _ in range(COUNTS[make] // CHUNK)]


def answers(programs, asked):
    done = programs.run("probe", questions=b"".join(case.packed(with_answer=False) for case in asked))
    assert done.returncode == 0, done.stderr.decode()
    rest, found = done.stdout, []
    while rest:
        (size,) = struct.unpack_from("<I", rest)
        found.append(rest[4 : 4 + size])
        rest = rest[4 + size :]
    return found


def test_the_unit_tests_pass(programs):
    done = programs.run("unit_tests")
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
def test_frames_go_from_task_to_task_without_a_data_race(compiler, tmp_path):
    """ThreadSanitizer sees a memory order that is too weak, which this computer's processor may forgive."""
    if missing := Toolchain(compiler, compiler, sanitize=True).missing():
        pytest.skip(f"{missing} not installed")
    make_generated.make(tmp_path / "generated")
    sources = [HERE / "check.cc", HERE / "capture_test.cc", *sorted((LIB / "capture").glob("*.cc"))]
    include = [argument for each in (tmp_path, LIB, HERE) for argument in ("-I", each)]
    flags = [f"@{HERE / 'compile_flags.rsp'}", "-fsanitize=thread", "-pthread", *include]
    command = [compiler, *flags, *sources, "-o", tmp_path / "capture_test"]
    subprocess.run(list(map(str, command)), check=True)
    done = subprocess.run([tmp_path / "capture_test"], capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_golden_vectors_are_answered_as_they_say(programs):
    done = programs.run("probe", "--golden", make_core_vectors.PATH)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


@pytest.mark.parametrize("make", COUNTS, ids=lambda make: make.__name__.removeprefix("random_"))
def test_random_cases_are_answered_as_the_oracle_does(programs, make):
    for asked in random_chunks(make):
        for case, answer in zip(asked, answers(programs, asked), strict=True):
            assert answer == case.answer, f"case of kind {case.kind}: {case.question[:60].hex()}..."


@pytest.mark.parametrize(
    "damage", [lambda file: file[:-1], lambda file: file[:-1] + bytes([file[-1] ^ 1]), lambda file: b""]
)
def test_damaged_golden_vectors_are_found_out(programs, tmp_path, damage):
    (tmp_path / "damaged").write_bytes(damage(make_core_vectors.PATH.read_bytes()))
    assert programs.run("probe", "--golden", tmp_path / "damaged").returncode == 1


def test_the_oracles_answer_the_golden_vectors_as_they_say():
    golden = cases.unpacked(make_core_vectors.PATH.read_bytes())
    assert {case.kind for case in golden} == {cases.CROP, cases.ENCODE, cases.PREDICT, cases.SETTINGS}
    for case in golden:
        assert cases.asked(case.kind, case.question) == case, (
            "an oracle changed its answers; where that is meant: python tests/golden/make_core_vectors.py"
        )


def test_the_tables_are_those_that_the_script_writes():
    written = (LIB / "prediction" / "tables.h").read_text()
    assert written == prediction_tables.header(), "python scripts/generate.py"


def cpp_files():
    """All C++ that is checked, and what the checks are told."""
    folders = (LIB, LIB.parent / "host", HERE)
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix in (".h", ".cc", ".rsp", ".txt")]
    return [*(path for path in files if LIB / "generated" not in path.parents), ROOT / ".clang-tidy"]


def version_of(tool):
    return subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_it_builds_with_cmake(tmp_path):
    """As CMakeLists.txt tells people to, with the compiler that is through first."""
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    toolchain = next((one for one in reversed(TOOLCHAINS[:2]) if not one.missing()), None)
    if toolchain is None:
        pytest.skip(f"{TOOLCHAINS[0].missing()} is not installed")
    with checked("cmake", [version_of("cmake"), version_of(toolchain.compiler)], cpp_files()) as is_due:
        if is_due:
            assert build_with_cmake(toolchain, tmp_path).run("unit_tests").returncode == 0


def test_the_core_uses_neither_the_heap_nor_files_nor_exceptions(tmp_path):
    """What its object files ask of others, in a build as for the board."""
    for program in ("g++", "nm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    make_generated.make(tmp_path / "generated")
    objects = compiled(TOOLCHAINS[0], tmp_path, core_sources(), ("-fno-stack-protector",))
    listed = subprocess.run(["nm", "-u", "-C", *objects], capture_output=True, text=True, check=True).stdout
    wanted = {line.split(maxsplit=1)[1] for line in listed.splitlines() if line.strip().startswith("U ")}
    foreign = {name for name in wanted if not name.startswith("microfer::")}
    foreign.discard("_GLOBAL_OFFSET_TABLE_")  # this computer's way to reach tables, not a call
    assert foreign <= {"memcpy", "memset", "memmove", "memcmp"}


def test_no_outcome_can_go_unseen():
    """[[nodiscard]] on the type holds for every function that returns one."""
    enums = [line for path in LIB.rglob("*.h") for line in path.read_text().splitlines() if "enum class" in line]
    outcomes = [line for line in enums if re.search(r"\b\w+Outcome\b", line)]
    assert len(outcomes) >= 12
    assert [line for line in outcomes if "[[nodiscard]]" not in line] == []


def clang_tool(name):
    for found in filter(None, map(shutil.which, (f"{name}-{CLANG_VERSION}", name))):
        said = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
        if f"version {CLANG_VERSION}." in said:
            return found
    return pytest.skip(f"{name} {CLANG_VERSION} not installed")


def test_the_cpp_is_formatted():
    files = [
        path
        for folder in (LIB, HERE, HERE.with_name("fuzz"))
        for path in folder.rglob("*")
        if path.suffix in (".h", ".cc")
    ]
    ours = [str(path.relative_to(ROOT)) for path in files if LIB / "generated" not in path.parents]
    command = [clang_tool("clang-format"), "--dry-run", "--Werror", *ours]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stderr[-2000:]}\nput right by: clang-format -i {' '.join(ours)}"


def tidied_sources():
    return [*core_sources(), *host_sources(), *sorted(HERE.glob("*_test.cc"))]


def clang_tidy(folder, checks, files):
    """Run checks, taken from or added to those of .clang-tidy, on files."""
    make_generated.make(folder / "generated")
    include = [argument for each in (folder, LIB, LIB.parent / "host", HERE) for argument in ("-I", each)]
    command = [clang_tool("clang-tidy"), "--quiet", f"--config-file={ROOT / '.clang-tidy'}", f"--checks={checks}"]
    command += [*files, "--", "-std=c++17", *include]
    return subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_clang_tidy_finds_nothing_to_put_right(tmp_path):
    """Its checks of single places, in all sources as one: the standard library's headers are gone through once."""
    whole = tmp_path / "whole.cc"
    whole.write_text("".join(f'#include "{path}"\n' for path in tidied_sources()))
    checks = "-clang-analyzer-*,-bugprone-suspicious-include"
    with checked("clang-tidy", [version_of(clang_tool("clang-tidy")), checks], cpp_files()) as is_due:
        if is_due:
            done = clang_tidy(tmp_path, checks, [whole])
            assert done.returncode == 0, done.stdout[-4000:]


@pytest.mark.slow
def test_clang_s_analyzer_finds_no_path_to_a_fault(tmp_path):
    """It follows the paths through one source at a time."""
    checks = "-*,clang-analyzer-*,bugprone-suspicious-include"
    with checked("analyzer", [version_of(clang_tool("clang-tidy")), checks], cpp_files()) as is_due:
        if is_due:
            done = clang_tidy(tmp_path, checks, tidied_sources())
            assert done.returncode == 0, done.stdout[-4000:]
