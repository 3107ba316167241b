"""Level 4 of parity: what one board answered on crops that the host sent, against TFLM on this computer.

Frozen results, judged and ready for JSON. Asking the board is `microfer.parity.board`.
"""

import io
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from microfer.contract import CROP_SIZE
from microfer.files import write_bytes
from microfer.parity.compare import BitComparison, compare_raw
from microfer.parity.images import ImageSet

ENLARGEMENT = 8
"""The differing picture is saved with each pixel this wide and high, so that a person sees it."""

ORACLES = {"tflm": "TFLM", "litert-reference": "LiteRT's reference kernels (no TFLM here)"}

TIMES_NOTE = (
    "Times are those that the other end of the link reports. What a virtual board or an emulated chip reports is this "
    "computer's time, and says nothing about a board's."
)


@dataclass(frozen=True)
class BoardIdentity:
    """Who answered, from its hello."""

    board: str
    firmware_version: str
    kernels: str
    protocol_version: int

    @property
    def key(self) -> tuple[str, str]:
        """What a certificate keeps one entry of: the board and its kernels."""
        return self.board, self.kernels

    def describe(self) -> str:
        """Return one line for people."""
        return f"{self.board}, kernels {self.kernels}, firmware {self.firmware_version}"


@dataclass(frozen=True)
class InvokeTimes:
    """How long one run of the network took, in microseconds by the board's clock. Each is one that was measured."""

    min_us: int
    median_us: int
    p95_us: int
    p99_us: int
    max_us: int

    @classmethod
    def of(cls, times_us: Sequence[int]) -> "InvokeTimes":
        """Return the distribution of at least one time."""
        ranks = np.percentile(times_us, (0, 50, 95, 99, 100), method="inverted_cdf")
        return cls(*(int(time_us) for time_us in ranks))


@dataclass(frozen=True)
class LinkTotals:
    """How the link fared, over all sittings of one comparison.

    retries: commands sent again. losses: of the port. restarts: of the board. missed: frames of the board that never
    arrived. damaged: pieces of the stream that were no frame. sittings: times that the program was started for it.
    """

    retries: int = 0
    losses: int = 0
    restarts: int = 0
    missed: int = 0
    damaged: int = 0
    sittings: int = 1

    def plus(self, other: "LinkTotals") -> "LinkTotals":
        """Return both added up, field by field."""
        return LinkTotals(**{name: count + getattr(other, name) for name, count in asdict(self).items()})


@dataclass(frozen=True)
class BoardLevel:
    """Level 4 for one board.

    oracle: what ran here, "tflm" or, where that has no wheel, "litert-reference".
    allowed: the most images that may differ. picture_png: the first differing crop as a PNG, base64; None without one.
    """

    board: BoardIdentity
    images: ImageSet
    oracle: str
    allowed: int
    bits: BitComparison
    times: InvokeTimes
    link: LinkTotals
    picture_png: str | None = None

    @property
    def verdict(self) -> Literal["passed", "failed"]:
        """Whether no more images differ than allowed."""
        return "failed" if self.reasons else "passed"

    @property
    def oracle_name(self) -> str:
        """What ran on this computer, as people read it."""
        return ORACLES.get(self.oracle, self.oracle)

    @property
    def reasons(self) -> tuple[str, ...]:
        """A sentence where too many images differ."""
        different, first = self.bits.count - self.bits.equal, self.bits.first
        if different <= self.allowed or first is None:
            return ()
        return (
            f"the board differs from {self.oracle_name} on {different:,} of {self.bits.count:,} images, allowed are "
            f"{self.allowed}; the first is image {first.index} ({first.name})",
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain values: verdict and reasons, then the fields under their own names."""
        return {
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "board": asdict(self.board),
            "data": self.images.to_json(),
            "oracle": self.oracle,
            "allowed": self.allowed,
            "result": self.bits.to_json(),
            "invoke": asdict(self.times),
            "link": asdict(self.link),
            "picture_png": self.picture_png,
        }


def judge(
    board: BoardIdentity,
    images: ImageSet,
    oracle: str,
    allowed: int,
    crops: npt.NDArray[np.uint8],
    names: npt.NDArray[np.str_],
    expected: npt.NDArray[np.int8],
    found: npt.NDArray[np.int8],
    invoke_us: Sequence[int],
    link: LinkTotals,
) -> BoardLevel:
    """Return level 4 for raw outputs, int8 (n, classes), of `crops`, uint8 (n, 48, 48), and the time of each run.

    Raises:
        MicroferError: there is no image.
    """
    bits = compare_raw(expected, found, names)
    picture = None if bits.first is None else b64encode(crop_png(crops[bits.first.index])).decode()
    return BoardLevel(board, images, oracle, allowed, bits, InvokeTimes.of(invoke_us), link, picture)


def save_picture(level: BoardLevel, folder: Path) -> Path | None:
    """Write the first differing crop, enlarged, into `folder` and return its path; None where all are equal.

    A picture that an earlier comparison of the same board left there is replaced or deleted.
    """
    name = re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(level.board.key)).strip("-.")
    path = folder / f"first-difference-{name}.png"
    if level.picture_png is None:
        path.unlink(missing_ok=True)
        return None
    with Image.open(io.BytesIO(b64decode(level.picture_png))) as picture:
        write_bytes(path, crop_png(np.asarray(picture, np.uint8), ENLARGEMENT))
    return path


def crop_png(crop: npt.NDArray[np.uint8], enlargement: int = 1) -> bytes:
    """Return a crop, uint8 (48, 48), as a PNG whose pixels are `enlargement` wide and high, without smoothing."""
    side = CROP_SIZE * enlargement
    buffer = io.BytesIO()
    Image.fromarray(crop).resize((side, side), Image.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()
