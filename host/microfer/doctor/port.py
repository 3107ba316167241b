"""The doctor's look at serial ports: which are there, may this user open them, does another program have them."""

import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

from microfer.doctor.finding import Finding, Group
from microfer.link.connection import Connection
from microfer.link.ports import VIRTUAL_BOARD, FoundPort, PortError, find_ports, full_name, only_port

_say = Group("port")


def choose_port(named: str | None, found: Sequence[FoundPort]) -> tuple[str | None, list[Finding]]:
    """Return the port to look at and what there is to say of the choice. No port: there is none, or several."""
    listed = "; ".join(port.describe() for port in found)
    if named is not None:
        return full_name(named), [_say.ok("boards on USB", listed or "none; --port names one")]
    try:
        return only_port(list(found)).device, [_say.ok("boards on USB", listed)]
    except PortError as error:
        if not found:  # which many a computer has by right: it trains, or runs the demo
            text, _, step = str(error).partition(". ")
            return None, [_say.warning("boards on USB", text, f"plug one in. {step}")]
        step = "choose one with --port" if len(found) > 1 else f"see there; {VIRTUAL_BOARD}"
        return None, [_say.problem("boards on USB", str(error), step)]


def check_permission(port: str) -> Finding:
    """Return whether this user may read and write the port's device."""
    if "://" in port or sys.platform == "win32":
        return _say.skipped("permission", "this kind of port needs none")
    path = Path(port)
    try:
        mode = path.stat().st_mode
    except OSError as error:
        here = ", ".join(found.device for found in find_ports()) or "none"
        return _say.problem(
            "permission", f"{port}: {error.strerror}", f"is the board plugged in? Boards found: {here}; see --port"
        )
    if not stat.S_ISCHR(mode):
        return _say.problem("permission", f"{port} is not a device", "name a serial port, such as /dev/ttyACM0")
    if os.access(port, os.R_OK | os.W_OK):
        return _say.ok("permission", f"{port} may be read and written")
    group = _group(path)
    return _say.problem(
        "permission",
        f"{port} belongs to the group {group}, and this user may not open it",
        f"sudo usermod -aG {group} $USER, then log out and in again",
    )


def open_connection(connection: Connection) -> Finding:
    """Open the port and return whether it could be; a busy one is named as such."""
    try:
        connection.open()
    except PortError as error:
        text, _, step = str(error).partition(". ")
        return _say.problem("open", text, step or "unplug the board, plug it in again")
    return _say.ok("open", f"{connection.port} is open, and no other program uses it")


def _group(path: Path) -> str:
    try:
        return path.group()
    except (OSError, KeyError):
        return "dialout"
