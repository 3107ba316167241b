"""Compiling the fuzz targets with Clang's libFuzzer and the sanitizers, and running them."""

import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.firmware import make_generated
from tests.firmware.toolchain import HERE as FIRMWARE_TESTS
from tests.firmware.toolchain import LIB

from microfer.virtual_board.core_build import core_sources

HERE = Path(__file__).resolve().parent
COMPILER = "clang++"
SANITIZE = "-fsanitize=address,undefined"
FLAGS = ("-std=c++17", "-O1", "-g", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra", "-Werror")
FLAGS += (SANITIZE, "-fno-sanitize-recover=all")


@dataclass(frozen=True)
class Target:
    """One fuzz target. runs: of the short run in the tests, some seconds at most. longest: input, in bytes."""

    name: str
    runs: int
    longest: int


TARGETS = (
    Target("frame_decoder", 20_000, 3000),
    Target("device_commands", 2_000, 3000),
    Target("model_check", 50_000, 100),
    Target("cascade_frames", 300, 400),
    Target("crop", 5_000, 600),
)


def missing() -> str:
    """Return what this computer lacks, to be installed; empty where it lacks nothing."""
    if shutil.which(COMPILER) is None:
        return COMPILER
    with tempfile.TemporaryDirectory() as folder:
        source = b'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }'
        trial = [COMPILER, "-fsanitize=fuzzer", "-x", "c++", "-", "-o", f"{folder}/trial"]
        done = subprocess.run(trial, input=source, capture_output=True, check=False)
    return "" if done.returncode == 0 else f"libFuzzer for {COMPILER} (on Debian: libclang-rt-14-dev)"


def build(folder: Path) -> dict[str, Path]:
    """Compile all targets into `folder`, the core once for all of them; return each one's program by its name.

    Raises:
        AssertionError: something does not compile without a warning; the message is the compiler's.
    """
    make_generated.make(folder / "made" / "generated")
    objects = folder / "objects"
    objects.mkdir(parents=True, exist_ok=True)
    include = [part for each in (folder / "made", LIB, FIRMWARE_TESTS, HERE) for part in ("-I", each)]
    sources = [*core_sources(), folder / "made" / "generated" / "golden.cc"]

    def compiled(source: Path) -> Path:
        made = objects / f"{source.parent.name}-{source.stem}.o"
        _run([COMPILER, *FLAGS, "-fsanitize=fuzzer-no-link", *include, "-c", source, "-o", made])
        return made

    def linked(target: Target) -> Path:
        program = folder / target.name
        _run([COMPILER, *FLAGS, "-fsanitize=fuzzer", *include, HERE / f"{target.name}.cc", core, "-o", program])
        return program

    with ThreadPoolExecutor(2) as pool:
        core = objects / "core.a"
        _run(["ar", "rcs", core, *pool.map(compiled, sources)])
        return dict(zip((target.name for target in TARGETS), pool.map(linked, TARGETS), strict=True))


def run(program: Path, target: Target, folder: Path, *, seconds: int = 0) -> str:
    """Run a target on its seeds and what libFuzzer makes of them; return what it said.

    `folder` gets the inputs that reach something new, and the one on which it failed. seconds: how long; 0: as many
    runs as the target says, the same inputs each time.

    Raises:
        AssertionError: it failed; the message says on which input, and where to put that.
    """
    found = folder / "found"
    found.mkdir(parents=True, exist_ok=True)
    length = [f"-max_total_time={seconds}"] if seconds else [f"-runs={target.runs}", "-seed=1"]
    options = [*length, f"-max_len={target.longest}", "-len_control=0", "-timeout=20", "-rss_limit_mb=2048"]
    command = [program, *options, f"-artifact_prefix={folder}/", "-print_final_stats=1", found]
    done = subprocess.run(
        [*map(str, command), str(HERE / "seeds" / target.name)], capture_output=True, check=False, timeout=seconds + 600
    )
    said = done.stderr.decode(errors="replace")
    failed = [path for path in folder.iterdir() if path.is_file()]
    assert done.returncode == 0, (
        f"{said[-3000:]}\nfailed on {', '.join(path.read_bytes().hex() for path in failed)}; "
        f"mend it and keep the input: tests/fuzz/seeds/{target.name}/"
    )
    return said


def _run(command: list[str | Path]) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stderr}"
