"""Asking TFLM on this computer what it makes of a .tflite: the same bytes, the same checks as on the board.

It computes with reference kernels, and its records are 64 bits wide: `cost.arena` makes the board's figures of that.
Standard library alone; the program that it starts needs tflite-micro.
"""

import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from microfer.errors import MicroferError
from microfer.json_reader import parse
from microfer.tflite.graph import TfliteModel
from microfer.tflite.verdict import Verdict

TIMEOUT_S = 60
"""For one network: a loop without end is stopped then."""

MOST_WORDS = 300
"""Characters of what TFLM says that are kept."""


def judge(model: TfliteModel) -> Verdict | None:
    """Return what TFLM makes of a model that `tflite_file.read` accepted; None where this machine has no TFLM.

    Raises:
        MicroferError: the program that asks TFLM cannot be started.
    """
    return next(judge_all([model.content])) if find_spec("tflite_micro") else None


def judge_all(contents: Sequence[bytes]) -> Iterator[Verdict]:
    """Yield a verdict for each .tflite, in order. One that ends TFLM's process, or never ends, is refused by that.

    Raises:
        MicroferError: the program that asks TFLM cannot be started.
    """
    done = 0
    while done < len(contents):
        lines, end = _ask(contents[done:])
        for line in lines:
            yield _verdict(parse(line))
        done += len(lines)
        if done < len(contents):
            yield Verdict(refused=end, at="run")
            done += 1


def _ask(contents: Sequence[bytes]) -> tuple[list[bytes], str]:
    """Return an answer for each of the first contents, and what ended the process at the next one."""
    message = b"".join(struct.pack("<I", len(content)) + content for content in contents)
    command = [sys.executable, "-P", str(Path(__file__).with_name("judge_probe.py"))]
    try:
        probe = subprocess.run(
            command, input=message, capture_output=True, timeout=TIMEOUT_S + len(contents), check=False
        )
    except subprocess.TimeoutExpired as error:
        return (error.stdout or b"").splitlines(), f"it ran for more than {TIMEOUT_S} s"
    except OSError as error:
        raise MicroferError(f"cannot start {sys.executable} to ask TFLM: {error}") from error
    if probe.returncode == 1:
        raise MicroferError(f"TFLM cannot be asked: {probe.stderr.decode(errors='replace').strip()[-MOST_WORDS:]}")
    return probe.stdout.splitlines(), f"its process ended with status {probe.returncode}"


def _verdict(answer: Any) -> Verdict:
    if answer["failed_at"] is None:
        return Verdict(head_bytes=int(answer["head"] or 0), tail_bytes=int(answer["tail"] or 0))
    words = " / ".join(line.strip() for line in str(answer["log"]).splitlines() if line.strip())
    return Verdict(refused=words[:MOST_WORDS] or "it gave no reason", at=str(answer["failed_at"]))
