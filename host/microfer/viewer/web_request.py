"""One request to the viewer's web page: its files, the stream of views, the actions."""

import hmac
import io
import json
import re
import socket
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Protocol, cast

from microfer.contract import CROP_SIZE
from microfer.errors import MicroferError
from microfer.files import read_bytes
from microfer.json_reader import JsonError, parse, typed
from microfer.pictures.annotate import COLORS, UNSURE
from microfer.viewer.facts import fact_groups
from microfer.viewer.viewer import KEYS, Viewer

FOLDER = Path(__file__).parent / "page"
FILES = {
    "": ("index.html", "text/html; charset=utf-8"),
    "style.css": ("style.css", "text/css; charset=utf-8"),
    "app.js": ("app.js", "text/javascript; charset=utf-8"),
    "panels.js": ("panels.js", "text/javascript; charset=utf-8"),
    "timeline.js": ("timeline.js", "text/javascript; charset=utf-8"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
}
"""What the page consists of: name in the address, file, content type. Nothing else is read from disk."""

OUR_HOSTS = re.compile(r"(?:127\.0\.0\.1|localhost)(?::[0-9]{1,5})?")
"""What a request may call this computer, on any port, so that one can be forwarded; nothing may stand around it."""

REQUEST_S = 10
"""The longest that a request may take to arrive, whole, and that one write of an answer may wait for its reader."""

LONGEST_BODY_BYTES = 1000
PERIOD_S = 0.03
"""At most one view in this time goes to a page: more often than a board predicts, so that none waits for the next."""

SECURITY = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",  # the address holds the key
    "X-Content-Type-Options": "nosniff",
}


def page_view(viewer: Viewer) -> dict[str, Any]:
    """Return what the page shows now, ready for JSON: the view, and its figures in words."""
    view = viewer.view()
    return {**view.as_dict(), "facts": fact_groups(view)}


def page_constants() -> dict[str, Any]:
    """Return what the page has to know once: the colours of labels, the size of a crop, and the keys."""
    return {"colors": COLORS, "unsure": UNSURE, "crop_size": CROP_SIZE, "keys": KEYS}


class _Arriving(io.RawIOBase):
    """What arrives at a socket, until a deadline for all of it: a byte every few seconds does not keep a thread."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection, self._end_s = connection, time.monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left_s = self._end_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the request took too long to arrive")
        whole_s = self._connection.gettimeout()
        self._connection.settimeout(left_s)
        try:
            return self._connection.recv_into(buffer)
        finally:
            self._connection.settimeout(whole_s)


class Session(Protocol):
    """What a request is answered from: the viewer, the key in its address, and the pages that watch it.

    request_s: how long a request may take to arrive.
    """

    viewer: Viewer
    key: str
    request_s: float

    @property
    def is_over(self) -> bool:
        """Whether there will be no other view."""

    def begin_stream(self) -> bool:
        """Count a page in; false where there are enough of them."""

    def end_stream(self) -> None:
        """Count a page out."""

    def wait_for_change(self, seen: int) -> int:
        """Wait until something arrived since the moment `seen`, not for long; return the moment that it is now."""

    def touch(self) -> None:
        """Let every page have a new view now, as after an action."""


class Handler(BaseHTTPRequestHandler):
    """Answers one request and closes the connection. Its server is a `Session`."""

    timeout = REQUEST_S
    disable_nagle_algorithm = True
    server_version = "microfer"
    sys_version = ""

    def setup(self) -> None:
        """Read the request with one deadline for all of it."""
        super().setup()
        self.rfile = io.BufferedReader(_Arriving(self.connection, self._session.request_s))

    def do_GET(self) -> None:
        """Answer with a file of the page, or with the stream."""
        name = self._name()
        if name is None:
            return
        if name == "events":
            self._stream()
        elif name in FILES:
            file, kind = FILES[name]
            self._answer(HTTPStatus.OK, read_bytes(FOLDER / file), kind)
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such page")

    def do_POST(self) -> None:
        """Do an action: `act/NAME`, with a JSON object of what it needs."""
        name = self._name()
        if name is None:
            return
        origin = self.headers.get("Origin")
        if origin is not None and origin != f"http://{self.headers['Host']}":
            self._refuse(HTTPStatus.FORBIDDEN, "this action was asked for by another page")
            return
        action = ACTIONS.get(name.removeprefix("act/")) if name.startswith("act/") else None
        if action is None:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such action")
            return
        options = self._options()
        if options is None:
            return
        self._act(action, options)

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    @property
    def _session(self) -> Session:
        return cast(Session, self.server)

    def _act(self, action: Callable[[Viewer, Any], object], options: dict[str, Any]) -> None:
        try:
            action(self._session.viewer, options)
        except (KeyError, TypeError) as error:
            self._refuse(HTTPStatus.BAD_REQUEST, f"the action needs other options: {error}")
        except MicroferError as error:
            self._refuse(HTTPStatus.CONFLICT, str(error))
        else:
            self._answer(HTTPStatus.NO_CONTENT)
        self._session.touch()

    def _name(self) -> str | None:
        """Return what stands behind the key; None where the request was refused."""
        hosts = self.headers.get_all("Host", [])
        if len(hosts) != 1 or not OUR_HOSTS.fullmatch(hosts[0]):
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST, "this page answers to 127.0.0.1 and localhost only")
            return None
        key, _, name = self.path.removeprefix("/").partition("/")
        if not hmac.compare_digest(key.encode(), self._session.key.encode()):
            self._refuse(HTTPStatus.NOT_FOUND, "the address lacks this session's key: take it from the terminal")
            return None
        return name

    def _options(self) -> dict[str, Any] | None:
        """Return the JSON object that came with an action; None where the request was refused."""
        if self.headers.get_content_type() != "application/json":
            self._refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected application/json")
            return None
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch("[0-9]{1,4}", length) or int(length) > LONGEST_BODY_BYTES:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected at most {LONGEST_BODY_BYTES} bytes")
            return None
        try:
            return typed(parse(self.rfile.read(int(length)), longest=LONGEST_BODY_BYTES), dict[str, Any])
        except JsonError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, f"expected a JSON object: {error}")
            return None

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self._answer(status, f"{why}\n".encode(), "text/plain; charset=utf-8")

    def _answer(self, status: HTTPStatus, content: bytes = b"", kind: str = "") -> None:
        self._begin(status, kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _begin(self, status: HTTPStatus, kind: str) -> None:
        self.send_response(status)
        for name, value in SECURITY.items():
            self.send_header(name, value)
        if kind:
            self.send_header("Content-Type", kind)

    def _stream(self) -> None:
        if not self._session.begin_stream():
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too many pages are open: close one")
            return
        try:
            self._begin(HTTPStatus.OK, "text/event-stream")
            self.end_headers()
            self._event("constants", page_constants())
            self._views()
        finally:
            self._session.end_stream()

    def _views(self) -> None:
        """Send views, not more often than is good for a browser, until there is none any more; then say why."""
        seen = -1
        while not self._session.is_over:
            begin_s = time.monotonic()
            self._event("view", page_view(self._session.viewer))
            time.sleep(max(0.0, begin_s + PERIOD_S - time.monotonic()))
            seen = self._session.wait_for_change(seen)
        self._event("end", {"text": self._session.viewer.failure or "The viewer has ended."})

    def _event(self, name: str, content: dict[str, Any]) -> None:
        self.wfile.write(f"event: {name}\ndata: {json.dumps(content)}\n\n".encode())


def _pause(viewer: Viewer, options: dict[str, Any]) -> None:
    viewer.pause(_is_on(options))


def _previews(viewer: Viewer, options: dict[str, Any]) -> None:
    viewer.set_previews(_is_on(options))


def _record(viewer: Viewer, options: dict[str, Any]) -> None:
    viewer.record(_is_on(options))


def _speed(viewer: Viewer, options: dict[str, Any]) -> None:
    """Take the speed as text or number, since JSON has no infinity."""
    try:
        speed = float(options["speed"])
    except ValueError as error:
        raise TypeError(f"speed is {error}") from error
    viewer.set_speed(speed)


def _is_on(options: dict[str, Any]) -> bool:
    """Return "on", which has to be told: two pages that both switch previews off must not switch them on."""
    on = options["on"]
    if not isinstance(on, bool):
        raise TypeError("on is true or false")
    return on


ACTIONS: dict[str, Callable[[Viewer, Any], object]] = {
    "pause": _pause,
    "previews": _previews,
    "record": _record,
    "snapshot": lambda viewer, _: viewer.snapshot(),
    "step": lambda viewer, _: viewer.step(),
    "speed": _speed,
    "quit": lambda viewer, _: viewer.quit(),
}
