"""What there is to see of a board at one moment: one value from which terminal, web page and window are drawn."""

import base64
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from microfer.contract import LABELS

TIMELINE_S = 60.0
SLOT_S = 0.5
SLOTS = int(TIMELINE_S / SLOT_S)


class LinkState(StrEnum):
    """How the link is."""

    CLOSED = "closed"
    WAITING = "waiting"
    """The port is open, and no hello has come yet."""
    CONNECTED = "connected"
    LOST = "lost"
    """The port is gone and is being tried again."""
    REFUSED = "refused"
    """The board speaks another protocol version."""
    ENDED = "ended"
    """The recording is over."""


class Shown(StrEnum):
    """What was answered for a frame."""

    LABEL = "label"
    UNCERTAIN = "uncertain"
    NO_FACE = "no face"


@dataclass(frozen=True)
class BoardView:
    """Who the board is, from its hello. Names of the fields as in `microfer.link.messages.Hello`."""

    name: str
    firmware_version: str
    model_id: str
    model_sha256: str
    kernels: str
    self_test_ok: bool
    self_test: str
    """What came out right: "70 of 70 scores, 2 of 2 faces" are scores equal to the host's, and faces found."""
    reset_reason: str
    frame_width_px: int
    frame_height_px: int
    flash_size_bytes: int
    psram_size_bytes: int


@dataclass(frozen=True)
class FrameView:
    """The answer to the latest frame.

    answer: a label, "uncertain" or "no face". label: its name, for "uncertain" the most probable one's; None: no face.
    labels: the classes' names. confidence: the label's smoothed score, 0..1. raw: the network's probabilities,
    (q + 128) / 256. smoothed: the calibrated and smoothed ones; both in the order of `labels`, all 0 for no face.
    stages_ms: time of each stage in their order, by name. total_ms: their sum.
    """

    number: int
    capture_time_s: float
    arrived: str
    answer: Shown
    label: str | None
    confidence: float
    labels: tuple[str, ...]
    raw: tuple[float, ...]
    smoothed: tuple[float, ...]
    face_px: tuple[int, int, int, int] | None
    """Left, top, width and height of the face box on the camera's frame."""
    face_source: str
    stages_ms: dict[str, float]
    total_ms: float

    @property
    def headline(self) -> str:
        """The answer in a word or two, such as "happiness" or "uncertain"."""
        return self.label if self.answer == Shown.LABEL and self.label else str(self.answer)


@dataclass(frozen=True)
class CropView:
    """The very crop that the network saw. pixels: 48 * 48 gray bytes, row by row."""

    frame: int
    pixels: bytes


@dataclass(frozen=True)
class Slot:
    """Half a second of the timeline: what was answered most often in it, and how sure that was on average.

    frames: how many arrived in it; 0 = none, then answer and label are None.
    """

    frames: int = 0
    answer: Shown | None = None
    label: str | None = None
    confidence: float = 0.0


@dataclass(frozen=True)
class FrameCount:
    """Where the camera's frames from the first to the last prediction went. They add up to `captured`.

    shown: arrived as predictions and are in this view's figures and timeline.
    lost_on_link: sequence gaps, or frames that were refused. lost_while_disconnected: between loss and return.
    dropped_on_board: no sequence gap, so that the board never sent them; `board_says` has its own count of the causes.
    """

    captured: int = 0
    shown: int = 0
    lost_on_link: int = 0
    lost_while_disconnected: int = 0
    dropped_on_board: int = 0
    board_says: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class LinkCount:
    """Frames of the link, of whatever type: what arrived intact, what is missing, and what was no frame."""

    received: int = 0
    missed: int = 0
    damaged: dict[str, int] = field(default_factory=dict)
    too_long: int = 0
    refused: int = 0
    texts: int = 0
    losses: int = 0
    restarts: int = 0


@dataclass(frozen=True)
class ErrorView:
    """An error that the board reported: its name, what to do, its details, how often, and when last."""

    name: str
    advice: str
    text: str
    count: int
    at: str


@dataclass(frozen=True)
class View:
    """Everything that there is to see. Nothing in it changes any more; the next one is another value."""

    state: LinkState = LinkState.CLOSED
    state_text: str = ""
    """For people: what the state means and, where something is wrong, what to do."""
    port: str = ""
    at: str = ""
    board: BoardView | None = None
    labels: tuple[str, ...] = LABELS
    """What the network tells apart, in the order of its scores."""
    frame: FrameView | None = None
    frame_age_s: float | None = None
    crop: CropView | None = None
    timeline: tuple[Slot, ...] = (Slot(),) * SLOTS
    """The last minute in slots of half a second, the oldest first."""
    fps_board: float | None = None
    """Predictions a second by the board's capture times, over the last seconds; None: too few."""
    fps_arrival: float | None = None
    """The same by their arrival on this computer."""
    fps_camera: float | None = None
    """Camera frames a second, those without a prediction included."""
    frames: FrameCount = field(default_factory=FrameCount)
    link: LinkCount = field(default_factory=LinkCount)
    statistics: dict[str, int | bool] | None = None
    """The latest statistics message, field by field."""
    errors: tuple[ErrorView, ...] = ()
    warnings: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    """The last lines of text that the board printed."""
    previews: bool = False
    """Whether the viewer asks for crops."""
    paused: bool = False
    recording: str | None = None
    """File that the link is recorded into."""
    source: str = "live"
    """"live", or how a recording is played: "replay", "replay, step by step"."""
    notice: str = ""
    """What the last key or button did."""

    def as_dict(self) -> dict[str, Any]:
        """Return the view ready for JSON: field by field, the crop's pixels in base64."""
        content = asdict(self)
        content["labels"] = list(self.labels)
        if self.frame is not None:
            content["frame"]["headline"] = self.frame.headline
        if self.crop is not None:
            content["crop"]["pixels"] = base64.b64encode(self.crop.pixels).decode()
        return content
