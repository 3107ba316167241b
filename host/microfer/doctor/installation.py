"""The doctor's look at this computer: Python, packages, OpenCV, TFLM, compilers, the model, what trains and flashes."""

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from microfer.current_model import current_model
from microfer.doctor.finding import Finding, Group
from microfer.errors import TRAIN_LOCK_HINT, MicroferError
from microfer.model.backend import choose_backend
from microfer.release import REPOSITORY

LOCK = REPOSITORY / "requirements" / "run.lock"
TRAIN_LOCK = LOCK.with_name("train.lock")
OLDEST, NEWEST = (3, 11), (3, 13)
INSTALL = "python scripts/demo.py makes .venv with all of it; or pip install --require-hashes -r requirements/run.lock"

STAND_INS = {"opencv-python-headless": ("opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless")}
"""Other packages that bring the same: those who want OpenCV's window have the full build."""

PATIENCE_S = 20
"""For PlatformIO to say its version."""

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
        check_training(LOCK, TRAIN_LOCK, installed_version),
        check_platformio(find_platformio()),
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
    missing, other = _compare(pins, version_of)
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
        return _say.problem("opencv", str(error), "see the message; demo and viewer need OpenCV")
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
        step = INSTALL if has_wheel else "nothing: LiteRT's reference kernels take its place, and reports say so"
        return _say.warning("tflm", str(error), step)
    return _say.ok("tflm", f"tflite-micro {installed_version('tflite-micro')}")


def check_compiler() -> Finding:
    """Return whether the virtual board can be compiled."""
    try:
        from microfer.virtual_board.core_build import find_compiler

        return _say.ok("compiler", find_compiler().version)
    except (MicroferError, ImportError) as error:
        return _say.warning("compiler", str(error), "install one; only the virtual board needs it")


def check_release() -> Finding:
    """Return which model is current, and whether it is here and whole."""
    try:
        from microfer.tflite.metadata import read_metadata
        from microfer.tflite.tflite_file import read

        chosen = current_model()
        return _say.ok("model here", f"{read_metadata(read(chosen.path)).model_id}, {chosen.why}")
    except (MicroferError, ImportError) as error:
        return _say.problem("model here", str(error), "git checkout -- models, or name a .tflite to each command")


def check_training(run_lock: Path, train_lock: Path, version_of: VersionOf) -> Finding:
    """Return whether networks can be trained, pruned and quantized here; to watch a board nobody has to."""
    check = "training"
    try:
        locks = [dict(read_pins(lock.read_text(encoding="utf-8").splitlines())) for lock in (run_lock, train_lock)]
        backend = choose_backend()
    except OSError as error:
        return _say.warning(check, f"{error.filename} cannot be read: {error.strerror}", "git checkout -- requirements")
    except MicroferError as error:
        return _say.problem(check, str(error), "set KERAS_BACKEND as it says")
    pins = {name: wanted for name, wanted in locks[1].items() if name not in locks[0]}
    missing, other = _compare(pins, version_of)
    if "keras" in missing and "tensorflow" in missing:
        return _say.skipped(check, "Keras and TensorFlow are not installed; only training needs them", TRAIN_LOCK_HINT)
    if missing:
        return _say.warning(check, f"missing: {_some(missing)}", TRAIN_LOCK_HINT)
    if other:
        return _say.warning(
            check, f"{len(other)} of {len(pins)} differ from {train_lock.name}: {_some(other)}", TRAIN_LOCK_HINT
        )
    if (version := version_of(backend)) is None:
        return _say.problem(check, f"KERAS_BACKEND={backend} is not installed", f"unset it, or pip install {backend}")
    text = f"Keras {version_of('keras')} on {backend} {version}"
    return _say.ok(check, text if backend == "torch" else f"{text}; with PyTorch it would be faster")


def find_platformio() -> Path | None:
    """Return PlatformIO's command: on the search path, beside this Python, or where its own installer puts it."""
    own = Path.home() / ".platformio" / "penv" / ("Scripts" if sys.platform == "win32" else "bin")
    folders = (None, Path(sys.executable).parent, own)
    found = (shutil.which("pio", path=None if folder is None else str(folder)) for folder in folders)
    return next((Path(path) for path in found if path), None)


def check_platformio(command: Path | None) -> Finding:
    """Return whether the firmware can be built and flashed: PlatformIO's version, or ESP-IDF's folder."""
    check = "platformio"
    if command is None:
        if folder := os.environ.get("IDF_PATH"):
            return _say.ok(check, f"ESP-IDF in {folder} instead")
        text = "neither PlatformIO nor ESP-IDF is here; only building the firmware needs one"
        return _say.skipped(check, text, "python -m pip install platformio; see firmware/README.md")
    try:
        done = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return _say.warning(check, f"{command} does not start: {error}", "python -m pip install --upgrade platformio")
    return _say.ok(check, f"{done.stdout.strip()}, {command}")


def _compare(pins: dict[str, str], version_of: VersionOf) -> tuple[list[str], list[str]]:
    """Return the packages that are missing, and those of another version, with both."""
    missing, other = [], []
    for name, wanted in pins.items():
        found = version_of(name)
        if found is None and not any(version_of(package) for package in STAND_INS.get(name, ())):
            missing.append(name)
        elif found not in {None, wanted}:
            other.append(f"{name} {found} (lock: {wanted})")
    return missing, other


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
