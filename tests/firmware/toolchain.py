"""Compiling the firmware's core and its tests for this computer, or for another processor that is emulated here."""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.firmware import make_generated

from microfer.virtual_board.core_build import cache_folder, core_sources, find_compiler
from microfer.virtual_board.objects import Compiler, Sources, compile_objects, run

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LIB = ROOT / "firmware" / "lib"
FLAGS = HERE / "compile_flags.rsp"
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

    def identity(self) -> Compiler:
        """Return the compiler with its version."""
        return find_compiler(os.environ | {"CXX": self.compiler})

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


def build(toolchain: Toolchain, folder: Path) -> Programs:
    """Compile `unit_tests` and `probe` into `folder`, of objects that are kept.

    Raises:
        MicroferError: it does not compile without a warning; the message is the compiler's.
    """
    made = folder / "generated"
    make_generated.make(made)
    golden = made / "golden.cc"
    link(toolchain, folder, "unit_tests", [*core_sources(), golden, HERE / "check.cc", *sorted(HERE.glob("*_test.cc"))])
    link(toolchain, folder, "probe", [*core_sources(), golden, HERE / "cases.cc", HERE / "probe.cc"])
    return Programs(folder, toolchain.emulator)


def build_with_cmake(toolchain: Toolchain, folder: Path) -> Programs:
    """Compile the same by CMakeLists.txt, as a person may. Raises AssertionError with what was said where it fails."""
    _run(
        ["cmake", "-S", HERE, "-B", folder, f"-DCMAKE_CXX_COMPILER={toolchain.compiler}"]
        + [f"-DMICROFER_SANITIZE={'ON' if toolchain.sanitize else 'OFF'}", f"-DPython3_EXECUTABLE={sys.executable}"]
        + ([] if toolchain.sanitize else ["-DCMAKE_EXE_LINKER_FLAGS=-static"])
    )
    _run(["cmake", "--build", folder, "--parallel", "2"])
    return Programs(folder, toolchain.emulator)


def link(toolchain: Toolchain, folder: Path, name: str, sources: list[Path]) -> Path:
    """Return the program `name` in `folder`, made of the sources' objects.

    The generated headers are those in `folder`/generated, if there are any.
    """
    extra = SANITIZE if toolchain.sanitize else ("-static",)
    program = folder / name
    run([toolchain.compiler, *extra, *compiled(toolchain, folder, sources, extra), "-o", program], folder)
    return program


def compiled(toolchain: Toolchain, folder: Path, sources: list[Path], extra: tuple[str, ...]) -> list[Path]:
    """Return the sources' objects, compiled with the common flags and with `extra` unless they have been before."""
    tree = {f"made/{path.relative_to(folder).as_posix()}": path for path in folder.rglob("*") if _is_cpp(path)}
    tree |= {f"lib/{path.relative_to(LIB).as_posix()}": path for path in LIB.rglob("*") if _is_cpp(path)}
    tree |= {f"tests/{path.relative_to(HERE).as_posix()}": path for path in HERE.glob("*") if _is_cpp(path)}
    # The folder made here comes first: firmware/lib/generated may hold another model's contract.
    files = {name: path.read_bytes() for name, path in tree.items() if not name.startswith("lib/generated/")}
    names = {path: name for name, path in tree.items()}
    flags = (*FLAGS.read_text().split(), *extra)
    everything = Sources(files, ("made", "lib", "tests"))
    cache = cache_folder() / "objects"
    return compile_objects(toolchain.identity(), flags, everything, [names[path] for path in sources], cache)


def _is_cpp(path: Path) -> bool:
    return path.suffix in (".h", ".cc")


def _run(command: list[str | Path]) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
