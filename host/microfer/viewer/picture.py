"""A view as a picture: for snapshots, films and the window. The same size whatever the view holds."""

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from microfer.contract import CROP_SIZE
from microfer.pictures.annotate import CARD, COLORS, EDGE, INK, MUTED, PAPER, TRACK, UNSURE
from microfer.pictures.drawing import Box, font, picture, ring, rounded
from microfer.viewer.facts import fact_groups
from microfer.viewer.view import SLOTS, Shown, Slot, View

WIDTH, HEIGHT = 1280, 720
MARGIN = 24
ZOOM = 8
CARD_TOP, CARD_BOTTOM = 96, 556
CROP_CARD = (MARGIN, CARD_TOP, MARGIN + CROP_SIZE * ZOOM + 32, CARD_BOTTOM)
SCORE_CARD = (CROP_CARD[2] + 16, CARD_TOP, CROP_CARD[2] + 16 + 424, CARD_BOTTOM)
FACT_CARD = (SCORE_CARD[2] + 16, CARD_TOP, WIDTH - MARGIN, CARD_BOTTOM)
TIME_CARD = (MARGIN, CARD_BOTTOM + 16, WIDTH - MARGIN, HEIGHT - MARGIN)


def color_of(answer: Shown | None, label: str | None, labels: Sequence[str]) -> str:
    """Return the colour of an answer: its label's among `labels`, or the one of "uncertain" and "no face"."""
    return COLORS[labels.index(label)] if answer == Shown.LABEL and label in labels else UNSURE


def draw(view: View) -> npt.NDArray[np.uint8]:
    """Return the view as a picture, uint8 (720, 1280, 3), blue-green-red as OpenCV has it."""
    return np.ascontiguousarray(np.asarray(_canvas(view), np.uint8)[..., ::-1])


def png(view: View) -> bytes:
    """Return the picture of the view as a PNG file's content."""
    file = io.BytesIO()
    _canvas(view).save(file, "PNG")
    return file.getvalue()


def _canvas(view: View) -> Image.Image:
    canvas = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    pen = ImageDraw.Draw(canvas)
    _draw_header(pen, view)
    for box in (CROP_CARD, SCORE_CARD, FACT_CARD, TIME_CARD):
        rounded(canvas, box, 14, CARD)
        ring(canvas, box, 14, EDGE, 1)
    _draw_crop(canvas, pen, view)
    _draw_scores(canvas, pen, view)
    _draw_facts(pen, view)
    _draw_timeline(canvas, pen, view.timeline, view.labels)
    return canvas


def _draw_header(pen: ImageDraw.ImageDraw, view: View) -> None:
    pen.text((MARGIN, 20), "Perceived expression", INK, font(24, bold=True), anchor="la")
    board = view.board
    who = (
        view.state_text if board is None else f"{board.name}  ·  {board.model_id}  ·  firmware {board.firmware_version}"
    )
    pen.text((MARGIN, 56), _shortened(who, font(14), 800), MUTED, font(14), anchor="la")
    right = WIDTH - MARGIN
    state = "paused" if view.paused else str(view.state)
    pen.text(
        (right, 24), state if view.source == "live" else f"{state}, {view.source}", INK, font(16, True), anchor="ra"
    )
    alert = view.warnings[0] if view.warnings else view.at
    pen.text((right, 58), _shortened(alert, font(12), 420), MUTED, font(12), anchor="ra")


def no_crop_title(view: View) -> str:
    """Return in a few words why the view has no crop."""
    if view.frame is not None and view.frame.answer == Shown.NO_FACE:
        return "no face"
    return "no crop yet" if view.previews else "no previews"


def _draw_crop(canvas: Image.Image, pen: ImageDraw.ImageDraw, view: View) -> None:
    left, top = CROP_CARD[0] + 16, CROP_CARD[1] + 16
    side = CROP_SIZE * ZOOM
    if view.crop is None:
        rounded(canvas, (left, top, left + side, top + side), 8, TRACK)
        middle = left + side // 2
        lines = (no_crop_title(view), "a face must be seen" if view.previews else "no picture leaves the board")
        pen.text((middle, top + side // 2 - 12), lines[0], MUTED, font(18, bold=True), anchor="mm")
        pen.text((middle, top + side // 2 + 14), lines[1], MUTED, font(13), anchor="mm")
        return
    crop = np.frombuffer(view.crop.pixels, np.uint8).reshape(CROP_SIZE, CROP_SIZE)
    picture(canvas, Image.fromarray(np.kron(crop, np.ones((ZOOM, ZOOM), np.uint8))), (left, top), 8)
    caption = f"the 48x48 pixels that the network sees, frame {view.crop.frame}"
    pen.text((left, top + side + 12), caption, MUTED, font(12), anchor="la")


def _draw_scores(canvas: Image.Image, pen: ImageDraw.ImageDraw, view: View) -> None:
    left, top, right, bottom = SCORE_CARD[0] + 20, SCORE_CARD[1] + 16, SCORE_CARD[2] - 20, SCORE_CARD[3] - 12
    frame = view.frame
    if frame is None:
        pen.text((left, top), "no prediction yet", MUTED, font(26, bold=True), anchor="la")
        return
    color = color_of(frame.answer, frame.label, frame.labels)
    pen.text((left, top), frame.headline, color if frame.answer == Shown.LABEL else MUTED, font(30, True), anchor="la")
    if frame.answer != Shown.NO_FACE:
        pen.text((right, top), f"{100 * frame.confidence:.0f} %", INK, font(30, bold=True), anchor="ra")
    caption = "broad: calibrated and smoothed;  narrow: this frame alone"
    pen.text((left, top + 44), caption, MUTED, font(12), anchor="la")
    top += 76
    pitch = (bottom - top) / len(frame.labels)
    for index, label in enumerate(frame.labels):
        _draw_bar(canvas, pen, (left, round(top + index * pitch), right, round(top + (index + 1) * pitch)), view, index)
        is_best = label == frame.label
        pen.text((left, top + (index + 0.42) * pitch), label, INK if is_best else MUTED, font(14, is_best), anchor="lm")


def _draw_bar(canvas: Image.Image, pen: ImageDraw.ImageDraw, box: Box, view: View, index: int) -> None:
    """Draw one label's smoothed score as a broad bar, its raw score as a narrow one below it, and both in percent."""
    if view.frame is None:
        return
    smoothed, raw = view.frame.smoothed[index], view.frame.raw[index]
    is_best = view.frame.labels[index] == view.frame.label
    begin, end, middle = box[0] + 96, box[2] - 62, round(box[1] + 0.42 * (box[3] - box[1]))
    for top, height, score, color in (
        (middle - 8, 12, smoothed, COLORS[index] if is_best else UNSURE),
        (middle + 7, 5, raw, MUTED),
    ):
        rounded(canvas, (begin, top, end, top + height), height // 2, TRACK)
        if score >= 0.005:
            rounded(
                canvas,
                (begin, top, begin + max(height, round(score * (end - begin))), top + height),
                height // 2,
                color,
            )
    pen.text((box[2], middle - 2), f"{100 * smoothed:.0f} %", INK if is_best else MUTED, font(14, is_best), anchor="rm")
    pen.text((box[2], middle + 13), f"{100 * raw:.0f} %", MUTED, font(10), anchor="rm")


def _draw_facts(pen: ImageDraw.ImageDraw, view: View) -> None:
    left, top, right = FACT_CARD[0] + 16, FACT_CARD[1] + 14, FACT_CARD[2] - 16
    for title, facts in fact_groups(view):
        pen.text((left, top), title, INK, font(13, bold=True), anchor="la")
        top += 21
        for name, value in facts:
            pen.text((left, top), name, MUTED, font(12), anchor="la")
            space = right - left - round(font(12).getlength(name)) - 10
            pen.text((right, top), _shortened(value, font(12), space), INK, font(12), anchor="ra")
            top += 17
        top += 9


def _draw_timeline(
    canvas: Image.Image, pen: ImageDraw.ImageDraw, timeline: Sequence[Slot], labels: Sequence[str]
) -> None:
    left, top, right, bottom = TIME_CARD[0] + 16, TIME_CARD[1] + 30, TIME_CARD[2] - 16, TIME_CARD[3] - 12
    pen.text((left, TIME_CARD[1] + 10), "the last minute", MUTED, font(12), anchor="la")
    offset = right
    for label, color in reversed([*zip(labels, COLORS, strict=False), ("uncertain, no face", UNSURE)]):
        offset -= round(font(11).getlength(label))
        pen.text((offset, TIME_CARD[1] + 10), label, MUTED, font(11), anchor="la")
        offset -= 14
        rounded(canvas, (offset, TIME_CARD[1] + 12, offset + 10, TIME_CARD[1] + 22), 3, color)
        offset -= 12
    pitch = (right - left) / SLOTS
    for index, slot in enumerate(timeline):
        begin, end = round(left + index * pitch), round(left + (index + 1) * pitch) - 2
        if slot.frames:
            part = slot.confidence if slot.answer == Shown.LABEL else 0.12
            height = max(3, round(part * (bottom - top)))
            pen.rectangle((begin, bottom - height, end, bottom), color_of(slot.answer, slot.label, labels))
        else:
            pen.rectangle((begin, bottom - 1, end, bottom), TRACK)


def _shortened(text: str, letters: ImageFont.FreeTypeFont, width: float) -> str:
    """Return the text, or as much of its begin as fits into `width` pixels."""
    measure = letters.getlength
    if measure(text) <= width:
        return text
    while text and measure(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"
