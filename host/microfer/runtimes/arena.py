"""How much tensor arena a model needs, measured on the host's TFLM."""

import subprocess
import sys
from pathlib import Path

from microfer.errors import MicroferError
from microfer.runtimes.runners import LiteRTRunner, has_tflm, tflm_runtime
from microfer.tflite import tflite_file
from microfer.tflite.metadata import Arena
from microfer.versions import package_versions

TIMEOUT_S = 300


def measure_arena(tflite: bytes | Path | str) -> int:
    """Return the smallest arena, in bytes and a multiple of 16, with which TFLM loads the model and runs it.

    This is the host's figure: its pointers are twice as wide as the ESP32-S3's, and ESP-NN's scratch, which the
    board takes from the same arena, is not in it. Never write it down as the device's.

    Raises:
        MicroferError: the model is corrupt, TFLM has no wheel for this machine, or TFLM cannot run the model.
    """
    tflm_runtime()
    model = tflite_file.read(tflite)
    LiteRTRunner(model.content, model.name)  # verifies the file: TFLM would crash on a corrupt one
    command = [sys.executable, "-P", str(Path(__file__).with_name("arena_probe.py"))]
    try:
        probe = subprocess.run(command, input=model.content, capture_output=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise MicroferError(f"{model.name}: TFLM took more than {TIMEOUT_S} s to be measured") from error
    if probe.returncode != 0:
        reason = probe.stderr.decode(errors="replace").strip().splitlines()
        raise MicroferError(f"{model.name}: TFLM cannot run it: {' / '.join(reason[-3:]) or probe.returncode}")
    return int(probe.stdout)


def measured_arena(tflite: bytes) -> Arena | None:
    """Return the arena for a model's metadata, None on a machine for which TFLM has no wheel.

    Raises:
        MicroferError: the model is corrupt, or TFLM cannot run it.
    """
    if not has_tflm():
        return None
    version = package_versions()["tflite-micro"]
    return Arena(measure_arena(tflite), f"host: tflite-micro {version}, Linux x86-64")
