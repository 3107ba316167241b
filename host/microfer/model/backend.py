"""Keras' backend and TensorFlow's packages: chosen, checked and imported here, without their start-up messages."""

import faulthandler
import importlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Literal

from microfer.errors import TRAIN_LOCK_HINT, MicroferError

BACKENDS = ("torch", "tensorflow", "jax")

_LOGGED = re.compile(
    rb"[IWE]\d{4} \d\d:\d\d:\d\d|WARNING: All log messages before absl|To enable the following instructions"
    rb"|fully_quantize: "
)
"""Begins each line that TensorFlow's C++ logs: imported, of the processor and a missing GPU; and in its converter."""


def choose_backend(prefer: Literal["torch", "tensorflow"] = "torch") -> str:
    """Return Keras' backend: `KERAS_BACKEND` if set, else what is preferred, else the other where only that is there.

    PyTorch trains faster. Where a network is only asked for answers, TensorFlow is several times faster, because
    Keras compiles them to one graph there.

    Raises:
        MicroferError: `KERAS_BACKEND` names no backend that microfer knows.
    """
    other = "tensorflow" if prefer == "torch" else "torch"
    backend = os.environ.get("KERAS_BACKEND") or (prefer if find_spec(prefer) or not find_spec(other) else other)
    if backend not in BACKENDS:
        raise MicroferError(
            f"KERAS_BACKEND={backend} names no backend: set it to {', '.join(BACKENDS[:-1])} or {BACKENDS[-1]}, or "
            "leave it unset"
        )
    os.environ["KERAS_BACKEND"] = backend
    return backend


def load_keras(purpose: str, prefer: Literal["torch", "tensorflow"] = "torch") -> Any:
    """Return Keras on the backend of `choose_backend`. purpose: what needs it, the beginning of the error's sentence.

    Raises:
        MicroferError: as `choose_backend`; or a package is missing.
    """
    choose_backend(prefer)
    if find_spec("tensorflow"):  # on every backend Keras imports it, to fix random numbers and to save a network
        load_quietly("tensorflow", purpose)
    return _load("keras", purpose)


def load_quietly(name: str, purpose: str) -> Any:
    """Return TensorFlow or a package that imports it, by its `name`, without what the import logs.

    `TF_CPP_MIN_LOG_LEVEL` alone does not silence it: TensorFlow writes before it reads that, straight to the process'
    standard error. Set to 0 or 1, it is taken as the wish to see all of it.

    purpose: what needs it, the beginning of the error's sentence.

    Raises:
        MicroferError: it is not installed.
    """
    if "tensorflow" in sys.modules or os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2") in {"0", "1"}:
        return _load(name, purpose)
    with without_logged_lines():
        _load("tensorflow", purpose).config.list_physical_devices()  # which logs that there is no GPU
        return _load(name, purpose)


def _load(name: str, purpose: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise MicroferError(
            f"{purpose} needs the package {error.name}: {TRAIN_LOCK_HINT}"
            + ("; PyTorch itself: python -m pip install torch" if error.name == "torch" else "")
        ) from error


@contextmanager
def without_logged_lines() -> Iterator[None]:
    """Hold back what C++ writes to standard error, then pass on all lines but those that TensorFlow logged.

    What Python writes meanwhile, such as a progress bar, is shown at once.
    """
    try:
        shown = os.dup(2)
    except OSError:  # it is closed, so that there is nothing to hold back
        yield
        return
    with tempfile.TemporaryFile() as held, os.fdopen(shown, "wb", buffering=0) as stderr, _writing_to(shown):
        os.dup2(held.fileno(), 2)
        is_first = not faulthandler.is_enabled()
        if is_first:
            faulthandler.enable(stderr)  # what ends the process here must not end it without a word
        try:
            yield
        finally:
            if is_first:
                faulthandler.disable()
            os.dup2(shown, 2)
            held.seek(0)
            stderr.write(b"".join(line for line in held if not _LOGGED.match(line)))


@contextmanager
def _writing_to(handle: int) -> Iterator[None]:
    """Let Python's standard error, where it is the process', write to this handle instead."""
    theirs = sys.stderr
    try:
        is_ours = theirs is not None and theirs.fileno() == 2
    except (OSError, ValueError):  # a test's, which is no file
        is_ours = False
    if not is_ours:
        yield
        return
    theirs.flush()
    with os.fdopen(os.dup(handle), "w", buffering=1, encoding=theirs.encoding, errors="backslashreplace") as ours:
        sys.stderr = ours
        try:
            yield
        finally:
            sys.stderr = theirs
