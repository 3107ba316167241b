"""The view in a window of this desktop, by OpenCV. It needs the full `opencv-python`: the headless build has none."""

from microfer.errors import MicroferError
from microfer.pictures.opencv import DESKTOP_LIBRARIES, cv2
from microfer.viewer.displays import why_no_window
from microfer.viewer.picture import draw
from microfer.viewer.viewer import KEYS, Viewer

NAME = "microfer"
REDRAW_MS = 40
_NO_KEY = 255


def show(viewer: Viewer) -> None:
    """Start the viewer and show it in a window until it has finished or the window is closed; keys as in `KEYS`.

    Raises:
        MicroferError: there is no display, or OpenCV has no windows; says what to do.
    """
    if missing := why_no_window():
        raise MicroferError(
            f"no window can be opened: {missing}. Watch with --web or --headless instead; or, on a desktop: pip "
            'uninstall opencv-python-headless, then pip install "opencv-python>=4.14,<5", which needs the desktop '
            f"libraries {DESKTOP_LIBRARIES}"
        )
    cv2.namedWindow(NAME, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
    cv2.setWindowTitle(NAME, f"microfer    {'    '.join(f'{key}: {name}' for key, name, _ in KEYS)}")
    viewer.start()
    try:
        _run(viewer)
    finally:
        cv2.destroyAllWindows()
        cv2.waitKey(1)  # it goes away only when events are handled once more


def _run(viewer: Viewer) -> None:
    is_open = False
    while not viewer.finished.is_set():
        picture = draw(viewer.view())
        if not is_open:
            cv2.resizeWindow(NAME, picture.shape[1], picture.shape[0])
        cv2.imshow(NAME, picture)
        key = cv2.waitKey(REDRAW_MS) & 0xFF
        if key != _NO_KEY:
            viewer.press(chr(key))
        if is_open and not _is_visible():
            viewer.quit()
        is_open = True


def _is_visible() -> bool:
    """Return whether the window is still there; Qt's OpenCV raises an error once its last window was closed."""
    try:
        return cv2.getWindowProperty(NAME, cv2.WND_PROP_VISIBLE) >= 1
    except cv2.error:
        return False
