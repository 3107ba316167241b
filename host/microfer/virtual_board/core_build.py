"""Compiling the firmware's core for this computer: a shared library in a cache, made again when anything in it changes.

What of it another library has in common is not compiled again, see `objects`.

The library's plain C functions are declared in firmware/host/core.h; `firmware_core` calls them.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from microfer.errors import MicroferError
from microfer.export.export import generate
from microfer.files import read_bytes
from microfer.release import IS_CHECKOUT, REPOSITORY
from microfer.virtual_board.objects import Compiler, Sources, compile_objects, first_lines, run, sweep_builds

FIRMWARE = REPOSITORY / "firmware"
COMPILERS = ("c++", "g++", "clang++")
"""Tried in this order where the environment variable CXX names none."""

FLAGS = ("-std=c++17", "-O2", "-fno-rtti", "-fvisibility=hidden", "-fPIC")
LINK_FLAGS = {"win32": ("-static",), "linux": ("-Wl,--no-undefined",)}.get(sys.platform, ())
"""On Windows MinGW's own libraries need not be found then; on Linux what is missing is found out before loading."""

GENERATED = ("constants.h", "contract.h", "golden.h", "golden.cc", "messages.h")
"""What the core needs of a model's export; the network itself is run by the host."""

SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
INCLUDE = (".", "lib", "host")
"""Where includes are looked for, below firmware/."""

Progress = Callable[[str], None]
"""Told what is done, for people, before something that takes seconds."""


def core_sources(firmware: Path = FIRMWARE) -> list[Path]:
    """Return the .cc files of the core, sorted; those of an exported model are not among them."""
    return sorted(path for path in (firmware / "lib").glob("*/*.cc") if path.parent.name != "generated")


def host_sources(firmware: Path = FIRMWARE) -> list[Path]:
    """Return the .cc files that put plain C functions around the core, sorted."""
    return sorted((firmware / "host").glob("*.cc"))


def find_compiler(environment: Mapping[str, str] = os.environ) -> Compiler:
    """Return the compiler that CXX names, or the first of COMPILERS that is installed.

    Raises:
        MicroferError: there is none, or it does not run; the text says what to install.
    """
    chosen = environment.get("CXX", "").split()
    for command in [chosen] if chosen else [[name] for name in COMPILERS]:
        path = shutil.which(command[0], path=environment.get("PATH"))
        if path is None:
            continue
        try:
            done = subprocess.run(
                [path, *command[1:], "--version"], capture_output=True, text=True, check=False, timeout=60
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise MicroferError(f"the C++ compiler {path} does not run: {error}; {_how_to_install()}") from error
        if done.returncode != 0:
            raise MicroferError(
                f"{path} --version ended with {done.returncode}: {first_lines(done.stderr + done.stdout, 2)}; "
                f"a compiler of the GCC family is needed: {_how_to_install()}"
            )
        return Compiler((path, *command[1:]), done.stdout.strip().splitlines()[0] if done.stdout.strip() else "")
    named = f"CXX names {chosen[0]!r}, which is not there" if chosen else f"none of {', '.join(COMPILERS)} is installed"
    raise MicroferError(
        f"the virtual board is the firmware's C++ compiled for this computer, and that needs a C++ compiler: {named}; "
        f"{_how_to_install()}"
    )


def built_core(
    tflite: Path | str | bytes,
    *,
    cache: Path | None = None,
    firmware: Path = FIRMWARE,
    environment: Mapping[str, str] = os.environ,
    progress: Progress | None = None,
) -> Path:
    """Return the path of the core as a shared library, exported for a model; compile it if the cache has none.

    Two processes at once are safe: each compiles in a folder of its own, and whoever is last puts the same bytes there.

    tflite: the model, a path or its bytes, as `export.generate` takes it.
    cache: the folder of built libraries, `cache_folder()` when not given.

    Raises:
        MicroferError: the model cannot be exported, there is no compiler, the core does not compile, or the cache
            cannot be written.
    """
    files = _read_sources(firmware)
    files |= {f"generated/{name}": text.encode() for name, text in generate(tflite)[1].items() if name in GENERATED}
    compiler = find_compiler(environment)
    cache = cache or cache_folder(environment)
    library = cache / _key(files, compiler) / f"microfer{SUFFIX}"
    if not library.is_file():
        if progress:
            progress(f"compiling the firmware's core for this computer with {compiler.version} (once, some seconds)")
        try:
            library.parent.mkdir(parents=True, exist_ok=True)
            sweep_builds(library.parent)
            with tempfile.TemporaryDirectory(prefix="build-", dir=library.parent, ignore_cleanup_errors=True) as folder:
                _compile(Path(folder), files, compiler, library, cache / "objects")
        except OSError as error:
            raise MicroferError(
                f"cannot write {library}: {error.strerror or error}; set MICROFER_CACHE to a folder that can be written"
            ) from error
    return library


def cache_folder(environment: Mapping[str, str] = os.environ, repository: Path = REPOSITORY) -> Path:
    """Return where built libraries are kept: MICROFER_CACHE, else .cache in the repository, else the user's cache."""
    if named := environment.get("MICROFER_CACHE"):
        return Path(named) / "core"
    if IS_CHECKOUT and os.access(repository, os.W_OK):
        return repository / ".cache" / "core"
    home = {"win32": environment.get("LOCALAPPDATA"), "darwin": str(Path.home() / "Library" / "Caches")}
    user = home.get(sys.platform) or environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(user) / "microfer" / "core"


def _read_sources(firmware: Path) -> dict[str, bytes]:
    """Return all files of the core and of the functions around it, by their path in `firmware`."""
    if not core_sources(firmware) or not host_sources(firmware):
        raise MicroferError(f"the firmware's sources are not in {firmware}; run this from a checkout of microfer")
    headers = [path for part in ("lib", "host") for path in (firmware / part).rglob("*.h")]
    paths = sorted([*core_sources(firmware), *host_sources(firmware), *headers])
    names = {path.relative_to(firmware).as_posix(): path for path in paths}
    return {name: read_bytes(path) for name, path in names.items() if not name.startswith("lib/generated/")}


def _key(files: Mapping[str, bytes], compiler: Compiler) -> str:
    """Return a name for all that the library's bytes depend on."""
    digest = hashlib.sha256(repr((FLAGS, compiler, sys.platform)).encode())
    for name, content in sorted(files.items()):
        digest.update(f"{name} {len(content)}\0".encode() + content)
    return digest.hexdigest()[:24]


def _compile(folder: Path, files: Mapping[str, bytes], compiler: Compiler, library: Path, objects: Path) -> None:
    """Link a library in `folder`, of objects that are compiled where they are missing, and put it in its place."""
    flags = [flag for flag in FLAGS if not (flag == "-fPIC" and sys.platform == "win32")]
    names = sorted(name for name in files if name.endswith(".cc"))
    made = compile_objects(compiler, flags, Sources(files, INCLUDE), names, objects)
    linked = folder / library.name
    run([*compiler.command, "-shared", *LINK_FLAGS, *made, "-o", linked.name], folder)
    try:
        linked.replace(library)
    except OSError:
        if not library.is_file():  # Windows does not replace a library that another process has loaded
            raise


def _how_to_install() -> str:
    if sys.platform == "win32":
        return (
            "on Windows: MinGW-w64's g++ on the PATH, from MSYS2: pacman -S mingw-w64-ucrt-x86_64-gcc (Microsoft's "
            "cl is not of the GCC family); or run the virtual board in WSL"
        )
    if sys.platform == "darwin":
        return "on macOS: xcode-select --install"
    return "on Debian and Ubuntu: sudo apt install g++; on Fedora: sudo dnf install gcc-c++"
