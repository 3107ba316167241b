"""The viewer without any user interface: terminal, web page and window all drive this one object.

A source feeds it, either by `poll` in the caller's thread or, after `start`, in a thread of its own; everything else
may be called from any thread.
"""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Self

from microfer.errors import MicroferError
from microfer.files import write_bytes, write_json
from microfer.link.events import Instant, LinkChange, Opened, Timed
from microfer.link.messages import AskHello, Prediction
from microfer.link.reader import Received
from microfer.link.recording import SUFFIX, Recorder
from microfer.link.source import LiveSource, Replay, Source
from microfer.link.stream import StreamWish
from microfer.link.warnings import ExpectedModel
from microfer.viewer.picture import png
from microfer.viewer.view import View
from microfer.viewer.view_model import ViewModel

REFUSAL_S = 2.0
"""How long a board of another protocol version has for its hello, so that the refusal can name it."""

POLL_S = 0.05

KEYS = (
    ("p", "pause", "pause and resume"),
    ("s", "snapshot", "save the view as PNG and JSON"),
    ("v", "previews", "ask the board for its crops, or stop that"),
    ("r", "record", "record the link into a file, or stop that"),
    ("n", "step", "next prediction, where a recording is played step by step"),
    ("q", "quit", "quit"),
)
"""Key, name of the action, and what it does. Space is "p", or "n" in a recording that is played step by step."""


class Viewer:
    """Owns a source, its view model and the recorder.

    `finished` is set once nothing will follow: after `quit`, at a recording's end, at a limit, or on a failure, which
    `failure` names.
    """

    def __init__(
        self,
        source: Source,
        previews: bool = False,
        record: Path | str | None = None,
        snapshots: Path | str = "captures",
        frames: int | None = None,
        seconds: float | None = None,
        linger: bool = False,
        expected: ExpectedModel | None = None,
    ) -> None:
        """Take a source; open nothing but the recording.

        previews: whether to ask the board for its crops. record: file to record into from the start. snapshots: folder
        for snapshots and for recordings that a key starts. frames, seconds: finish after so many predictions, or after
        so long. linger: a recording's end does not finish the viewer, so that its last view can be looked at.
        expected: the model that the board should run, if any.

        Raises:
            MicroferError: the recording cannot be written.
        """
        self.source = source
        self.finished = threading.Event()
        self.news = threading.Event()
        """Is set whenever there is something new to see; whoever draws clears it before drawing."""
        self.failure = ""
        self.recording_failure = ""
        """Why a recording ended before it was to; what it held until then can be played."""
        self.arrived = 0
        """Predictions that were taken into the view."""
        self.listener: Callable[[Timed], None] | None = None
        """Is given each event after the view has taken it, in the thread that polls."""
        self._folder = Path(snapshots)
        self._frames, self._seconds, self._linger = frames, seconds, linger
        self._begin_s = time.monotonic()
        self._model = ViewModel(expected)
        self._lock = threading.RLock()
        self._wish = StreamWish(previews)
        self._refused_s = 0.0
        self._ask_hello = False
        self._frozen: View | None = None
        self._notice = ""
        self._recorder: Recorder | None = None
        self._thread: threading.Thread | None = None
        self._crash: BaseException | None = None
        if record is not None:
            self._recorder = Recorder(record, source.port)
        if isinstance(source, LiveSource):
            source.connection.tap = self._tap

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Feed the view in a thread of its own until `finished`; do nothing where that is so already."""
        if self._thread is not None:
            return
        self._thread = threading.Thread(target=self._run, name="viewer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Finish: stop the thread, tell the board to stop its previews, close port and recording."""
        self._end()
        if self._thread is not None:
            if self._thread.ident is not None:  # Ctrl-C may have come before it began
                self._thread.join()
            self._thread = None
        with ExitStack() as last:  # all of it, also where Ctrl-C comes meanwhile or the disk is full
            last.callback(self.source.close)
            if self._wish.previews:
                last.callback(self.source.end_previews)
            with self._lock:
                self._stop_recording()

    def check(self) -> None:
        """Raise what ended the viewer or a recording before its time: MicroferError, or a bug in the viewer's thread.

        Called after `close`, it knows of a disk that was full when the recording's end was to be written, too.
        """
        if self._crash is not None:
            raise self._crash
        if self.failure or self.recording_failure:
            raise MicroferError("; ".join(filter(None, (self.failure, self.recording_failure))))

    def poll(self, timeout_s: float = POLL_S) -> list[Timed]:
        """Take what arrived into the view and return it; not after `finished`, and not beside `start`.

        What follows the last prediction asked for with `frames` is left out.
        """
        events = self.source.poll(timeout_s)
        taken: list[Timed] = []
        for timed in events:
            with self._lock:
                self._take(timed)
            taken.append(timed)
            if self.listener is not None:
                self.listener(timed)
            if self._frames is not None and self.arrived >= self._frames:
                self._end()
                break
        self._command()
        self._finish()
        if taken:
            self.news.set()
        return taken

    def view(self) -> View:
        """Return what there is to see now; while paused, what there was to see then.

        A board's crop is in it only while previews are asked for, even if the board sends some all the same.
        """
        with self._lock:
            view = self._frozen or self._model.view(self.source.now())
            has_crop = self._wish.previews or not isinstance(self.source, LiveSource)
            return replace(
                view,
                crop=view.crop if has_crop else None,
                port=view.port or self.source.port,
                previews=self._wish.previews,
                paused=self._frozen is not None,
                recording=None if self._recorder is None else str(self._recorder.path),
                source=self.source.kind,
                notice=self._notice,
            )

    def press(self, key: str) -> None:
        """Do what a key of `KEYS` means; nothing for any other."""
        if key == " ":
            key = "n" if isinstance(self.source, Replay) and self.source.step else "p"
        actions: dict[str, Callable[[], object]] = {
            "p": self.pause,
            "s": self.snapshot,
            "v": lambda: self.set_previews(not self._wish.previews),
            "r": lambda: self.record(self._recorder is None),
            "n": self.step,
            "q": self.quit,
        }
        try:
            actions.get(key.lower(), lambda: None)()
        except MicroferError as error:
            self._notice = str(error)

    def pause(self, on: bool | None = None) -> None:
        """Hold the view, or let it go on; None: the other of both. A board goes on, and is counted all the same."""
        with self._lock:
            on = self._frozen is None if on is None else on
            self._frozen = self.view() if on else None
            self.source.pause(on)
            self._notice = "paused" if on else ""

    def step(self) -> None:
        """Let the next prediction through, where a recording is played step by step."""
        if isinstance(self.source, Replay):
            self.source.advance()

    def set_speed(self, speed: float) -> None:
        """Play a recording at another speed, 0 = step by step. Raises MicroferError where it is below 0."""
        if isinstance(self.source, Replay):
            self.source.set_speed(speed)

    def set_previews(self, on: bool) -> None:
        """Ask the board for its crops, or for none; asked again until its statistics say that it is so."""
        with self._lock:
            if not isinstance(self.source, LiveSource):
                self._notice = "a recording shows the crops that it has"
                return
            self._wish.previews = on
            self._notice = "previews on: the board sends the crops that it sees" if on else "previews off"

    def record(self, on: bool, path: Path | str | None = None) -> None:
        """Begin a recording, named by the time where `path` is None, or end the one under way.

        Raises:
            MicroferError: the file cannot be made, or there is no board.
        """
        with self._lock:
            if not on:
                self._stop_recording()
                return
            if not isinstance(self.source, LiveSource):
                raise MicroferError("this is a recording already: only a board's link can be recorded")
            self._stop_recording()
            recorder = Recorder(path or self._folder / f"{_name_by_time()}{SUFFIX}", self.source.port)
            recorder.write(Instant.now(), Opened(self.source.port))
            self._recorder, self._ask_hello = recorder, True
            self._notice = f"recording into {recorder.path}"

    def snapshot(self) -> Path:
        """Save the view as PNG and, beside it, as JSON; return the picture's path. Raises MicroferError."""
        view = self.view()
        path = self._folder / f"{_name_by_time()}.png"
        write_bytes(path, png(view))
        write_json(path.with_suffix(".json"), view.as_dict())
        self._notice = f"saved {path} and {path.with_suffix('.json').name}"
        return path

    def quit(self) -> None:
        """Finish; `close` then lets go of port and files."""
        self._end()

    def _take(self, timed: Timed) -> None:
        self._model.update(timed)
        self._wish.take(timed)
        event = timed.event
        self.arrived += isinstance(event, Received) and isinstance(event.message, Prediction)

    def _command(self) -> None:
        """Send what is due: the settings, and the question for the hello that a new recording begins with."""
        if self._ask_hello:
            self._ask_hello = False
            self.source.send(AskHello())
        if (wish := self._wish.due()) is not None:
            self.source.send(wish)

    def _finish(self) -> None:
        """Finish where a limit is reached, the board is refused, or a recording is over."""
        if self._model.refusal:
            now_s = time.monotonic()
            self._refused_s = self._refused_s or now_s
            if self._model.refused_board or now_s - self._refused_s > REFUSAL_S:
                self.failure = self._model.refusal
                self._end()
        if self._seconds is not None and time.monotonic() - self._begin_s >= self._seconds:
            self._end()
        if self.source.ended:
            with self._lock:
                self._model.end(self.source.ended)
            if not self._linger:
                self._end()

    def _end(self) -> None:
        self.finished.set()
        self.news.set()

    def _run(self) -> None:
        try:
            while not self.finished.is_set():
                self.poll()
        except MicroferError as error:
            self.failure = str(error)
        except BaseException as error:
            self._crash = error
        finally:
            self._end()

    def _tap(self, at: Instant, content: bytes | LinkChange) -> None:
        with self._lock:
            if self._recorder is None:
                return
            try:
                self._recorder.write(at, content)
            except MicroferError as error:
                self._stop_recording()
                self._recording_failed(error)

    def _stop_recording(self) -> None:
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return
        self._notice = f"recorded into {recorder.path}"
        try:
            recorder.close()
        except MicroferError as error:
            self._recording_failed(error)
        if recorder.chunks == 0:
            recorder.path.unlink(missing_ok=True)
            self._notice = "nothing arrived, so nothing was recorded"

    def _recording_failed(self, error: MicroferError) -> None:
        self.recording_failure = f"{error}; the recording ended there, and can be played up to there"
        self._notice = self.recording_failure


def _name_by_time() -> str:
    return f"microfer-{datetime.now().astimezone():%Y%m%d-%H%M%S-%f}"[:-3]
