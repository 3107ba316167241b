"""Serial ports: which of them are boards, what to do where none or several are, and opening one without a reset.

A port is what pyserial's `serial_for_url` takes: /dev/ttyACM0, COM5, socket://host:port, rfc2217://host:port.
"""

import errno
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import serial
from serial.tools import list_ports

from microfer.errors import MicroferError

DEFAULT_BAUD = 921_600
"""For boards behind a UART bridge; USB-Serial-JTAG and sockets ignore it."""

WRITE_TIMEOUT_S = 2.0

READ_TIMEOUT_S = 0.1
"""Only where a port cannot be waited for in another way, see `microfer.link.connection`."""

PORT_ERRORS: tuple[type[Exception], ...] = (OSError, ValueError, TypeError)
"""What pyserial raises when a port fails; its SerialException is an OSError, termios' error (POSIX) is not."""
if sys.platform != "win32":
    import termios

    PORT_ERRORS += (termios.error,)

VIRTUAL_BOARD = "without a board: start the virtual one with `microfer virtual-board`, and use the port that it prints"


class PortError(MicroferError):
    """A port that cannot be opened or found; the message holds what to do."""


@dataclass(frozen=True)
class UsbId:
    """What a USB vendor and product number mean; product None stands for all others of the vendor."""

    vendor: int
    product: int | None
    adapter: str
    boards: str
    advice: str = ""
    """Set where this id says that the board does not run microfer's firmware."""


_FLASH = "it runs other firmware: hold BOOT while plugging it in, then flash microfer's"

USB_IDS = (
    UsbId(
        0x303A,
        0x1001,
        "USB-Serial-JTAG of the ESP32-S3",
        "XIAO ESP32S3 Sense, ESP32-S3-EYE, Freenove ESP32-S3-WROOM CAM, Adafruit MEMENTO",
    ),
    UsbId(0x303A, None, "Espressif USB", "an ESP32-S3 board with a USB stack of its own"),
    UsbId(0x10C4, 0xEA60, "CP210x USB to UART", "ESP32-S3-DevKitC and boards like it"),
    UsbId(0x1A86, 0x55D3, "CH343 USB to UART", "Freenove ESP32-S3-WROOM CAM (its socket UART), newer ESP32-S3-DevKitC"),
    UsbId(0x1A86, 0x55D4, "CH9102 USB to UART", "boards with a CH9102"),
    UsbId(0x1A86, 0x7523, "CH340 USB to UART", "boards with a CH340"),
    UsbId(0x0403, 0x6001, "FTDI USB to UART", "boards with a FT232R"),
    UsbId(0x2886, None, "Seeed USB", "XIAO ESP32S3 Sense", _FLASH),
    UsbId(0x239A, None, "Adafruit USB", "Adafruit MEMENTO", _FLASH),
)
"""In the order of asking: a product before the rest of its vendor. UART bridges may be on anything else, too."""


@dataclass(frozen=True)
class FoundPort:
    """A serial port whose USB numbers are those of a board, or of a bridge that boards have.

    device: its name for opening. serial_number: of the USB device, "" where it has none.
    """

    device: str
    usb: UsbId
    vendor: int
    product: int
    serial_number: str

    def describe(self) -> str:
        """Return one line for people."""
        ids = f"{self.vendor:04X}:{self.product:04X}"
        return f"{self.device}: {self.usb.adapter} ({ids}), as on {self.usb.boards}"


def find_ports(listed: Iterable[Any] | None = None) -> list[FoundPort]:
    """Return the ports that may be boards, sorted by device. listed: pyserial's `comports()` when not given."""
    found = []
    for port in list_ports.comports() if listed is None else listed:
        usb = next((usb for usb in USB_IDS if usb.vendor == port.vid and usb.product in {None, port.pid}), None)
        if usb is not None:
            found.append(FoundPort(port.device, usb, port.vid, port.pid, port.serial_number or ""))
    return sorted(found, key=lambda port: port.device)


def only_port(found: list[FoundPort]) -> FoundPort:
    """Return the one board among the ports found.

    Raises:
        PortError: there is none, or several may be it; the text says what was found and what to do.
    """
    able = [port for port in found if not port.usb.advice]
    if len(able) == 1:
        return able[0]
    if able:
        lines = "".join(f"\n  {port.describe()}" for port in able)
        raise PortError(f"{len(able)} ports may be the board; choose one with --port:{lines}")
    if found:
        lines = "".join(f"\n  {port.describe()}: {port.usb.advice}" for port in found)
        raise PortError(f"there is a board, but it does not speak microfer's link:{lines}")
    raise PortError(
        "no board was found on USB. Is it a data cable, not one for charging only? "
        f"{_no_port_advice()}; give a port that is not USB with --port; {VIRTUAL_BOARD}"
    )


def full_name(port: str) -> str:
    """Return `port` as pyserial wants it: a bare HOST:PORT, such as 127.0.0.1:5333, gets its `socket://`."""
    is_address = re.fullmatch(r"(\[[0-9a-fA-F:]+\]|[\w.-]+):\d+", port) and not Path(port).exists()
    return f"socket://{port}" if is_address else port


def open_port(name: str, baud: int = DEFAULT_BAUD) -> Any:
    """Return the opened port, a `serial.Serial` or what stands for it behind a URL; reading returns at once or soon.

    DTR and RTS are asserted both, which neither USB-Serial-JTAG nor the two transistors beside a UART bridge take for
    a reset: only one of the two alone does that. The system raises both when it opens a port, so asking for anything
    else would make an edge with one of them alone. A POSIX port is locked, so that no two programs share its bytes.

    Raises:
        PortError: it cannot be opened; the text says what to do.
    """
    name = full_name(name)
    _check_address(name)
    # pyserial's RFC 2217 refuses a write timeout; it writes into a socket, which takes what the network does not.
    write_timeout_s = None if name.lower().startswith("rfc2217:") else WRITE_TIMEOUT_S
    try:
        port = serial.serial_for_url(
            name, baudrate=baud, timeout=READ_TIMEOUT_S, write_timeout=write_timeout_s, exclusive=True, do_not_open=True
        )
        port.dtr = True
        port.rts = True
        port.open()
    except PORT_ERRORS as error:
        raise PortError(f"cannot open {name}: {_reason(error)}. {_advice(name, error)}") from error
    return port


def _check_address(name: str) -> None:
    """Refuse a network address without host or port, of which pyserial speaks in terms of its own code."""
    if not name.lower().startswith(("socket:", "rfc2217:")):
        return
    try:
        address = urlsplit(name)
        complete = bool(address.hostname and address.port)
    except ValueError:
        complete = False
    if not complete:
        raise PortError(f"{name} does not name a host and a port: expected something like socket://127.0.0.1:5333")


def same_device(before: FoundPort, found: Iterable[FoundPort]) -> FoundPort | None:
    """Return the port of the USB device that was at `before`: after unplugging, its name may be another."""
    for port in found:
        if (port.vendor, port.product, port.serial_number) == (before.vendor, before.product, before.serial_number):
            return port
    return None


def _reason(error: Exception) -> str:
    number = _number(error)
    return str(error) if number is None else os.strerror(number).lower()


def _number(error: BaseException) -> int | None:
    """Return the system's number of an error, or of the one from which pyserial made it."""
    number = getattr(error, "errno", None)
    if number is None and isinstance(error, PORT_ERRORS) and error.args:  # termios' error has no other place for it
        number = error.args[0]
    if isinstance(number, int):
        return number
    return None if error.__context__ is None else _number(error.__context__)


def _advice(name: str, error: Exception) -> str:
    """Return what to do about a port that does not open, from the error's number or, without one, its text."""
    number, text = _number(error), str(error).lower()
    if "://" in name:
        if not isinstance(error, OSError):
            return "Expected socket://HOST:PORT, rfc2217://HOST:PORT, or the name of a serial port"
        return "Does anything listen there? A virtual board does: `microfer virtual-board`"
    if number in {errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK} or (sys.platform == "win32" and "permission" in text):
        return "Another program uses it: close monitors and viewers, then try again"
    if number in {errno.EACCES, errno.EPERM}:
        return f"You may not use it: {_permission_advice(name)}"
    if name.isdigit():
        return f"A number alone is not a port: write socket://127.0.0.1:{name} for a TCP port of this computer"
    if number == errno.ENOTTY:
        return "It is not a serial port"
    if number == errno.ENOENT or "filenotfound" in text:
        here = ", ".join(port.device for port in find_ports()) or "none"
        return f"There is no such port. Boards found: {here}. {_no_port_advice()}"
    return "Unplug the board, plug it in again, and try again"


def _permission_advice(name: str) -> str:
    group = "dialout"
    if sys.platform == "linux":
        try:
            group = Path(name).group()
        except (OSError, KeyError):
            group = "dialout"
        return f"sudo usermod -aG {group} $USER, then log out and in again"
    return "run as a user who may open serial ports"


def _no_port_advice() -> str:
    """Return what this system needs before a board's port is there."""
    if sys.platform == "win32":
        return "A CP210x or CH34x bridge needs its driver (Silicon Labs, WCH); USB-Serial-JTAG needs none"
    if sys.platform == "darwin":
        return "Ports are called /dev/cu.usbmodem... or /dev/cu.usbserial...; a CH34x bridge may need WCH's driver"
    if _is_wsl():
        return "WSL does not see USB devices: on Windows, run `usbipd list`, then `usbipd attach --wsl --busid BUSID`"
    return "`sudo dmesg | tail` after plugging in shows whether the system sees it, and under which name"


def _is_wsl() -> bool:
    try:
        return "microsoft" in Path("/proc/version").read_text().lower()
    except OSError:
        return False
