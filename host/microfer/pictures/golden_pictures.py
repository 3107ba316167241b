"""The golden pictures of the boot self-test: four drawn faces in front of drawn rooms, and a portrait.

The portrait is NASA's of Eileen Collins, which is in the public domain; no picture is of a data set. The same code
gives the same pixels.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from microfer.contract import LABELS, SEARCH_HEIGHT_PX, SEARCH_WIDTH_PX
from microfer.data.face_description import Head
from microfer.data.face_drawing import draw_face
from microfer.data.synthetic import EXPRESSIONS
from microfer.export.golden import FaceBox, GoldenPicture, Pgm
from microfer.pictures import pictures
from microfer.pictures.opencv import cv2

WIDTH_PX, HEIGHT_PX = SEARCH_WIDTH_PX, SEARCH_HEIGHT_PX
DRAWN = "drawn by scripts/generate.py"
NASA = "portrait of Eileen Collins by NASA, public domain, from scikit-image's astronaut.png, scaled down"

Gray = npt.NDArray[np.uint8]

HEAD = Head(
    width=0.76, jaw=0.16, eye_size=1.05, brow_thickness=0.055, lip_thickness=0.07, nose_width=0.12, hair_length=0.15,
    hairline=-0.70, skin=185, hair=45, background=0, roll=0.0, yaw=0.0, pitch=0.0, zoom=1.0, shift=(0.0, 0.0),
    light=(0.05, -0.04),
)  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """A drawn picture: who performs what, where, in front of what. `seed` draws the room and the sensor's noise."""

    expression: str
    box: FaceBox
    head: Head
    seed: int


SCENES = (
    Scene("happiness", FaceBox(46, 20, 72, 72), HEAD, 1),
    Scene("surprise", FaceBox(18, 11, 90, 90), replace(HEAD, skin=205, hair=85, light=(-0.06, 0.0), roll=0.04), 2),
    Scene("anger", FaceBox(74, 28, 63, 63), replace(HEAD, width=0.8, jaw=0.1, skin=165, hair=25, yaw=0.06), 3),
    Scene("sadness", FaceBox(40, 10, 81, 81), replace(HEAD, skin=195, hair=60, hair_length=1.2, roll=-0.03), 4),
)


def golden_pictures() -> list[GoldenPicture]:
    """Return the pictures, in their order."""
    return [*map(drawn, SCENES), astronaut()]


def drawn(scene: Scene) -> GoldenPicture:
    """Return a drawn face in a drawn room, with a little noise."""
    random = np.random.default_rng(scene.seed)
    face, cover = _face(scene)
    frame = room(random) * (1 - cover) + face * cover
    noisy = cv2.GaussianBlur(frame, (3, 3), 0.5) + random.normal(0, 2.0, frame.shape)
    pixels = np.clip(noisy + 0.5, 0, 255).astype(np.uint8)
    return GoldenPicture(f"drawn-{scene.expression}", _pgm(pixels), scene.box, DRAWN)


def astronaut() -> GoldenPicture:
    """Return the portrait, cut and scaled so that the face is of the size that a camera at arm's length gives."""
    whole = pictures.read(pictures.astronaut_path()).gray()
    left, top, width = 60, 0, 320
    cut = whole[top : top + width * HEIGHT_PX // WIDTH_PX, left : left + width]
    pixels = cv2.resize(cut, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_AREA)
    return GoldenPicture("astronaut", _pgm(np.asarray(pixels, np.uint8)), FaceBox(56, 33, 52, 52), NASA)


def room(random: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return a wall with a window or a picture, a shelf and a few things on it, float (HEIGHT_PX, WIDTH_PX)."""
    across = np.linspace(-1, 1, WIDTH_PX)
    down = np.linspace(-1, 1, HEIGHT_PX)[:, np.newaxis]
    wall = random.uniform(110, 160) + random.uniform(-25, 25) * across + random.uniform(-15, 15) * down
    frame = np.asarray(wall, np.float64)
    for _ in range(5):
        left, top = int(random.integers(-20, WIDTH_PX - 10)), int(random.integers(-20, HEIGHT_PX - 10))
        width, height = random.integers(14, 50, 2).tolist()
        tone = random.uniform(50, 220)
        frame[max(top, 0) : top + height, max(left, 0) : left + width] = tone
        frame[max(top + 3, 0) : top + height - 3, max(left + 3, 0) : left + width - 3] = tone * random.uniform(
            0.75, 1.1
        )
    return np.asarray(cv2.GaussianBlur(frame, (7, 7), 1.5), np.float64)


def _face(scene: Scene) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the head and how much of each pixel it covers, 0..1: as the same drawing on black and on white says."""
    expression = EXPRESSIONS[LABELS.index(scene.expression)]
    side = scene.box.width * 8 // 9  # draw_face's own framing leaves the chin out
    left, top = (at + (scene.box.width - side) // 2 - side for at in (scene.box.left, scene.box.top))
    on = [
        draw_face(expression, replace(scene.head, background=tone), np.random.default_rng(scene.seed), 3 * side, 1.0)
        for tone in (0, 255)
    ]
    place = np.array([[1, 0, left], [0, 1, top]], np.float64)
    black, white = (
        cv2.warpAffine(one.astype(np.float64), place, (WIDTH_PX, HEIGHT_PX), flags=cv2.INTER_NEAREST, borderValue=tone)
        for one, tone in zip(on, (0.0, 255.0), strict=True)
    )
    cover = np.clip(1 - (white - black) / 255, 0, 1)
    return np.where(cover > 0, black / np.maximum(cover, 1e-6), 0), cover


def _pgm(pixels: Gray) -> Pgm:
    return Pgm(pixels.shape[1], pixels.shape[0], pixels.tobytes())
