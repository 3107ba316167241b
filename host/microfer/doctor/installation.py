"""The doctor's look at this computer: Python, packages, TFLM, compiler, OpenCV, the released model."""

import importlib.metadata
import platform
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from microfer.doctor.finding import Finding, Group
from microfer.errors import MicroferError
from microfer.release import REPOSITORY, default_model

LOCK = REPOSITORY / "requirements" / "run.lock"
OLDEST, NEWEST = (3, 11), (3, 13)
INSTALL = "python scripts/demo.py makes .venv with all of it; or pip install --require-hashes -r requirements/run.lock"

STAND_INS = {"opencv-python-headless": ("opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless")}
"""Other packages that bring the same: those who want OpenCV's window have the full build."""

_PIN = re.compile(r"([A-Za-z0-9._-]+)==(\S+)(?:\s*;\s*(.*?))?\s*\\?$")
_say = Group("computer")

VersionOf = Callable[[str], str | None]


def installed_version(package: str) -> str | None:
    """Return the installed version of a package, None where it is missing."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def examine_installation() -> list[Finding]:
    """Return the findings about this computer."""
    return [
        check_python(sys.version_info[:3]),
        check_packages(LOCK, installed_version),
        check_opencv(),
        check_tflm(),
        check_compiler(),
        check_release(),
    ]


def check_python(version: tuple[int, ...]) -> Finding:
    """Return whether this Python is one that microfer runs on."""
    text = f"Python {'.'.join(map(str, version))}, {platform.system()} {platform.machine()}"
    if OLDEST <= version[:2] <= NEWEST:
        return _say.ok("python", text)
    return _say.problem("python", text, "install Python 3.11, 3.12 or 3.13 and start with that one")


def check_packages(lock: Path, version_of: VersionOf) -> Finding:
    """Return which packages differ from the lock, or are missing."""
    try:
        pins = dict(read_pins(lock.read_text(encoding="utf-8").splitlines()))
    except OSError as error:
        return _say.warning("packages", f"{lock} cannot be read: {error.strerror}", "git checkout -- requirements")
    missing, other = [], []
    for name, wanted in pins.items():
        found = version_of(name)
        if found is None and not any(version_of(package) for package in STAND_INS.get(name, ())):
            missing.append(name)
        elif found not in {None, wanted}:
            other.append(f"{name} {found} (lock: {wanted})")
    if missing:
        return _say.problem("packages", f"missing: {_some(missing)}", INSTALL)
    if other:
        return _say.warning("packages", f"{len(other)} of {len(pins)} differ from the lock: {_some(other)}", INSTALL)
    return _say.ok("packages", f"all {len(pins)} as in {lock.name}")


def read_pins(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Yield name and version of each package of a lock that is for this computer."""
    for line in lines:
        found = _PIN.match(line)
        if found and _applies(found[3]):
            yield found[1], found[2]


def check_opencv() -> Finding:
    """Return whether OpenCV can be loaded and finds faces."""
    try:
        from microfer.pictures.faces import FaceFinder
        from microfer.pictures.opencv import cv2

        FaceFinder()
    except MicroferError as error:
        return _say.problem("opencv", str(error), "see the message; without OpenCV there is no demo and no viewer")
    except ImportError as error:
        return _say.problem("opencv", f"{error}", INSTALL)
    return _say.ok("opencv", f"OpenCV {cv2.__version__}, with its face detector")


def check_tflm() -> Finding:
    """Return whether the real TFLM runs here."""
    try:
        from microfer.runtimes.runners import tflm_runtime

        tflm_runtime()
    except (MicroferError, ImportError) as error:
        has_wheel = platform.system() == "Linux" and platform.machine() == "x86_64"
        step = INSTALL if has_wheel else "nothing: LiteRT's reference kernels stand in, and reports say so"
        return _say.warning("tflm", str(error), step)
    return _say.ok("tflm", f"tflite-micro {installed_version('tflite-micro')}")


def check_compiler() -> Finding:
    """Return whether the virtual board can be compiled."""
    try:
        from microfer.virtual_board.core_build import find_compiler

        return _say.ok("compiler", find_compiler().version)
    except (MicroferError, ImportError) as error:
        return _say.warning(
            "compiler", str(error), "install one; the virtual board alone needs it: a real board and the rest do not"
        )


def check_release() -> Finding:
    """Return whether the released model is here and whole."""
    try:
        from microfer.tflite.metadata import read_metadata
        from microfer.tflite.tflite_file import read

        path = default_model()
        return _say.ok("model here", f"{read_metadata(read(path)).model_id} in {path.relative_to(REPOSITORY)}")
    except (MicroferError, ImportError) as error:
        return _say.problem("model here", str(error), "git checkout -- models, or name a .tflite to each command")


def _applies(marker: str | None) -> bool:
    if not marker:
        return True
    try:
        from packaging.markers import InvalidMarker, Marker
    except ImportError:  # it is itself in the lock, and is reported as missing
        return False
    try:
        return Marker(marker).evaluate()
    except InvalidMarker:
        return False


def _some(names: list[str], most: int = 6) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
