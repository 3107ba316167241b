"""The demo: virtual board and viewer in one process, on real faces, with a summary at the end.

`scenes` is what the camera sees, `session` runs board and viewer and chooses the display, `account` keeps what came of
each frame, `summary` says it.
"""
