"""Which way of looking a computer has: window, terminal, web page."""

import importlib.util
import os
import re
import sys
from typing import Literal

Display = Literal["window", "terminal"]


def choose_display() -> tuple[Display, str]:
    """Return the window where this computer can open one, else the terminal, and why, in words."""
    missing = why_no_window()
    if missing:
        return "terminal", f"terminal view, because {missing} (--web shows a page in the browser)"
    return "window", "window, because OpenCV and a display are here (--headless shows the terminal view)"


def why_no_window() -> str:
    """Return what is missing for a window; empty where nothing is."""
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "there is no display"
    if importlib.util.find_spec("cv2") is None:
        return "OpenCV is not installed"
    import cv2

    found = re.search(r"^\s*GUI:\s*(\S+)", cv2.getBuildInformation(), re.MULTILINE)
    if found is None or found[1] == "NONE":
        return "this OpenCV is the headless build"
    return ""
