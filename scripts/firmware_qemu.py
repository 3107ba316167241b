"""Run the firmware without a board, in Espressif's QEMU: `python scripts/firmware_qemu.py .pio/build/qemu`.

pio run -e qemu                                              build it first
python scripts/firmware_qemu.py .pio/build/qemu              boots it; its link waits at socket://localhost:5555
microfer view --port socket://localhost:5555  watches it, from another terminal

QEMU with the ESP32-S3: `python $IDF_PATH/tools/idf_tools.py install qemu-xtensa`, or a release archive from
github.com/espressif/qemu; put qemu-system-xtensa on PATH, or name it with --qemu. Standard library alone.
"""

import argparse
import os
import sys
from pathlib import Path

import environment


def main() -> int:
    """Make the flash image, start QEMU, wait for it."""
    from microfer.errors import MicroferError
    from microfer.studies.chip.emulator import find_qemu, flash_image, qemu_command

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path, help="build folder of the environment qemu")
    parser.add_argument("--port", type=int, default=5555, help="TCP port of the link (default: 5555)")
    parser.add_argument("--wait", action="store_true", help="boot only when a program is connected")
    parser.add_argument("--qemu", type=Path, help="qemu-system-xtensa (default: that on PATH, or ESP-IDF's)")
    options = parser.parse_args()
    try:
        content = flash_image(options.build)
        qemu = options.qemu or find_qemu()
    except MicroferError as error:
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
    sys.path.insert(0, str(environment.ROOT / "host"))
    sys.exit(main())
