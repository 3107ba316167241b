"""The viewer as a web page: an HTTP server for this computer alone, with a stream of views and a few actions.

It listens on 127.0.0.1 only, and everything that it serves lies behind a key in the address, which is new in each
session: a page from elsewhere that runs in the same browser can neither read nor command anything. A request that names
another host, as one does after DNS rebinding, is refused whatever its key.
"""

import os
import secrets
import socketserver
import sys
import threading
import webbrowser
from collections.abc import Callable
from typing import Self

from microfer.console import console
from microfer.errors import MicroferError
from microfer.link.events import Timed
from microfer.viewer.viewer import Viewer
from microfer.viewer.web_request import REQUEST_S, Handler

HOST = "127.0.0.1"
KEY_BYTES = 16
ENOUGH_STREAMS = 8
"""Pages at a time. Each costs a thread that makes JSON; nobody watches more."""

QUIET_S = 0.25
"""At least one view in this time does, so that ages and the timeline move on."""

TOGETHER_S = 0.003
"""How long to wait after an arrival: a prediction's crop comes right behind it, and both are to be seen at once."""


class WebServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Serves one viewer's page from `with` on; starting and closing the viewer is left to its owner."""

    daemon_threads = True
    allow_reuse_address = sys.platform != "win32"  # there it would let another program take the port as well
    request_queue_size = 16
    request_s: float = REQUEST_S
    """How long a request may take to arrive."""

    def __init__(self, viewer: Viewer, port: int = 0) -> None:
        """Take a port of 127.0.0.1; 0 = any that is free.

        Raises:
            MicroferError: the port is taken or not allowed.
        """
        self.viewer = viewer
        self.key = secrets.token_urlsafe(KEY_BYTES)
        self._arrivals = 0
        self._streams = 0
        self._is_stopping = False
        self._changed = threading.Condition()
        self._listener: Callable[[Timed], None] | None = None
        try:
            super().__init__((HOST, port), Handler)
        except (OSError, OverflowError) as error:
            raise MicroferError(
                f"cannot serve the page on port {port} of this computer: {error}; choose another one with "
                "--web-port, or leave it out for any that is free"
            ) from error

    def __enter__(self) -> Self:
        self._listener, self.viewer.listener = self.viewer.listener, self._arrived
        threading.Thread(target=self.serve_forever, args=(0.05,), name="web", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the streams, each with its last word, and let go of the port."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._streams == 0, timeout=1.0)
        self.viewer.listener = self._listener
        self.shutdown()
        self.server_close()

    @property
    def url(self) -> str:
        """The page's address, key included."""
        return f"http://{HOST}:{self.server_address[1]}/{self.key}/"

    @property
    def is_over(self) -> bool:
        """Whether there will be no other view."""
        return self._is_stopping or self.viewer.finished.is_set()

    def begin_stream(self) -> bool:
        """Count a page in; false where there are enough of them."""
        with self._changed:
            if self._streams >= ENOUGH_STREAMS:
                return False
            self._streams += 1
            return True

    def end_stream(self) -> None:
        """Count a page out."""
        with self._changed:
            self._streams -= 1
            self._changed.notify_all()

    def wait_for_change(self, seen: int) -> int:
        """Wait until something arrived since the moment `seen`, not for long; return the moment that it is now."""
        with self._changed:
            if self._changed.wait_for(lambda: self._arrivals != seen or self._is_stopping, timeout=QUIET_S):
                self._changed.wait_for(lambda: self._is_stopping, timeout=TOGETHER_S)
            return self._arrivals

    def touch(self) -> None:
        """Let every page have a new view now, as after an action."""
        with self._changed:
            self._arrivals += 1
            self._changed.notify_all()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing about a page that was closed in the middle; anything else is a bug and is printed."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    def _arrived(self, timed: Timed) -> None:
        if self._listener is not None:
            self._listener(timed)
        self.touch()


def serve(viewer: Viewer, port: int = 0, browser: bool = True) -> None:
    """Start the viewer and show it as a web page until it has finished; print the page's address.

    port: of 127.0.0.1, 0 = any that is free. browser: open the page in the user's browser.

    Raises:
        MicroferError: the port is taken.
        KeyboardInterrupt: Ctrl-C, after the pages were told.
    """
    with WebServer(viewer, port) as server:
        console.print(f"watching at {server.url}", highlight=False, soft_wrap=True)
        console.print("only this computer can open it; quit there, or with Ctrl-C here", style="dim")
        viewer.start()
        if browser and not _open(server.url):
            console.print("no browser could be started: open the address in one", style="dim")
        while not viewer.finished.wait(0.2):  # without a limit, Windows would not hear Ctrl-C
            pass


def _open(url: str) -> bool:
    """Open the page in the user's browser and return whether there is one; one inside the terminal does not count."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    try:
        return webbrowser.open(url)
    except webbrowser.Error:
        return False
