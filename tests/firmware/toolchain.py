"""Compiling the firmware's core and its tests for this computer, or for another processor that is emulated here."""

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from microfer.virtual_board.core_build import core_sources

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LIB = ROOT / "firmware" / "lib"
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@dataclass(frozen=True)
class Toolchain:
    """A C++ compiler, and what runs its programs.

    sanitize: find memory errors and undefined behaviour while the programs run.
    """

    name: str
    compiler: str
    sanitize: bool = False
    emulator: tuple[str, ...] = ()

    def missing(self) -> str:
        """Return what this computer lacks, to be installed; empty where it lacks nothing."""
        programs = [name for name in (self.compiler, *self.emulator[:1]) if shutil.which(name) is None]
        if not programs and self.sanitize:
            # On Debian clang comes without them unless libclang-rt-14-dev is asked for.
            with tempfile.TemporaryDirectory() as folder:
                trial = [self.compiler, *SANITIZE, "-x", "c++", "-", "-o", f"{folder}/trial"]
                done = subprocess.run(trial, input=b"int main() {}", capture_output=True, check=False)
            programs = [] if done.returncode == 0 else [f"the sanitizers of {self.compiler}"]
        return " and ".join(programs)


TOOLCHAINS = (
    Toolchain("gcc", "g++", sanitize=True),
    Toolchain("clang", "clang++", sanitize=True),
    # Linked statically, so that the emulator needs no libraries of that processor. No sanitizer runs in it.
    Toolchain("arm32", "arm-linux-gnueabihf-g++", emulator=("qemu-arm",)),
)


@dataclass(frozen=True)
class Programs:
    """The built tests: the folder they lie in and what runs them."""

    folder: Path
    emulator: tuple[str, ...]

    def run(self, name: str, *arguments: str | Path, questions: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run one program and return what it wrote; it need not have succeeded."""
        command = [*self.emulator, str(self.folder / name), *map(str, arguments)]
        return subprocess.run(command, input=questions, capture_output=True, check=False, timeout=600)


def build(toolchain: Toolchain, folder: Path, *, with_cmake: bool) -> Programs:
    """Compile `unit_tests` and `probe` into `folder`, with CMake or by the compiler alone.

    Raises:
        AssertionError: it does not compile without a warning; the message is the compiler's.
    """
    if with_cmake:
        _run(
            ["cmake", "-S", HERE, "-B", folder, f"-DCMAKE_CXX_COMPILER={toolchain.compiler}"]
            + [f"-DMICROFER_SANITIZE={'ON' if toolchain.sanitize else 'OFF'}", f"-DPython3_EXECUTABLE={sys.executable}"]
            + ([] if toolchain.sanitize else ["-DCMAKE_EXE_LINKER_FLAGS=-static"])
        )
        _run(["cmake", "--build", folder, "--parallel", "2"])
    else:
        _run([sys.executable, HERE / "make_generated.py", folder / "made" / "generated"])
        golden = folder / "made" / "generated" / "golden.cc"
        for program, sources in _programs().items():
            _run([*_compile(toolchain, folder, [*sources, golden]), "-o", folder / program])
    return Programs(folder, toolchain.emulator)


def _programs() -> dict[str, list[Path]]:
    core = core_sources()
    return {
        "unit_tests": [*core, HERE / "check.cc", *sorted(HERE.glob("*_test.cc"))],
        "probe": [*core, HERE / "cases.cc", HERE / "probe.cc"],
    }


def _compile(toolchain: Toolchain, folder: Path, sources: list[Path]) -> list[str | Path]:
    extra = SANITIZE if toolchain.sanitize else ("-static",)
    return [toolchain.compiler, f"@{HERE / 'compile_flags.rsp'}", *extra, "-I", folder / "made", "-I", LIB, *sources]


def _run(command: list[str | Path]) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
