"""OpenCV, with an error that names the cure where its import fails or a part of it is missing."""

import os
import sys

from microfer.errors import MicroferError

DESKTOP_LIBRARIES = "libGL and libxcb (on Debian and Ubuntu: sudo apt install libgl1 libxcb1 libglib2.0-0)"

try:
    import cv2
except ImportError as error:
    raise MicroferError(
        f"OpenCV cannot be loaded ({error}). Where a library such as libGL.so.1 is missing: opencv-python needs "
        f"the desktop libraries {DESKTOP_LIBRARIES}; opencv-python-headless needs none: "
        "pip uninstall opencv-python, then pip install --force-reinstall opencv-python-headless"
    ) from error

__all__ = ["cv2", "open_window"]


def open_window(title: str) -> None:
    """Open an empty window.

    Raises:
        MicroferError: there is no display, or this is the headless build of OpenCV.
    """
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        # Asked first, because the full build ends the whole process where it finds no display.
        raise MicroferError(
            "there is no display here (DISPLAY is not set); leave out --show and look at the saved picture"
        )
    try:
        cv2.namedWindow(title, cv2.WINDOW_AUTOSIZE)
    except cv2.error as error:
        raise MicroferError(
            "this OpenCV cannot open a window: it is the headless build. For a window: pip uninstall "
            'opencv-python-headless, then pip install "opencv-python>=4.14,<5", which needs the desktop libraries '
            f"{DESKTOP_LIBRARIES}. Or leave out --show and look at the saved picture"
        ) from error
