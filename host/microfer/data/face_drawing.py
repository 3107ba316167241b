"""From the description of a face to pixels.

Points on a face are given in its own units (see `face_description`); `_Camera` knows where on the picture they are.
"""

import cv2
import numpy as np
import numpy.typing as npt

from microfer.data.face_description import Expression, Head

Points = npt.NDArray[np.float64]
Gray = npt.NDArray[np.uint8]

_SHIFT = 4
_EYE_V, _EYE_U = -0.10, 0.34
_MOUTH_V, _MOUTH_U = 0.56, 0.27
_T = np.linspace(-1, 1, 25)
_CIRCLE = np.column_stack([f(np.linspace(0, 2 * np.pi, 32, endpoint=False)) for f in (np.cos, np.sin)])


class _Camera:
    """Where face coordinates stand on a picture of `size` pixels, and the picture itself, at `scale` times the size."""

    def __init__(self, head: Head, size: int, margin: float, scale: int) -> None:
        self.head = head
        self._yaw, self._pitch = (np.cos(head.yaw), np.sin(head.yaw)), np.sin(head.pitch)
        self._roll = np.cos(head.roll), np.sin(head.roll)
        self.size = size
        self.scale = scale
        self.canvas: Gray = np.full((size * scale, size * scale), head.background, np.uint8)
        self.unit = 0.62 * head.zoom * size / (1 + 2 * margin)  # pixels
        crop = size / (1 + 2 * margin)
        eye_line = 0.40 * crop + margin * crop
        self.center = np.array([size / 2 + head.shift[0] * crop, eye_line - _EYE_V * self.unit + head.shift[1] * crop])

    def project(self, points: Points) -> Points:
        """Return pixels (before supersampling) of points on the face: turned as on a ball, tilted, moved."""
        u, v = points[:, 0], points[:, 1]
        depth = np.sqrt(np.maximum(1 - (u / self.head.width) ** 2 - 0.3 * v**2, 0))
        u = u * self._yaw[0] + 0.7 * depth * self._yaw[1]
        v = v + 0.6 * depth * self._pitch
        cos, sin = self._roll
        turned = np.empty_like(points)
        turned[:, 0] = u * cos - v * sin
        turned[:, 1] = u * sin + v * cos
        return self.center + self.unit * turned

    def fill(self, points: Points, tone: float) -> None:
        """Fill the polygon."""
        cv2.fillPoly(self.canvas, [self._fixed(points)], _tone(tone), cv2.LINE_AA, _SHIFT)

    def stroke(self, points: Points, tone: float, thickness: float) -> None:
        """Draw a line through the points, `thickness` face units wide."""
        width = max(1, round(thickness * self.unit * self.scale))
        cv2.polylines(self.canvas, [self._fixed(points)], False, _tone(tone), width, cv2.LINE_AA, _SHIFT)

    def clipped(self, points: Points) -> Gray:
        """Return a mask, 0 or 255, of the polygon on the canvas."""
        mask: Gray = np.zeros_like(self.canvas)
        cv2.fillPoly(mask, [self._fixed(points)], 255, cv2.LINE_8, _SHIFT)
        return mask

    def _fixed(self, points: Points) -> npt.NDArray[np.int32]:
        pixels = self.project(points) * self.scale - 0.5
        return np.round(pixels * (1 << _SHIFT)).astype(np.int32)


def draw_face(expression: Expression, head: Head, rng: np.random.Generator, size: int, margin: float) -> Gray:
    """Return the picture of a face, uint8 (size, size), without noise. See `synthetic.render_face`."""
    camera = _Camera(head, size, margin, scale=4 if size <= 96 else 2)
    outline = _outline(head, expression.mouth_open)
    _draw_behind(camera)
    camera.fill(outline, head.skin)
    face = cv2.resize(camera.clipped(outline), (size, size), interpolation=cv2.INTER_AREA) / np.float32(255)
    _draw_wrinkles(camera, expression)
    _draw_nose(camera)
    for side in (-1, 1):
        _draw_eye(camera, expression, side)
        _draw_brow(camera, expression, side)
    _draw_mouth(camera, expression)
    _draw_fringe(camera, rng)
    flat = cv2.resize(camera.canvas, (size, size), interpolation=cv2.INTER_AREA)
    shaded = flat * (1 + face * (_shading(camera, expression) - 1))
    return np.clip(shaded + 0.5, 0, 255).astype(np.uint8)


def _tone(value: float) -> int:
    return int(min(max(value, 0), 255))


def _outline(head: Head, mouth_open: float) -> Points:
    """Return the outline of the face: an ellipse, narrower at the jaw, longer when the mouth opens."""
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    v = -np.cos(angle)
    below = np.maximum(v, 0)
    u = head.width * np.sin(angle) * (1 - head.jaw * below**2)
    return np.column_stack((u, v + 0.35 * mouth_open * below))


def _curve(start: tuple[float, float], bend: tuple[float, float], end: tuple[float, float]) -> Points:
    """Return a quadratic Bezier curve."""
    t = np.linspace(0, 1, 12)
    weights = np.column_stack(((1 - t) ** 2, 2 * t * (1 - t), t**2))
    points: Points = weights @ np.array([start, bend, end])
    return points


def _ellipse(u: float, v: float, half_width: float, half_height: float) -> Points:
    return (u, v) + _CIRCLE * (half_width, half_height)


def _hair_oval(head: Head) -> tuple[float, float, float]:
    """Return the middle's v, the half width and the half height of the hair seen from the front."""
    return -0.22, head.width + 0.16, 0.95


def _draw_behind(camera: _Camera) -> None:
    """Draw what the face covers: hair, neck, clothes, ears."""
    head = camera.head
    if head.hair_length > 0:
        camera.fill(_ellipse(0, *_hair_oval(head)), head.hair)
        side = head.width + 0.14
        hair = [(-side, -0.3), (side, -0.3), (side + 0.04, head.hair_length), (-side - 0.04, head.hair_length)]
        camera.fill(np.array(hair), head.hair)
    camera.fill(np.array([(-0.40, 0.5), (0.40, 0.5), (0.46, 1.9), (-0.46, 1.9)]), 0.72 * head.skin)
    clothes = [(-0.44, 1.18), (0.0, 1.42), (0.44, 1.18), (1.5, 1.5), (1.7, 4.0), (-1.7, 4.0), (-1.5, 1.5)]
    camera.fill(np.array(clothes), 0.4 * head.hair + 30)
    if head.hair_length < 0.4:
        for side_of in (-1, 1):
            camera.fill(_ellipse(side_of * head.width, 0.02, 0.09, 0.19), 0.86 * head.skin)


def _draw_wrinkles(camera: _Camera, face: Expression) -> None:
    skin = camera.head.skin
    for side in (-1, 1):
        if face.fold > 0.1:
            outer = _MOUTH_U * face.mouth_width + 0.10
            line = _curve((0.16, 0.28), (outer, 0.34), (outer, _MOUTH_V - 0.5 * face.mouth_corner + 0.02))
            camera.stroke(line * (side, 1), skin * (1 - 0.26 * min(face.fold, 1)), 0.03)
        if face.frown > 0.1:
            line = np.array([(0.055, -0.36), (0.045, -0.20)]) * (side, 1)
            camera.stroke(line, skin * (1 - 0.4 * min(face.frown, 1)), 0.028)
    if face.nose_wrinkle > 0.1:
        for v in (-0.09, 0.0, 0.09):
            line = np.column_stack((0.10 * _T, v + 0.04 * _T**2))
            camera.stroke(line, skin * (1 - 0.34 * min(face.nose_wrinkle, 1)), 0.026)


def _draw_nose(camera: _Camera) -> None:
    skin, width = camera.head.skin, camera.head.nose_width
    base = np.column_stack((width * _T, 0.33 + 0.045 * (1 - _T**2)))
    camera.stroke(base, 0.68 * skin, 0.03)
    for side in (-1, 1):
        camera.fill(_ellipse(side * 0.5 * width, 0.335, 0.038, 0.022), 0.35 * skin)


def _draw_eye(camera: _Camera, face: Expression, side: int) -> None:
    """Draw the white between the lids, the iris as far as they leave it free, and the lids."""
    head = camera.head
    half_width = 0.165 * head.eye_size
    opening = max(0.012, 0.085 * head.eye_size * face.eye_open)
    along = -side * _T  # 1 at the inner end
    u = side * _EYE_U + half_width * _T
    middle = _EYE_V - face.eye_slant * along
    upper = middle - opening * (1 - np.abs(_T) ** 2.2) ** 0.8
    lower = middle + 0.65 * opening * (1 - _T**2)
    shape = np.concatenate((np.column_stack((u, upper)), np.column_stack((u, lower))[::-1]))
    camera.fill(shape, min(235, 1.25 * head.skin + 40))
    mask = camera.clipped(shape)
    before = camera.canvas.copy()
    iris_v = _EYE_V - 0.1 * opening + 0.5 * opening * max(face.gaze_down, 0)
    camera.fill(_ellipse(side * _EYE_U, iris_v, 0.088, 0.088), 45)
    camera.fill(_ellipse(side * _EYE_U + 0.03, iris_v - 0.035, 0.022, 0.022), 210)
    np.copyto(camera.canvas, before, where=mask == 0)
    camera.stroke(np.column_stack((u, upper)), 0.22 * head.skin, 0.036)
    camera.stroke(np.column_stack((u, lower)), 0.62 * head.skin, 0.02)


def _draw_brow(camera: _Camera, face: Expression, side: int) -> None:
    head = camera.head
    inward = 0.5 * (1 - _T)
    u = side * (0.13 - face.brow_pinch + (0.44 + 0.5 * face.brow_pinch) * (1 - inward))
    arch = 0.045 * (1 - _T**2)
    height = face.brow_inner * inward**1.3 + face.brow_outer * (1 - inward)
    center = -0.315 - arch - height
    half = head.brow_thickness * (0.55 + 0.45 * inward)
    shape = np.concatenate((np.column_stack((u, center - half)), np.column_stack((u, center + half))[::-1]))
    camera.fill(shape, min(head.hair, 0.5 * head.skin))


def _draw_mouth(camera: _Camera, face: Expression) -> None:
    """Draw the lips, and between them the dark of the mouth and the teeth."""
    head = camera.head
    half_width = _MOUTH_U * face.mouth_width
    u = half_width * _T
    lip = head.lip_thickness * (1 - 0.6 * float(np.clip(face.lip_press, 0, 1)))
    opened = max(face.mouth_open, 0.0)
    middle = _MOUTH_V + 0.35 * opened + face.mouth_corner * (0.45 - _T**2)
    round_arc = (1 - _T**2) ** 0.6
    upper = middle - (0.45 * opened + max(face.lip_raise, 0)) * round_arc
    lower = middle + 0.55 * opened * round_arc
    cupid = 1 - 0.25 * np.exp(-((_T / 0.14) ** 2))
    outline_up, outline_down = upper - lip * round_arc * cupid, lower + 1.2 * lip * round_arc
    lips = np.concatenate((np.column_stack((u, outline_up)), np.column_stack((u, outline_down))[::-1]))
    camera.fill(lips, 0.58 * head.skin)
    if opened + max(face.lip_raise, 0) > 0.03:
        hole = np.concatenate((np.column_stack((u, upper)), np.column_stack((u, lower))[::-1]))
        camera.fill(hole, 22)
        share = float(np.clip(face.teeth, 0, 1))
        if share > 0.15:
            inset = 0.9 * u
            edge = upper + 0.75 * share * (lower - upper)
            teeth = np.concatenate((np.column_stack((inset, upper)), np.column_stack((inset, edge))[::-1]))
            camera.fill(teeth, 232)
    else:
        camera.stroke(np.column_stack((u, middle)), 0.2 * head.skin, 0.035)


def _draw_fringe(camera: _Camera, rng: np.random.Generator) -> None:
    """Draw the hair that falls on the forehead, with an uneven edge."""
    head = camera.head
    if head.hair_length == 0:
        return
    low, half_width, half_height = _hair_oval(head)
    reach = half_width - 0.06
    part = rng.uniform(-0.5, 0.5)
    edge = head.hairline + 0.28 * (_T - part) ** 2 + rng.normal(0, 0.012, len(_T))
    angle = np.linspace(0.15 * np.pi, 0.85 * np.pi, 24)
    top = np.column_stack((half_width * np.cos(angle), low - half_height * np.sin(angle)))
    camera.fill(np.concatenate((np.column_stack((reach * _T, edge)), top)), head.hair)


def _shading(camera: _Camera, face: Expression) -> npt.NDArray[np.float32]:
    """Return what light does to the skin, a factor per pixel around 1, float32 (size, size).

    Sunken eyes, a bright bridge of the nose and cheeks brighter than the eyes are what detectors of the Viola-Jones
    kind look for.
    """
    rows, columns = np.mgrid[0 : camera.size, 0 : camera.size].astype(np.float32)
    x, y = (columns - camera.center[0]) / camera.unit, (rows - camera.center[1]) / camera.unit
    light_x, light_y = camera.head.light
    edge = np.minimum((x / camera.head.width) ** 4, 1.5)  # skin turns away from the eye
    total: npt.NDArray[np.float32] = 1 + light_x * x + light_y * y - 0.22 * edge
    blobs = (
        (-_EYE_U, -0.13, 0.20, 0.13, -0.24),
        (_EYE_U, -0.13, 0.20, 0.13, -0.24),
        (0.0, 0.08, 0.06, 0.22, 0.12),
        (-0.40, 0.24, 0.18, 0.15, 0.08 + 0.08 * face.cheek),
        (0.40, 0.24, 0.18, 0.15, 0.08 + 0.08 * face.cheek),
        (0.0, -0.55, 0.40, 0.16, 0.07),
        (0.0, 0.42, 0.12, 0.04, -0.16),
        (0.0, _MOUTH_V + 0.2 + 0.6 * face.mouth_open, 0.16, 0.05, -0.14),
    )
    places = (camera.project(np.array([blob[:2] for blob in blobs])) - camera.center) / camera.unit
    for (at_x, at_y), (_, _, spread_u, spread_v, strength) in zip(places, blobs, strict=True):
        total += strength * np.exp(-(((x - at_x) / spread_u) ** 2 + ((y - at_y) / spread_v) ** 2))
    return total.astype(np.float32)
