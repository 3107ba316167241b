"""Watching a board, or the recording of one.

`view_model` makes a `view` of the link's events; `terminal`, `web` page and `window` draw it; `viewer` drives it all
and knows none of them.
"""
