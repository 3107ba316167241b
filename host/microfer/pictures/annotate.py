"""The picture that microfer classify saves: the frame with its boxes, beside it what the network saw and answered.

Each face has a card: the very 48x48 crop, every pixel of it blown up to a square, and a bar for each class. One face
gets a large card, several get small ones in columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from microfer.contract import LABELS
from microfer.pictures.drawing import Box, font, picture, ring, rounded
from microfer.pictures.faces import Face
from microfer.pictures.pictures import ColorFrame

COLORS = (
    *("#e5484d", "#7da03c", "#8e6fd8", "#ee9a15", "#3e82d8", "#14a3a0", "#6b7684"),
    *("#b5459c", "#8c6239", "#2f9e44", "#c2255c", "#5c7cfa", "#087f5b", "#a15c07", "#7048e8", "#495057"),
)
"""One for each class, the first seven those of LABELS: box, tag and winning bar."""

UNSURE = "#aab2bd"
PAPER, CARD, EDGE, TRACK = "#f3f5f8", "#ffffff", "#e3e8ee", "#e9edf2"
INK, MUTED = "#1b2430", "#6b7684"

HEIGHT = 880
MARGIN = 28
INNER = HEIGHT - 2 * MARGIN
FRAME_WIDTH_MIN, FRAME_WIDTH_MAX = 480, 1200
CARD_WIDTH = 424
HEADER, FOOTER = 84, 40
BIG_ZOOM, SMALL_ZOOM = 8, 3
SMALL_PITCH = (INNER - HEADER - FOOTER + 12) // 3
"""Three small cards fill a column."""


@dataclass(frozen=True)
class Finding:
    """One face and the network's answer.

    face: its box on the frame.
    crop: what the network was given, uint8 (48, 48).
    scores: probabilities in the order of `labels`, float32 (classes,).
    label: the answer, one of `labels` or "uncertain".
    milliseconds: how long one invoke took on this computer.
    """

    face: Face
    crop: npt.NDArray[np.uint8]
    scores: npt.NDArray[np.float32]
    label: str
    milliseconds: float
    labels: tuple[str, ...] = LABELS

    @property
    def confidence(self) -> float:
        """The largest probability, 0..1."""
        return float(self.scores.max())

    @property
    def percent(self) -> str:
        """The confidence in words, such as "93 %"."""
        return f"{100 * self.confidence:.0f} %"

    @property
    def color(self) -> str:
        """The colour of the answer."""
        return COLORS[self.labels.index(self.label)] if self.label in self.labels else UNSURE


def compose(frame: ColorFrame, findings: Sequence[Finding], model: str, runtime: str) -> ColorFrame:
    """Return the annotated picture, uint8 (880, width, 3), blue-green-red.

    frame: uint8 (h, w, 3), blue-green-red. model and runtime: names for the header.
    """
    scale = min(INNER / frame.shape[0], FRAME_WIDTH_MAX / frame.shape[1])
    size = max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale))
    area = max(size[0], FRAME_WIDTH_MIN)
    columns = max(1, -(-len(findings) // 3))
    canvas = Image.new("RGB", (area + MARGIN + (CARD_WIDTH + MARGIN) * columns + MARGIN, HEIGHT), PAPER)

    photo = Image.fromarray(np.ascontiguousarray(frame[..., ::-1])).resize(size, Image.Resampling.LANCZOS)
    alone = len(findings) == 1
    for number, finding in enumerate(findings, start=1):
        _draw_box(photo, finding, scale, "" if alone else f"{number}  ")
    picture(canvas, photo, (MARGIN + (area - size[0]) // 2, MARGIN + (INNER - size[1]) // 2), 14)

    left, top = area + 2 * MARGIN, MARGIN + HEADER
    draw = ImageDraw.Draw(canvas)
    draw.text((left, MARGIN - 2), "Perceived expression", INK, font(24, bold=True), anchor="la")
    draw.text((left, MARGIN + 36), f"{model}  ·  {runtime}", MUTED, font(14), anchor="la")
    note = "What a network perceives in a face, not what a person feels."
    draw.text((left, HEIGHT - MARGIN), note, MUTED, font(13), anchor="ls")
    if not findings:
        _draw_no_face(canvas, left, top)
    elif alone:
        _draw_big_card(canvas, left, top, findings[0])
    else:
        for index, finding in enumerate(findings):
            column, row = divmod(index, 3)
            _draw_small_card(canvas, left + column * (CARD_WIDTH + MARGIN), top + row * SMALL_PITCH, finding, index + 1)
    return np.ascontiguousarray(np.asarray(canvas, np.uint8)[..., ::-1])


def _draw_box(photo: Image.Image, finding: Finding, scale: float, number: str) -> None:
    """Draw a face's box on the enlarged frame, its tag above it, or inside where the frame ends."""
    face = finding.face
    left, top, right, bottom = (
        round(edge * scale) for edge in (face.left, face.top, face.left + face.size, face.top + face.size)
    )
    box = max(0, left), max(0, top), min(photo.width, right), min(photo.height, bottom)
    ring(photo, box, 9, "#1b2430", 6)
    ring(photo, (box[0] + 1, box[1] + 1, box[2] - 1, box[3] - 1), 8, finding.color, 4)
    text, letters = f"{number}{finding.label} {finding.percent}", font(15, bold=True)
    width = round(letters.getlength(text)) + 18
    tag_left = max(0, min(box[0], photo.width - width))
    tag_top = box[1] - 31 if box[1] >= 31 else box[1] + 8
    rounded(photo, (tag_left, tag_top, tag_left + width, tag_top + 27), 7, finding.color)
    ImageDraw.Draw(photo).text((tag_left + 9, tag_top + 14), text, "white", letters, anchor="lm")


def _draw_card(canvas: Image.Image, left: int, top: int, height: int) -> None:
    box = left, top, left + CARD_WIDTH, top + height
    rounded(canvas, box, 14, CARD)
    ring(canvas, box, 14, EDGE, 1)


def _draw_crop(canvas: Image.Image, left: int, top: int, crop: npt.NDArray[np.uint8], zoom: int) -> int:
    """Draw the crop with every pixel as a square of `zoom` pixels; return its side on the canvas."""
    squares = np.kron(crop, np.ones((zoom, zoom), np.uint8))
    picture(canvas, Image.fromarray(squares), (left, top), 8)
    return len(squares)


def _draw_big_card(canvas: Image.Image, left: int, top: int, finding: Finding) -> None:
    """Draw the card of the only face: the crop above, the answer and the bars below."""
    _draw_card(canvas, left, top, INNER - HEADER - FOOTER)
    left, top, right = left + 20, top + 20, left + CARD_WIDTH - 20
    top += _draw_crop(canvas, left, top, finding.crop, BIG_ZOOM) + 8
    draw = ImageDraw.Draw(canvas)
    draw.text((left, top), "the 48x48 pixels that the network sees", MUTED, font(12), anchor="la")
    draw.text((left, top + 24), finding.label, finding.color, font(26, bold=True), anchor="la")
    draw.text((right, top + 24), finding.percent, INK, font(26, bold=True), anchor="ra")
    _draw_bars(canvas, (left, top + 64, right, top + 64 + 7 * 28), finding, 14)


def _draw_small_card(canvas: Image.Image, left: int, top: int, finding: Finding, number: int) -> None:
    """Draw one of several cards: the crop on the left, the bars on its right; `number` is the one on the box."""
    _draw_card(canvas, left, top, SMALL_PITCH - 12)
    right, bottom = left + CARD_WIDTH - 16, top + SMALL_PITCH - 28
    left, top = left + 16, top + 16
    side = _draw_crop(canvas, left, top, finding.crop, SMALL_ZOOM)
    draw = ImageDraw.Draw(canvas)
    rounded(canvas, (left, bottom - 26, left + 26, bottom), 13, finding.color)
    draw.text((left + 13, bottom - 13), str(number), "white", font(14, bold=True), anchor="mm")
    draw.text((left + side, bottom - 13), finding.percent, INK, font(16, bold=True), anchor="rm")
    draw.text((left + side + 18, top - 2), finding.label, finding.color, font(17, bold=True), anchor="la")
    _draw_bars(canvas, (left + side + 18, top + 28, right, bottom + 4), finding, 12)


def _draw_bars(canvas: Image.Image, box: Box, finding: Finding, letter_size: int) -> None:
    """Draw a row for each class of label, bar and percent into `box`; the winning row in ink and in its colour."""
    best, pitch = int(finding.scores.argmax()), (box[3] - box[1]) / len(finding.labels)
    begin, end = box[0] + round(6.4 * letter_size), box[2] - round(3.5 * letter_size)
    half = round(pitch * 0.19)
    draw = ImageDraw.Draw(canvas)
    for index, (label, score) in enumerate(zip(finding.labels, finding.scores.tolist(), strict=True)):
        middle = round(box[1] + (index + 0.5) * pitch)
        letters, ink = font(letter_size, bold=index == best), INK if index == best else MUTED
        draw.text((box[0], middle), label, ink, letters, anchor="lm")
        draw.text((box[2], middle), f"{100 * score:.0f} %", ink, letters, anchor="rm")
        rounded(canvas, (begin, middle - half, end, middle + half), half, TRACK)
        if score >= 0.005:  # below, the row says 0 %
            filled = begin + max(2 * half, round(score * (end - begin)))
            color = finding.color if index == best else UNSURE
            rounded(canvas, (begin, middle - half, filled, middle + half), half, color)


def _draw_no_face(canvas: Image.Image, left: int, top: int) -> None:
    _draw_card(canvas, left, top, 112)
    draw = ImageDraw.Draw(canvas)
    draw.text((left + 20, top + 20), "no face found", INK, font(22, bold=True), anchor="la")
    draw.text((left + 20, top + 60), "It must look at the camera, upright,", MUTED, font(14), anchor="la")
    draw.text((left + 20, top + 80), "and be large enough on the picture.", MUTED, font(14), anchor="la")
