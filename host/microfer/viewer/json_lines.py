"""Events as JSON, one object a line, for scripts."""

import base64
import re
from dataclasses import asdict, fields
from typing import Any

from microfer.link.events import Timed
from microfer.link.layout import Code
from microfer.link.messages import Hello, Prediction
from microfer.link.reader import Received
from microfer.viewer.view import View
from microfer.viewer.view_model import frame_view

_WORDS = re.compile(r"(?<!^)(?=[A-Z])")


def line_of(timed: Timed, hello: Hello | None = None) -> dict[str, Any]:
    """Return an event as JSON: its name under "event", its time under "at", and its fields.

    Messages have their sequence number, how many frames are missing before them, and the fields of
    `microfer.link.messages`, codes by their names, bytes in base64 or, for hashes, in hexadecimal. A prediction has
    what a viewer makes of it under "view"; `hello`, the board's, tells what its classes are called.
    """
    event = timed.event
    if not isinstance(event, Received):
        return {"event": _name(event), "at": timed.at.iso(), **_fields(event)}
    message = event.message
    line = {"event": _name(message), "at": timed.at.iso(), "sequence": event.sequence, "missed": event.missed}
    line |= _fields(message)
    if isinstance(message, Prediction):
        view = frame_view(timed.at, message, hello)
        line["view"] = asdict(view) | {"headline": view.headline}
    return line


class JsonLines:
    """The lines of events in their order: a prediction's has the labels that the board's hello told before it."""

    def __init__(self) -> None:
        self._hello: Hello | None = None

    def line(self, timed: Timed) -> dict[str, Any]:
        """Return the line of the next event, see `line_of`."""
        message = timed.event.message if isinstance(timed.event, Received) else None
        if isinstance(message, Hello):
            self._hello = message
        return line_of(timed, self._hello)


def summary_of(view: View) -> dict[str, Any]:
    """Return the last line: where every frame went, and the rates at the end."""
    return {
        "event": "summary",
        "at": view.at,
        "port": view.port,
        "state": str(view.state),
        "state_text": view.state_text,
        "frames": asdict(view.frames),
        "link": asdict(view.link),
        "fps_board": view.fps_board,
        "fps_arrival": view.fps_arrival,
        "warnings": list(view.warnings),
    }


def _fields(event: object) -> dict[str, Any]:
    return {field.name: _plain(field.name, getattr(event, field.name)) for field in fields(event)}  # type: ignore[arg-type]


def _plain(name: str, value: object) -> object:
    if isinstance(value, Code):
        return value.name.lower()
    if isinstance(value, bytes):
        return value.hex() if name.endswith("sha256") else base64.b64encode(value).decode()
    return str(value) if isinstance(value, str) else value


def _name(event: object) -> str:
    """Return the class name in lower case with underscores, such as "crop_preview"."""
    return _WORDS.sub("_", type(event).__name__).lower()
