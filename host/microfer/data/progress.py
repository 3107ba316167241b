"""A progress bar for reads that a person waits for."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from microfer.console import Bar

_SHORT = 2_000_000
"""Bytes that are read before a bar could be seen."""


@contextmanager
def progress_bar(title: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that is told how many of `total_bytes` are done by now.

    The bar is drawn on standard error and wiped at the end. Nothing is drawn where standard error is no console
    (a file, a pipe, CI) or where the read is short.
    """
    if total_bytes < _SHORT:
        yield lambda done: None
        return
    with Bar(title, total_bytes, counted=False) as bar:
        yield bar.move
