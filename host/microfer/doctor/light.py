"""The doctor's look at the light: the face should be large, bright, contrasty and sharp enough for the network.

The limits come from `scripts/measure.py light`, which makes FER-2013's crops worse bit by bit and shows both what is
measured of them and what that costs in accuracy. They are for the median of several crops.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from microfer.doctor.finding import Finding, Group
from microfer.doctor.observation import Observation
from microfer.link.messages import Answer

DARKEST = 40.0
"""Mean gray value. 99 % of PublicTest is above 49; at 39, three tenths of the light, accuracy is 9 points lower."""

BRIGHTEST = 205.0
"""Mean gray value. 99 % of PublicTest is below 201; at 208, twice the light and clipped, it is 14 points lower."""

LEAST_CONTRAST = 16.0
"""Standard deviation of the gray values. 99 % of PublicTest is above 25; at 16 accuracy is 7 points lower."""

LEAST_SHARPNESS = 0.1
"""Variance of the Laplacian, divided by that of the picture. 99 % of PublicTest is above 0.21; blurred by a Gaussian
of 0.7 pixels the median is 0.15 and accuracy 2 points lower, by one of 1 pixel it is 0.06 and 9 points."""

LEAST_FACE_PX = 28
"""Width of the face on the camera's frame. Reduced to 32 pixels PublicTest loses 4 points, to 28 6, to 24 10."""

_say = Group("light")


@dataclass(frozen=True)
class Light:
    """What is measured of a crop. brightness and contrast: mean and standard deviation, in gray values 0..255.

    sharpness: the variance of its Laplacian divided by its own variance, so that light and contrast do not matter;
    0 where all pixels are equal.
    """

    brightness: float
    contrast: float
    sharpness: float


def measure(crop: npt.NDArray[np.uint8]) -> Light:
    """Return what is measured of a crop, uint8 (48, 48).

    J. L. Pech-Pacheco et al., Diatom autofocusing in brightfield microscopy, ICPR 2000, for the Laplacian's variance.
    """
    gray = crop.astype(np.float64)
    inner = gray[1:-1, 1:-1]
    laplacian = gray[:-2, 1:-1] + gray[2:, 1:-1] + gray[1:-1, :-2] + gray[1:-1, 2:] - 4 * inner
    variance = float(gray.var())
    return Light(float(gray.mean()), variance**0.5, float(laplacian.var()) / variance if variance > 0 else 0.0)


def examine_light(seen: Observation, look: bool) -> list[Finding]:
    """Return the findings about the face's size, and with `look` about its light."""
    return [check_face_size(seen), *(check_light(seen.crops) if look else [_not_looked()])]


def check_face_size(seen: Observation) -> Finding:
    """Return whether a face was seen, and how large it was."""
    widths = [one.face_width_px for one in seen.predictions if one.answer != Answer.NO_FACE]
    if not seen.predictions:
        return _say.skipped("face", "the board sent no predictions")
    if not widths:
        step = "sit in front of the camera, with your face upright and lit from the front, and run this again"
        return _say.skipped("face", f"none was seen on {len(seen.predictions)} frames", step)
    width = float(np.median(widths))
    text = f"{width:.0f} pixels wide, on {len(widths)} of {len(seen.predictions)} frames"
    if width < LEAST_FACE_PX:
        return _say.warning("face", text, f"come closer, until it is at least {LEAST_FACE_PX} pixels wide")
    return _say.ok("face", text)


def check_light(crops: Sequence[npt.NDArray[np.uint8]]) -> list[Finding]:
    """Return the findings about some crops, uint8 (48, 48) each."""
    if not crops:
        return [
            _say.skipped("light", "no crop came: no face was seen", "sit in front of the camera and run this again")
        ]
    all_of_them = [measure(crop) for crop in crops]
    brightness = float(np.median([one.brightness for one in all_of_them]))
    contrast = float(np.median([one.contrast for one in all_of_them]))
    sharpness = float(np.median([one.sharpness for one in all_of_them]))
    return [_check_brightness(brightness), _check_contrast(contrast), _check_sharpness(sharpness)]


def _check_brightness(brightness: float) -> Finding:
    text = f"mean gray value {brightness:.0f} of 255"
    if brightness < DARKEST:
        return _say.warning("brightness", f"too dark: {text}", "light the face from the front, or open the curtains")
    if brightness > BRIGHTEST:
        return _say.warning("brightness", f"too bright: {text}", "turn the lamp away from the face")
    return _say.ok("brightness", text)


def _check_contrast(contrast: float) -> Finding:
    text = f"gray values spread by {contrast:.0f}"
    if contrast < LEAST_CONTRAST:
        step = "wipe the lens; avoid a window behind the face, and put a lamp a little to the side"
        return _say.warning("contrast", f"too low: {text}", step)
    return _say.ok("contrast", text)


def _check_sharpness(sharpness: float) -> Finding:
    text = f"relative variance of the Laplacian {sharpness:.2f}"
    if sharpness < LEAST_SHARPNESS:
        step = "wipe the lens, remove its protective film, turn it to focus; use more light, and hold still"
        return _say.warning("sharpness", f"blurred: {text}", step)
    return _say.ok("sharpness", text)


def _not_looked() -> Finding:
    return _say.skipped(
        "light",
        "not checked: this needs pixels of your face, and no pixel leaves the board unless you ask for it",
        "add --look to let the board send some crops to this computer; they are not stored",
    )
