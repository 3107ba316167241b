"""How fast frames are written and read: by the host's codec, and by the board's, compiled for this computer."""

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from microfer.errors import MicroferError
from microfer.export.messages_header import messages_header
from microfer.files import write_text
from microfer.link.layout import Message
from microfer.link.messages import CROP_BYTES, Answer, CropPreview, FaceSource, Prediction
from microfer.link.protocol import encode
from microfer.link.reader import LinkReader
from microfer.release import REPOSITORY

ROUNDS = 5
"""The fastest of them counts: the others were disturbed."""

CHUNK_BYTES = 4096
"""What a serial port gives at a time."""

CROP_PREVIEW = CropPreview(12_345, bytes(i * 7 % 256 for i in range(CROP_BYTES)))

PREDICTION = Prediction(
    frame=12_345,
    capture_time_us=617_250_000,
    face_x_px=-3,
    face_y_px=20,
    face_width_px=64,
    face_height_px=64,
    smoothed_q16=(1000, 2000, 3000, 50_000, 4000, 3000, 2536),
    capture_us=4000,
    face_us=5000,
    crop_us=300,
    tensor_us=50,
    invoke_us=61_234,
    prediction_us=20,
    answer=Answer.LABEL,
    label=3,
    face_source=FaceSource.TRACKED,
    raw_scores=(-124, -120, -116, 67, -112, -116, -119),
)

MESSAGES: tuple[Message, ...] = (CROP_PREVIEW, PREDICTION)


@dataclass(frozen=True)
class Speed:
    """Megabytes (10^6 bytes on the wire) a second of one codec on one message."""

    codec: str
    message: str
    encode_mb_s: float
    decode_mb_s: float


def measure_python(frames: int) -> list[Speed]:
    """Return the speed of the host's codec, from `frames` frames of each message."""
    return [_measure(message, frames) for message in MESSAGES]


def measure_cpp() -> list[Speed]:
    """Return the speed of the board's codec on this computer; nothing where there is no C++ compiler.

    Raises:
        MicroferError: it does not compile or run; the text holds the compiler's last lines.
    """
    compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        return []
    library = REPOSITORY / "firmware" / "lib"
    with tempfile.TemporaryDirectory() as folder:
        write_text(Path(folder) / "generated" / "messages.h", messages_header())
        sources = [REPOSITORY / "tests" / "firmware" / "protocol_benchmark.cc", *(library / "protocol").glob("*.cc")]
        program = Path(folder) / "benchmark"
        _run([compiler, "-std=c++17", "-O2", "-I", folder, "-I", str(library), *map(str, sources), "-o", str(program)])
        lines = map(json.loads, _run([str(program)]).splitlines())
        return [Speed("C++", line["message"], line["encode"], line["decode"]) for line in lines]


def _measure(message: Message, frames: int) -> Speed:
    stream = b"".join(encode(message, sequence % 0xFFFF) for sequence in range(frames))

    def write() -> None:
        for sequence in range(frames):
            encode(message, sequence % 0xFFFF)

    def read() -> None:
        reader = LinkReader()
        for begin in range(0, len(stream), CHUNK_BYTES):
            reader.feed(stream[begin : begin + CHUNK_BYTES])
        if reader.counters.received != frames:
            raise MicroferError(f"{reader.counters.received} of {frames} frames came back: the codec has a fault")

    megabytes = len(stream) / 1e6
    return Speed("Python", type(message).__name__, megabytes / _fastest(write), megabytes / _fastest(read))


def _fastest(work: Callable[[], None]) -> float:
    """Return the shortest time of a few runs, in seconds."""
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times)


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise MicroferError(f"{Path(command[0]).name} ended with status {done.returncode}: {done.stderr[-500:]}")
    return done.stdout
