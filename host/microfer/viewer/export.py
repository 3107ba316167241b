"""A recording as a table (CSV, one row a prediction) and as a film (MP4 of the rendered view)."""

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path

from microfer.contract import LABELS
from microfer.errors import MicroferError
from microfer.files import atomic_path, write_text
from microfer.link.events import NANOSECONDS, Instant
from microfer.link.messages import Hello, Prediction
from microfer.link.reader import Received
from microfer.link.recording import Recording
from microfer.pictures.opencv import cv2
from microfer.viewer.picture import HEIGHT, WIDTH, draw
from microfer.viewer.view import FrameView
from microfer.viewer.view_model import STAGES, ViewModel, frame_view


def columns(labels: Sequence[str] = LABELS) -> tuple[str, ...]:
    """Return the names of the table's columns for these classes.

    arrived_ns: the monotonic clock of the computer that recorded. Scores are probabilities, 0 to 1.
    """
    return (
        *("frame", "arrived", "arrived_ns", "capture_time_us", "sequence", "missed", "answer", "label", "confidence"),
        *("face_x_px", "face_y_px", "face_width_px", "face_height_px", "face_source"),
        *(f"raw_{label}" for label in labels),
        *(f"smoothed_{label}" for label in labels),
        *(f"{stage}_us" for stage in STAGES),
    )


FILM_FPS = 10.0

LONGEST_FILM_S = 12 * 3600
"""A file may say that it spans centuries, and its film would take as long and fill the disk."""


def export_csv(recording: Recording, path: Path | str) -> int:
    """Write one row a prediction, as a whole or not at all; return how many. Raises MicroferError."""
    file = io.StringIO()
    table = csv.writer(file, lineterminator="\n")
    hello = _hello(recording)
    rows = 0
    for timed in recording.events():
        if isinstance(timed.event, Received) and isinstance(timed.event.message, Prediction):
            view = frame_view(timed.at, timed.event.message, hello)
            if rows == 0:
                table.writerow(columns(view.labels))
            table.writerow(_row(timed.at, timed.event, timed.event.message, view))
            rows += 1
    if rows == 0:
        table.writerow(columns(hello.classes if hello else LABELS))
    write_text(path, file.getvalue())
    return rows


def export_mp4(
    recording: Recording, path: Path | str, fps: float = FILM_FPS, progress: Callable[[float], None] | None = None
) -> int:
    """Write a film of the view in the recording's own time, as a whole or not at all; return its pictures.

    fps: pictures a second. progress: is told the part that is done, 0..1, after each picture.

    Raises:
        MicroferError: nothing is in the recording, the path does not end with .mp4, or the film cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".mp4":
        raise MicroferError(f"{path} does not end with .mp4: a film is written as MP4, choose such a name")
    if not recording.chunks:
        raise MicroferError(f"{recording.path} holds nothing to make a film of")
    if not 0 <= recording.duration_s <= LONGEST_FILM_S:
        raise MicroferError(
            f"{recording.path} lasts {recording.duration_s:,.0f} s: a film can be made "
            f"of a recording of at most {LONGEST_FILM_S:,} s; record again, in parts"
        )
    with atomic_path(path) as temporary:
        film = cv2.VideoWriter(str(temporary), cv2.VideoWriter.fourcc(*"mp4v"), fps, (WIDTH, HEIGHT))
        if not film.isOpened():
            raise MicroferError(f"OpenCV cannot write {path}: it lacks the codec mp4v; install opencv-python-headless")
        try:
            pictures = _film(recording, film, fps, progress or (lambda part: None))
        finally:
            film.release()
        if not _holds(temporary, pictures):  # OpenCV does not say that it could not write
            raise MicroferError(f"cannot write {path}: is the disk full?")
    return pictures


def _holds(path: Path, pictures: int) -> bool:
    """Return whether a film has so many pictures, the last of which can be read."""
    film = cv2.VideoCapture(str(path))
    try:
        is_whole = round(film.get(cv2.CAP_PROP_FRAME_COUNT)) == pictures
        film.set(cv2.CAP_PROP_POS_FRAMES, pictures - 1)
        return is_whole and film.read()[0]
    finally:
        film.release()


def _film(recording: Recording, film: cv2.VideoWriter, fps: float, progress: Callable[[float], None]) -> int:
    first, last = recording.chunks[0].at, recording.chunks[-1].at
    model, events = ViewModel(), recording.events()
    waiting = next(events, None)
    count = int(last.since(first) * fps) + 1
    for number in range(1, count + 1):
        offset_ns = round(number / fps * NANOSECONDS)
        now = Instant(first.monotonic_ns + offset_ns, first.wall_ns + offset_ns)
        while waiting is not None and waiting.at.monotonic_ns <= now.monotonic_ns:
            model.update(waiting)
            waiting = next(events, None)
        film.write(draw(model.view(now)))
        progress(number / count)
    return count


def _hello(recording: Recording) -> Hello | None:
    """Return the first hello of a recording, which says what the classes are called; None: it holds none."""
    messages = (timed.event.message for timed in recording.events() if isinstance(timed.event, Received))
    return next((message for message in messages if isinstance(message, Hello)), None)


def _row(at: Instant, event: Received, message: Prediction, view: FrameView) -> list[object]:
    box = (message.face_x_px, message.face_y_px, message.face_width_px, message.face_height_px)
    return [
        *(message.frame, view.arrived, at.monotonic_ns, message.capture_time_us, event.sequence, event.missed),
        *(view.answer, view.label or "", f"{view.confidence:.6f}"),
        *box,
        view.face_source,
        *(f"{score:.8g}" for score in view.raw),
        *(f"{score:.6f}" for score in view.smoothed),
        *(getattr(message, f"{stage}_us") for stage in STAGES),
    ]
