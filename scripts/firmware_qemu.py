"""Run the firmware without a board, in Espressif's QEMU: `python scripts/firmware_qemu.py .pio/build/qemu`.

pio run -e qemu                                              build it first
python scripts/firmware_qemu.py .pio/build/qemu              boots it; its link waits at socket://localhost:5555
python host/serial_viewer.py --port socket://localhost:5555  watches it, from another terminal

QEMU with the ESP32-S3: `python $IDF_PATH/tools/idf_tools.py install qemu-xtensa`, or a release archive from
github.com/espressif/qemu; put qemu-system-xtensa on PATH, or name it with --qemu. Standard library alone.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

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


class RunError(Exception):
    """Why QEMU cannot be started, and what to do."""


def flash_image(build: Path) -> bytes:
    """Return the content of the chip's whole flash, from the images in a build folder; 0xFF where nothing is.

    Raises:
        RunError: an image is missing or has no room.
    """
    flash = bytearray(b"\xff" * FLASH_BYTES)
    for i, (offset, names) in enumerate(IMAGES):
        found = [build / name for name in names if (build / name).is_file()]
        if not found:
            raise RunError(f"{build} has no {' or '.join(names)}; build it first: pio run -e qemu")
        content = found[0].read_bytes()
        end = IMAGES[i + 1][0] if i + 1 < len(IMAGES) else FLASH_BYTES
        if offset + len(content) > end:
            raise RunError(f"{found[0]} has {len(content)} bytes, {end - offset} have room")
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
    """Return QEMU's program: that on PATH, or the newest that ESP-IDF has installed; raises RunError."""
    if on_path := shutil.which("qemu-system-xtensa"):
        return Path(on_path)
    tools = Path(os.environ.get("IDF_TOOLS_PATH", Path.home() / ".espressif"))
    installed = sorted(tools.glob("tools/qemu-xtensa/*/qemu/bin/qemu-system-xtensa*"))
    if not installed:
        raise RunError(MISSING_QEMU)
    return installed[-1]


def main() -> int:
    """Make the flash image, start QEMU, wait for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path, help="build folder of the environment qemu")
    parser.add_argument("--port", type=int, default=5555, help="TCP port of the link (default: 5555)")
    parser.add_argument("--wait", action="store_true", help="boot only when a program is connected")
    parser.add_argument("--qemu", type=Path, help="qemu-system-xtensa (default: that on PATH, or ESP-IDF's)")
    options = parser.parse_args()
    try:
        content = flash_image(options.build)
        qemu = options.qemu or find_qemu()
    except RunError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    flash = options.build / "flash.bin"
    flash.write_bytes(content)
    print(f"the link is at socket://localhost:{options.port}; Ctrl-C ends it", file=sys.stderr)
    command = qemu_command(qemu, flash, options.port, options.wait)
    try:
        os.execv(command[0], command)  # noqa: S606 - QEMU takes this program's place, and with it Ctrl-C
    except OSError as error:
        print(f"error: {command[0]} does not start: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
