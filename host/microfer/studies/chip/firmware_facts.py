"""What the firmware's sources say about a frame's way: read where it stands, so that no figure is copied."""

import re
from dataclasses import dataclass
from pathlib import Path

from microfer.contract import CAMERA_HEIGHT_PX, CAMERA_WIDTH_PX, SEARCH_HEIGHT_PX, SEARCH_WIDTH_PX
from microfer.errors import MicroferError
from microfer.files import read_bytes
from microfer.release import REPOSITORY

TRACKER = "lib/face/face_tracker.h"
BOARD = "lib/device/board_core.h"
MAIN = "src/main.cc"


@dataclass(frozen=True)
class FirmwareFacts:
    """How the firmware runs.

    detect_every: with a face in sight the detector runs on every so many frames; without one on each.
    capture_core, device_core: who runs the camera's task, and the one that does everything else.
    frame_px, search_px: (width, height) of the camera's frames, and the largest that the detector takes.
    """

    detect_every: int
    capture_core: int
    device_core: int
    frame_px: tuple[int, int]
    search_px: tuple[int, int]

    @property
    def halves(self) -> bool:
        """Whether each frame is halved before a face is looked for."""
        return self.frame_px[0] > self.search_px[0] or self.frame_px[1] > self.search_px[1]


def read_firmware(firmware: Path = REPOSITORY / "firmware") -> FirmwareFacts:
    """Return what the sources in `firmware` say.

    Raises:
        MicroferError: a source is missing, or no longer says it in a way that is understood.
    """
    # The board's tracker is made with the defaults: else they would not be what runs.
    _find(firmware / BOARD, r"constexpr TrackerSettings kTrackerSettings;()")
    every = _find(firmware / TRACKER, r"struct TrackerSettings \{.*?\n  int detect_every = (\d+);")
    if every < 1:
        raise MicroferError(f"{firmware / TRACKER} says detect_every = {every}, expected 1 or more")
    return FirmwareFacts(
        every,
        _find(firmware / MAIN, r'StartTask\(\{"capture",[^}]*, (\d+)\}'),
        _find(firmware / MAIN, r'StartTask\(\{"device",[^}]*, (\d+)\}'),
        (CAMERA_WIDTH_PX, CAMERA_HEIGHT_PX),
        (SEARCH_WIDTH_PX, SEARCH_HEIGHT_PX),
    )


def _find(path: Path, pattern: str) -> int:
    found = re.search(pattern, read_bytes(path).decode(), re.DOTALL)
    if found is None:
        raise MicroferError(
            f"{path} holds nothing like {pattern!r}: the firmware was changed, "
            "so change microfer.studies.chip.firmware_facts"
        )
    return int(found[1] or 0)
