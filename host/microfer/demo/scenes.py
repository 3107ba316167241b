"""What the demo's camera sees, scene after scene, and which scene each of the board's frames came from."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from microfer.errors import MicroferError
from microfer.pictures import pictures
from microfer.virtual_board.frame_source import (
    FACE_PART,
    VIDEO_SUFFIXES,
    FrameSource,
    GrayFrame,
    PictureSource,
    SceneSource,
    WebcamSource,
    cut,
    open_source,
)

PORTRAIT, NOBODY = "astronaut's portrait", "nobody"
DRAWN = {"a drawn person": 5, "another drawn person": 4}
"""Names, and whose turn it is in the drawn scene."""

PARTS = ((PORTRAIT, 6), ("a drawn person", 4), ("another drawn person", 3), (NOBODY, 2), (PORTRAIT, 5))
"""The demo's own scenes and how long each is, in parts of the whole. The real face ends it, for the screenshot."""

MOST_NAMED = 4
"""Of more scenes only the number is said."""

PORTRAIT_CENTER_PX, PORTRAIT_FACE_PX = (225, 115), 97
"""Where the face is in the astronaut picture, and how large."""


@dataclass(frozen=True)
class Scene:
    """One thing to be seen.

    open: makes its source, when its turn comes; called again, it returns the same one. frames: for how many frames it
    is shown. begin_s: where in the source's time it begins.
    """

    name: str
    open: Callable[[], FrameSource]
    frames: int
    begin_s: float = 0.0


class Scenery:
    """The camera's source: scenes in their turn, over and over.

    A scene that cannot be opened is left out from then on. `problems` tells of it, and of one that stopped delivering,
    by the scene's name.
    """

    def __init__(self, scenes: Sequence[Scene]) -> None:
        """Open the first scene that can be opened.

        Raises:
            MicroferError: none can be; the text says why the last one could not.
        """
        names = list(dict.fromkeys(scene.name for scene in scenes))
        self.name = ", ".join(names) if len(names) <= MOST_NAMED else f"{len(names)} pictures"
        self.frames = sum(scene.frames for scene in scenes)
        """How many frames all of them take together."""
        self.seen: list[str] = []
        """The scene's name for each frame, by the board's number of the frame."""
        self.problems: dict[str, str] = {}
        self._scenes = list(scenes)
        self._turn = -1
        self._opened: list[FrameSource] = []
        self._begin_s: float | None = None
        self._left = 0
        self._source = self._next()

    def frame(self, time_s: float) -> GrayFrame:
        """Return what is seen. Raises MicroferError where a webcam or video has nothing to see any more."""
        if self._left == 0:
            self._source = self._next()
        if self._begin_s is None:
            self._begin_s = time_s
        scene = self._scenes[self._turn]
        try:
            frame = self._source.frame(scene.begin_s + time_s - self._begin_s)
        except MicroferError as error:
            self.problems[scene.name] = str(error)
            raise
        self._left -= 1
        self.seen.append(scene.name)
        return frame

    def close(self) -> None:
        """Give back what was opened."""
        for source in self._opened:
            source.close()

    def _next(self) -> FrameSource:
        self._turn += 1
        while True:
            scene = self._scenes[self._turn % len(self._scenes)]
            self._turn %= len(self._scenes)
            try:
                source = scene.open()
            except MicroferError as error:
                self.problems[scene.name] = str(error)
                self._scenes.remove(scene)
                if not self._scenes:
                    raise
                continue
            if source not in self._opened:
                self._opened.append(source)
            self._begin_s, self._left = None, scene.frames
            return source


class MovingPortrait:
    """The portrait of Eileen Collins, seen by a camera that is moved about a little, nearer and farther."""

    name = PORTRAIT

    def __init__(self) -> None:
        """Read the picture. Raises MicroferError where it is missing."""
        self._gray = pictures.read(pictures.astronaut_path()).gray()

    def frame(self, time_s: float) -> GrayFrame:
        """Return what is seen at that time."""
        x, y = PORTRAIT_CENTER_PX
        tall = PORTRAIT_FACE_PX / (FACE_PART - 0.05 + 0.1 * math.sin(0.9 * time_s))
        return cut(self._gray, x + 12 * math.sin(1.3 * time_s), y + 8 * math.sin(1.9 * time_s), tall)

    def close(self) -> None:
        """Do nothing."""


def own_scenes(frames: int) -> list[Scene]:
    """Return the demo's own scenes: a real face, drawn people, nobody, and the real face again; at least one each."""
    portrait = _once(MovingPortrait)
    people, empty = _once(SceneSource), _once(lambda: SceneSource(is_empty=True))
    opens = {PORTRAIT: portrait, NOBODY: empty} | dict.fromkeys(DRAWN, people)
    whole = sum(part for _, part in PARTS)
    return [
        Scene(name, opens[name], max(1, round(frames * part / whole)), DRAWN.get(name, 0) * SceneSource.PERSON_S)
        for name, part in PARTS
    ]


def named_scenes(sources: Sequence[Path], frames: int) -> list[Scene]:
    """Return a scene for each picture, or one for a video; `frames` are shared out, at least one each.

    Raises:
        MicroferError: a source is missing, a folder holds no picture, or a video is not named alone.
    """
    if any(source.suffix.lower() in VIDEO_SUFFIXES for source in sources):
        video = open_source(sources)
        return [Scene(video.name, lambda: video, frames)]
    paths = pictures.expand(list(sources))
    names = _names(paths)
    return [
        Scene(name, _once(partial(PictureSource, [path])), max(1, round(frames / len(paths))))
        for path, name in zip(paths, names, strict=True)
    ]


def webcam_scene(number: int, frames: int) -> list[Scene]:
    """Return what a webcam sees."""
    return [Scene(f"webcam {number}", _once(partial(WebcamSource, number)), frames)]


def _once(make: Callable[[], FrameSource]) -> Callable[[], FrameSource]:
    return cache(make)


def _names(paths: Sequence[Path]) -> list[str]:
    """Return the files' names, or their whole paths where two have the same name."""
    names = [path.name for path in paths]
    return [str(path) if names.count(path.name) > 1 else path.name for path in paths]
