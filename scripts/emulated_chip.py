"""Run a test program in the emulated ESP32-S3, counting its instructions: what the scripts that measure on it share."""

import json
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from firmware_qemu import FLASH_BYTES, RunError, find_qemu, qemu_command

INSTRUCTIONS_PER_US = 250
"""QEMU's -icount shift=2: an instruction takes 4 ns of the emulated time."""


def flash_of(build: Path, more: Mapping[int, bytes]) -> bytes:
    """Return the flash that a build's flasher_args.json describes, and what else is to lie in it, by offset.

    Raises:
        RunError: the folder holds no build.
    """
    listed = build / "flasher_args.json"
    if not listed.is_file():
        raise RunError(f"{build} has no flasher_args.json; build the program there first, as idf.py does")
    parts = {
        int(at, 0): (build / name).read_bytes() for at, name in json.loads(listed.read_text())["flash_files"].items()
    }
    flash = bytearray(b"\xff" * FLASH_BYTES)
    for offset, content in {**parts, **more}.items():
        flash[offset : offset + len(content)] = content
    return bytes(flash)


def run_until_end(flash: bytes, folder: Path, seconds: int) -> str:
    """Boot the flash and return what the program prints on UART0 until its line `end`.

    folder: where flash.bin and printed.txt are written.

    Raises:
        RunError: there is no QEMU, it ends early, or no such line comes in time.
    """
    image, printed = folder / "flash.bin", folder / "printed.txt"
    image.write_bytes(flash)
    printed.unlink(missing_ok=True)
    command = qemu_command(find_qemu(), image, 0, wait=False)
    at = command.index("-chardev")
    command[at : at + 4] = ["-serial", f"file:{printed}"]
    command += ["-icount", "shift=2,sleep=off", "-global", "driver=timer.esp32s3.timg,property=wdt_disable,value=true"]
    lines: list[str] = []
    with subprocess.Popen(command) as qemu:
        try:
            for _ in range(seconds):
                time.sleep(1)
                lines = printed.read_text(errors="replace").splitlines() if printed.is_file() else []
                if "end" in lines or qemu.poll() is not None:
                    break
        finally:
            qemu.terminate()
    if "end" not in lines:
        raise RunError(f"no line 'end' after {seconds} s; the last ones are:\n" + "\n".join(lines[-5:]))
    return "\n".join(lines)
