"""The ESP32-S3 that Espressif's QEMU emulates: the firmware in it, and test programs whose instructions it counts.

Standard library alone.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from microfer.errors import MicroferError
from microfer.files import read_bytes
from microfer.json_reader import read_json

FLASH_BYTES = 8 * 1024 * 1024
IMAGES = (
    # Offset in flash, and the file as PlatformIO or as idf.py names it.
    (0x0, ("bootloader.bin", "bootloader/bootloader.bin")),
    (0x8000, ("partitions.bin", "partition_table/partition-table.bin")),
    (0x10000, ("firmware.bin", "microfer.bin")),
)
MISSING_QEMU = """qemu-system-xtensa with the ESP32-S3 is not found: install it with
`python $IDF_PATH/tools/idf_tools.py install qemu-xtensa`, or unpack a release of github.com/espressif/qemu and name
the program with --qemu"""

INSTRUCTIONS_PER_US = 250
"""QEMU's -icount shift=2: an instruction takes 4 ns of the emulated time."""


def flash_image(build: Path) -> bytes:
    """Return the content of the chip's whole flash, from the images in a build folder; 0xFF where nothing is.

    Raises:
        MicroferError: an image is missing or has no room.
    """
    flash = bytearray(b"\xff" * FLASH_BYTES)
    for i, (offset, names) in enumerate(IMAGES):
        found = [build / name for name in names if (build / name).is_file()]
        if not found:
            raise MicroferError(f"{build} has no {' or '.join(names)}; build it first: pio run -e qemu")
        content = found[0].read_bytes()
        end = IMAGES[i + 1][0] if i + 1 < len(IMAGES) else FLASH_BYTES
        if offset + len(content) > end:
            raise MicroferError(f"{found[0]} has {len(content)} bytes, {end - offset} have room")
        flash[offset : offset + len(content)] = content
    return bytes(flash)


def qemu_command(qemu: Path | str, flash: Path, port: int, wait: bool) -> list[str]:
    """Return QEMU's command line: 8 MB of octal PSRAM, the flash, and UART0 as a TCP server on this computer.

    port: 0 lets the system choose one. wait: do not boot before somebody is connected, so that nothing is missed.
    """
    link = f"socket,id=link,host=127.0.0.1,port={port},server=on,wait={'on' if wait else 'off'},nodelay=on"
    return [
        *(str(qemu), "-machine", "esp32s3", "-m", "8M"),
        *("-global", "driver=ssi_psram,property=is_octal,value=true"),
        *("-drive", f"file={flash},if=mtd,format=raw"),
        *("-chardev", link, "-serial", "chardev:link"),
        *("-nic", "none", "-display", "none", "-monitor", "none"),
    ]


def find_qemu() -> Path:
    """Return QEMU's program: that on PATH, or the newest that ESP-IDF has installed; raises MicroferError."""
    if on_path := shutil.which("qemu-system-xtensa"):
        return Path(on_path)
    tools = Path(os.environ.get("IDF_TOOLS_PATH", Path.home() / ".espressif"))
    installed = sorted(tools.glob("tools/qemu-xtensa/*/qemu/bin/qemu-system-xtensa*"))
    if not installed:
        raise MicroferError(MISSING_QEMU)
    return installed[-1]


def flash_of(build: Path, more: Mapping[int, bytes]) -> bytes:
    """Return the flash that a build's flasher_args.json describes, and what else is to lie in it, by offset.

    Raises:
        MicroferError: the folder holds no build.
    """
    listed = build / "flasher_args.json"
    if not listed.is_file():
        raise MicroferError(f"{build} has no flasher_args.json; build the program there first, as idf.py does")
    files = read_json(listed, dict[str, Any], "build the program again")["flash_files"]
    parts = {int(at, 0): read_bytes(build / name) for at, name in files.items()}
    flash = bytearray(b"\xff" * FLASH_BYTES)
    for offset, content in {**parts, **more}.items():
        flash[offset : offset + len(content)] = content
    return bytes(flash)


def run_until_end(flash: bytes, folder: Path, seconds: int) -> str:
    """Boot the flash and return what the program prints on UART0 until its line `end`.

    folder: where flash.bin and printed.txt are written.

    Raises:
        MicroferError: there is no QEMU, it ends early, or no such line comes in time.
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
        raise MicroferError(f"no line 'end' after {seconds} s; the last ones are:\n" + "\n".join(lines[-5:]))
    return "\n".join(lines)
