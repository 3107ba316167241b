"""Find the smallest tensor arena of the .tflite on standard input; print it in bytes. `arena.measure_arena` runs this.

A program of its own because TFLM reports on the process's standard error, and because an arena that is far too small
may crash the process that tries it. Needs tflite-micro alone.
"""

import os
import re
import sys
import tempfile
from typing import Any

STEP = 16
"""Bytes; TFLM aligns what it places in the arena to this."""

LARGEST = 1 << 28


def main() -> None:
    """Read the model, measure, print."""
    from tflite_micro.python.tflite_micro import runtime

    model = sys.stdin.buffer.read()
    # The need is what TFLM itself recorded, unless the preparation of some operator takes more for a moment.
    size = _recorded(runtime, model)
    while not _fits(runtime, model, size) and size < LARGEST:
        size += STEP
    while _fits(runtime, model, size - STEP):
        size -= STEP
    print(size)


def _recorded(runtime: Any, model: bytes) -> int:
    interpreter = runtime.Interpreter.from_bytes(model, arena_size=LARGEST)
    interpreter.invoke()
    with tempfile.TemporaryFile() as report:
        standard_error = os.dup(2)
        os.dup2(report.fileno(), 2)
        interpreter.print_allocations()
        os.dup2(standard_error, 2)
        report.seek(0)
        text = report.read().decode(errors="replace")
    found = re.search(r"Arena allocation total (\d+) bytes", text)
    if found is None:
        raise SystemExit(f"TFLM's allocation report has no total: {text!r}")
    return -(-int(found[1]) // STEP) * STEP


def _fits(runtime: Any, model: bytes, size: int) -> bool:
    try:
        runtime.Interpreter.from_bytes(model, arena_size=size).invoke()
    except RuntimeError:
        return False
    return True


if __name__ == "__main__":
    main()
