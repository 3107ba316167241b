"""What a drawn face looks like: the part that expresses, and the part that stays.

Lengths are in face units: u to the right, v down, the origin between nose and eyes, one unit is half the height of
the head.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Expression:
    """How far a face departs from its neutral look. Lengths are in face units, up is positive.

    brow_inner, brow_outer: the height of the brows' ends; brow_pinch: how far they move together.
    eye_open: lid opening, 1 is neutral; eye_slant: height of the lids' inner ends; gaze_down: 0 to 1.
    mouth_corner: height of the corners; mouth_open: distance of the lips; mouth_width: 1 is neutral.
    lip_press: lips thinned, 0 to 1; lip_raise: height of the upper lip; teeth: share of the opening that they fill.
    nose_wrinkle, frown, fold, cheek: strength of wrinkles across the nose, between the brows, from nose to mouth, and
        of the raised cheek, 0 to 1.
    """

    name: str
    brow_inner: float = 0.0
    brow_outer: float = 0.0
    brow_pinch: float = 0.0
    eye_open: float = 1.0
    eye_slant: float = 0.0
    mouth_corner: float = 0.0
    mouth_open: float = 0.0
    mouth_width: float = 1.0
    lip_press: float = 0.0
    lip_raise: float = 0.0
    teeth: float = 0.0
    nose_wrinkle: float = 0.0
    frown: float = 0.0
    fold: float = 0.0
    cheek: float = 0.0
    gaze_down: float = 0.0


@dataclass(frozen=True)
class Head:
    """What stays the same whatever the face does: shape, tones (0..255), pose (radians) and light."""

    width: float
    jaw: float
    eye_size: float
    brow_thickness: float
    lip_thickness: float
    nose_width: float
    hair_length: float
    hairline: float
    skin: float
    hair: float
    background: float
    roll: float
    yaw: float
    pitch: float
    zoom: float
    shift: tuple[float, float]
    light: tuple[float, float]

    @classmethod
    def random(cls, rng: np.random.Generator) -> "Head":
        """Return a head by chance."""
        skin = rng.uniform(95, 225)
        hair = rng.uniform(10, 0.8 * skin)
        background = rng.uniform(10, 245)
        angle = rng.uniform(0, 2 * np.pi)
        light = rng.uniform(0, 0.22)
        return cls(
            width=rng.uniform(0.70, 0.82),
            jaw=rng.uniform(0.08, 0.24),
            eye_size=rng.uniform(0.9, 1.15),
            brow_thickness=rng.uniform(0.035, 0.065),
            lip_thickness=rng.uniform(0.05, 0.085),
            nose_width=rng.uniform(0.10, 0.15),
            hair_length=rng.choice([0.0, 0.15, 0.5, 1.2], p=[0.15, 0.35, 0.25, 0.25]),
            hairline=rng.uniform(-0.78, -0.60),
            skin=skin,
            hair=hair,
            background=background,
            roll=rng.normal(0, 0.07),
            yaw=rng.normal(0, 0.14),
            pitch=rng.normal(0, 0.07),
            zoom=rng.uniform(0.93, 1.07),
            shift=(rng.normal(0, 0.02), rng.normal(0, 0.02)),
            light=(light * np.cos(angle), light * np.sin(angle)),
        )
