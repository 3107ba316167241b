"""Single keys from the terminal, without waiting for them and without the Enter key, on POSIX and on Windows."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_ESCAPE = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z~]|O.)?")
"""What arrow and function keys send."""


class Keys:
    """Gives the keys that were pressed; none, ever, where standard input is no terminal."""

    def __init__(self) -> None:
        self.active = False

    def pressed(self) -> list[str]:
        """Return the keys since the last call, at once."""
        return _read_waiting() if self.active else []


if sys.platform == "win32":
    import msvcrt

    def _read_waiting() -> list[str]:
        found = []
        while msvcrt.kbhit():
            key = msvcrt.getwch()
            if key in "\0\xe0":
                msvcrt.getwch()  # the second half of a function or arrow key
                continue
            if key == "\x03":
                raise KeyboardInterrupt
            found.append(key)
        return found

    @contextmanager
    def terminal_keys() -> Iterator[Keys]:
        """Yield the keys of the terminal."""
        keys = Keys()
        keys.active = sys.stdin is not None and sys.stdin.isatty()
        yield keys

else:
    import select
    import termios
    import tty

    def _read_waiting() -> list[str]:
        handle, content = sys.stdin.fileno(), b""
        while select.select([handle], [], [], 0)[0]:
            piece = os.read(handle, 256)
            if not piece:
                break
            content += piece
        return list(_ESCAPE.sub("", content.decode(errors="ignore")))

    @contextmanager
    def terminal_keys() -> Iterator[Keys]:
        """Yield the keys of the terminal, which is as it was afterwards, whatever happens. Ctrl-C stays Ctrl-C."""
        keys = Keys()
        if sys.stdin is None or sys.stdin.closed or not sys.stdin.isatty():
            yield keys
            return
        before = termios.tcgetattr(sys.stdin)
        try:
            tty.setcbreak(sys.stdin)
            keys.active = True
            yield keys
        finally:
            keys.active = False
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
