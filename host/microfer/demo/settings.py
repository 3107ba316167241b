"""What the demo is asked for. Imports nothing heavy, so that its command answers at once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FPS = 10
SECONDS, LEAST_SECONDS, PICTURE_SECONDS = 18.0, 9.0, 3.0
"""How long the demo runs: with its own scenes or live, with pictures at least, and for each picture."""

Display = Literal["best", "web", "terminal", "progress"]
"""best: a window where there can be one, else the terminal, else progress alone: a line whenever the answer changes."""


@dataclass(frozen=True)
class DemoSettings:
    """One run of the demo.

    sources: pictures, folders of them, or one video; none for the demo's own scenes. webcam: its number instead.
    seconds: how long; None for what suits the sources. out: the screenshot's folder. model: None for the release.
    browser: whether display "web" opens the page.
    """

    out: Path
    sources: tuple[Path, ...] = ()
    webcam: int | None = None
    seconds: float | None = None
    display: Display = "best"
    browser: bool = True
    model: Path | None = None
