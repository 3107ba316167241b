"""Let TFLM prepare and run each .tflite that comes in on standard input; say what became of it. `judge` runs this.

A program of its own because TFLM reports on the process's standard error, and because a network that it does not expect
may end the process. In: a length of four bytes, little-endian, and so many bytes. Out: a line of JSON for each. Needs
tflite-micro and numpy alone.
"""

import json
import os
import re
import struct
import sys
import tempfile
from typing import Any

ARENA_BYTES = 1 << 28
"""More than any ESP32-S3 has; what is not touched costs nothing."""


def main() -> None:
    """Answer until the input ends."""
    from tflite_micro.python.tflite_micro import runtime

    report = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
    os.dup2(report.fileno(), 2)
    while header := sys.stdin.buffer.read(4):
        (size,) = struct.unpack("<I", header)
        content = sys.stdin.buffer.read(size)
        report.seek(0)
        report.truncate()
        print(json.dumps(_judge(runtime, content, report)), flush=True)


def _judge(runtime: Any, content: bytes, report: Any) -> dict[str, Any]:
    step = "start"
    try:
        interpreter = runtime.Interpreter.from_bytes(content, arena_size=ARENA_BYTES)
        step = "run"
        _clear_inputs(interpreter)
        report.seek(0)
        report.truncate()  # TFLM says that there is no further input
        interpreter.invoke()
    except Exception as error:  # the wrapper raises what it likes
        return {"failed_at": step, "log": _text(report) or str(error)}
    interpreter.print_allocations()
    found = dict(re.findall(r"Arena allocation (head|tail) (\d+) bytes", _text(report)))
    return {"failed_at": None, "log": "", "head": int(found["head"]), "tail": int(found["tail"])}


def _clear_inputs(interpreter: Any) -> None:
    """Fill all inputs with zeros, so that no index in them leads out of a tensor."""
    import numpy as np

    for number in range(1000):
        try:
            details = interpreter.get_input_details(number)
        except (IndexError, ValueError, RuntimeError):
            return
        interpreter.set_input(np.zeros(details["shape"], details["dtype"]), number)


def _text(report: Any) -> str:
    report.seek(0)
    return str(report.read().decode(errors="replace").strip())


if __name__ == "__main__":
    main()
