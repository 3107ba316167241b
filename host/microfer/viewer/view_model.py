"""From the link's events to what there is to see. Pure: it opens nothing, draws nothing and asks no clock."""

import re
from collections import Counter, defaultdict, deque
from dataclasses import asdict, dataclass

from microfer.contract import LABELS, MAX_CLASSES, OUTPUT_SCALE, OUTPUT_ZERO_POINT
from microfer.link.events import NANOSECONDS, Instant, Lost, Opened, Timed
from microfer.link.layout import Message
from microfer.link.messages import Answer, BoardError, CropPreview, Hello, Prediction, Statistics
from microfer.link.protocol import next_sequence
from microfer.link.reader import Damaged, Malformed, OtherVersion, Received, Text, TooLong, UnknownType
from microfer.link.warnings import ExpectedModel, warnings_of
from microfer.viewer.frame_tally import FrameTally
from microfer.viewer.view import (
    SLOT_S,
    SLOTS,
    BoardView,
    CropView,
    ErrorView,
    FrameView,
    LinkCount,
    LinkState,
    Shown,
    Slot,
    View,
)

RATE_WINDOW_S = 5.0
MOST_TICKS = 2000
"""Predictions that rates are made from, ten times what a board sends in RATE_WINDOW_S."""

LOG_LINES = 8
ONE_Q16 = 65_536

STAGES = ("capture", "face", "crop", "tensor", "invoke", "prediction")
"""Of one frame, in their order; the prediction's fields are these names with `_us`."""

_ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|\x1b")
_SLOT_NS = int(SLOT_S * NANOSECONDS)
_SHOWN = {Answer.LABEL: Shown.LABEL, Answer.UNCERTAIN: Shown.UNCERTAIN, Answer.NO_FACE: Shown.NO_FACE}


@dataclass(frozen=True)
class _Tick:
    at: Instant
    capture_time_us: int
    frame: int


class ViewModel:
    """Takes every event in its order with `update`, and gives a `View` of any moment from then on with `view`."""

    def __init__(self, expected: ExpectedModel | None = None) -> None:
        """Take what a board should run, if that is known."""
        self._expected = expected
        self._state, self._state_text, self._port = LinkState.CLOSED, "not connected yet", ""
        self.refused_board: str | None = None
        """The name of the board that was refused, once its hello said it."""
        self._hello: Hello | None = None
        self._frame: FrameView | None = None
        self._frame_at: Instant | None = None
        self._crop: CropView | None = None
        self._statistics: Statistics | None = None
        self._last_arrival: Instant | None = None
        self._sequence: int | None = None
        self._ticks: deque[_Tick] = deque(maxlen=MOST_TICKS)
        self._slots: dict[int, Counter[tuple[Shown, str | None]]] = {}
        self._confidence: defaultdict[tuple[int, Shown, str | None], float] = defaultdict(float)
        self._tally = FrameTally()
        self._counts: Counter[str] = Counter()
        self._damaged: Counter[str] = Counter()
        self._errors: dict[str, ErrorView] = {}
        self._log: deque[str] = deque(maxlen=LOG_LINES)

    @property
    def refusal(self) -> str:
        """Why this board cannot be watched, and what to do; empty where it can."""
        return self._state_text if self._state == LinkState.REFUSED else ""

    def update(self, timed: Timed) -> None:
        """Take one event. Events come in their order; each once."""
        at, event = timed.at, timed.event
        match event:
            case Opened():
                self._opened(event)
            case Lost():
                self._state, self._counts["losses"] = LinkState.LOST, self._counts["losses"] + 1
                self._state_text = f"{event.port} was lost ({event.reason}); trying again until it is back"
            case Received():
                self._last_arrival = at
                self._received(at, event)
            case OtherVersion():
                self._refused(event)
            case Damaged():
                self._damaged[str(event.cause)] += 1
            case TooLong():
                self._counts["too_long"] += 1
            case UnknownType() | Malformed():
                self._counts["refused"] += 1
                self._tally.missed(1)
            case Text():
                self._counts["texts"] += 1
                self._log.extend(_lines(event.text))

    def end(self, text: str) -> None:
        """Note that nothing will follow, as at the end of a recording."""
        self._state, self._state_text = LinkState.ENDED, text

    def view(self, now: Instant) -> View:
        """Return what there is to see at `now`, which is not before the latest event."""
        fps = self._rates(now)
        counts = self._counts
        is_open = self._state in {LinkState.CONNECTED, LinkState.WAITING}
        return View(
            state=self._state,
            state_text=self._state_text,
            port=self._port,
            at=now.iso(),
            board=None if self._hello is None else _board(self._hello),
            labels=self._frame.labels if self._frame else self._hello.classes if self._hello else LABELS,
            frame=self._frame,
            frame_age_s=None if self._frame_at is None else now.since(self._frame_at),
            crop=self._crop,
            timeline=self._timeline(now),
            fps_board=fps[0],
            fps_arrival=fps[1],
            fps_camera=fps[2],
            frames=self._tally.count(),
            link=LinkCount(
                received=counts["received"],
                missed=counts["missed"],
                damaged=dict(self._damaged),
                too_long=counts["too_long"],
                refused=counts["refused"],
                texts=counts["texts"],
                losses=counts["losses"],
                restarts=counts["restarts"],
            ),
            statistics=None if self._statistics is None else asdict(self._statistics),
            errors=tuple(self._errors.values()),
            warnings=warnings_of(is_open, self._hello, self._statistics, self._silence_s(now), self._expected),
            log=tuple(self._log),
        )

    def _opened(self, event: Opened) -> None:
        self._port = event.port
        self._state, self._state_text = LinkState.WAITING, f"{event.port} is open; waiting for the board's hello"
        if event.again:
            self._tally.returned()

    def _refused(self, event: OtherVersion) -> None:
        self._counts["refused"] += 1
        self._tally.missed(1)
        if self._state != LinkState.REFUSED or event.board is not None:
            self._state, self._state_text = LinkState.REFUSED, event.explain()
            self.refused_board = event.board

    def _received(self, at: Instant, event: Received) -> None:
        self._tally.missed(event.missed)
        self._counts["missed"] += event.missed
        if self._is_restart(event.sequence):
            self._counts["restarts"] += 1
            self._tally.restarted()
            self._ticks.clear()
        self._counts["received"] += 1
        self._sequence = event.sequence
        self._message(at, event.message)

    def _is_restart(self, sequence: int) -> bool:
        """Return whether the board began anew, as `microfer.link.reader.LinkReader` tells it."""
        if self._sequence is None:
            return False
        return sequence == 0 or (sequence - next_sequence(self._sequence)) % 0xFFFF > 0x7FFF

    def _message(self, at: Instant, message: Message) -> None:
        match message:
            case Hello():
                self._hello = message
                self._state, self._state_text = LinkState.CONNECTED, f"connected to {message.board}"
            case Prediction():
                self._prediction(at, message)
            case CropPreview():
                self._crop = CropView(message.frame, message.pixels)
            case Statistics():
                self._statistics = message
                self._tally.statistics(message)
                if not message.previews:
                    self._crop = None
            case BoardError():
                before = self._errors.pop(message.code.name, None)
                count = 1 if before is None else before.count + 1
                self._errors[message.code.name] = ErrorView(
                    message.code.name, message.code.doc, message.text, count, at.iso()
                )

    def _prediction(self, at: Instant, message: Prediction) -> None:
        self._tally.prediction(message)
        self._frame, self._frame_at = frame_view(at, message, self._hello), at
        if self._frame.answer == Shown.NO_FACE:
            self._crop = None  # the last face's would be taken for what is seen now
        self._ticks.append(_Tick(at, message.capture_time_us, message.frame))
        self._drop_old_ticks(at)
        slot, kind = at.monotonic_ns // _SLOT_NS, (self._frame.answer, self._frame.label)
        self._slots.setdefault(slot, Counter())[kind] += 1
        self._confidence[(slot, *kind)] += self._frame.confidence
        for old in [number for number in self._slots if abs(slot - number) >= SLOTS]:  # time may go back, in a file
            for answer, label in self._slots.pop(old):
                del self._confidence[(old, answer, label)]

    def _drop_old_ticks(self, now: Instant) -> None:
        while self._ticks and now.since(self._ticks[0].at) > RATE_WINDOW_S:
            self._ticks.popleft()

    def _rates(self, now: Instant) -> tuple[float | None, float | None, float | None]:
        """Return predictions a second by capture time and by arrival, and camera frames a second."""
        ticks = [tick for tick in self._ticks if now.since(tick.at) <= RATE_WINDOW_S]
        if len(ticks) < 2:
            return None, None, None
        first, last = ticks[0], ticks[-1]
        captured_s, arrived_s = (last.capture_time_us - first.capture_time_us) / 1e6, last.at.since(first.at)
        count = len(ticks) - 1
        return (
            count / captured_s if captured_s > 0 else None,
            count / arrived_s if arrived_s > 0 else None,
            (last.frame - first.frame) / captured_s if captured_s > 0 else None,
        )

    def _timeline(self, now: Instant) -> tuple[Slot, ...]:
        last = now.monotonic_ns // _SLOT_NS
        return tuple(self._slot(number) for number in range(last - SLOTS + 1, last + 1))

    def _slot(self, number: int) -> Slot:
        kinds = self._slots.get(number)
        if kinds is None:
            return Slot()
        (answer, label), count = kinds.most_common(1)[0]
        return Slot(kinds.total(), answer, label, self._confidence[(number, answer, label)] / count)

    def _silence_s(self, now: Instant) -> float | None:
        """Return for how long no message has arrived; None: none ever did."""
        return None if self._last_arrival is None else now.since(self._last_arrival)


def labels_for(classes: int, hello: Hello | None) -> tuple[str, ...]:
    """Return the names of so many classes: those of the board's hello, or numbers where it has not come yet."""
    told = hello.classes if hello else LABELS
    return told if len(told) == classes else tuple(f"class {number}" for number in range(1, classes + 1))


def frame_view(at: Instant, message: Prediction, hello: Hello | None = None) -> FrameView:
    """Return what a prediction that arrived at `at` says, in names and probabilities.

    hello: the board's, which tells the labels; None: it has not come, and seven classes are FER-2013's.
    """
    shown = _SHOWN[message.answer]
    is_face = shown != Shown.NO_FACE
    labels = labels_for(min(message.classes, MAX_CLASSES), hello)
    label = labels[message.label] if is_face and message.label < len(labels) else None
    none = (0.0,) * len(labels)
    smoothed = tuple(score / ONE_Q16 for score in message.smoothed_q16[: len(labels)]) if is_face else none
    raw = tuple((score - OUTPUT_ZERO_POINT) * OUTPUT_SCALE for score in message.raw_scores[: len(labels)])
    stages = {name: getattr(message, f"{name}_us") / 1000 for name in STAGES}
    box = (message.face_x_px, message.face_y_px, message.face_width_px, message.face_height_px)
    return FrameView(
        number=message.frame,
        capture_time_s=message.capture_time_us / 1e6,
        arrived=at.iso(),
        answer=shown,
        label=label,
        confidence=0.0 if label is None else smoothed[message.label],
        labels=labels,
        raw=raw if is_face else none,
        smoothed=smoothed,
        face_px=box if is_face else None,
        face_source=message.face_source.name.lower(),
        stages_ms=stages,
        total_ms=sum(stages.values()),
    )


def _board(hello: Hello) -> BoardView:
    found, faces = hello.self_test_faces_found, hello.self_test_faces_total
    equal, total = hello.self_test_equal, hello.self_test_total
    return BoardView(
        name=hello.board,
        firmware_version=hello.firmware_version,
        model_id=hello.model_id,
        model_sha256=hello.model_sha256.hex(),
        kernels=hello.kernels,
        self_test_ok=equal == total > 0 and found == faces,
        self_test=f"{equal} of {total} scores, {found} of {faces} faces",
        reset_reason=hello.reset_reason.name.lower().replace("_", " "),
        frame_width_px=hello.frame_width_px,
        frame_height_px=hello.frame_height_px,
        flash_size_bytes=hello.flash_size_bytes,
        psram_size_bytes=hello.psram_size_bytes,
    )


def _lines(text: str) -> list[str]:
    """Return the lines of a text without the escape sequences that colour them."""
    return [line for line in (_ESCAPE.sub("", line).strip() for line in text.splitlines()) if line]
