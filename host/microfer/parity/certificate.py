"""A model's parity certificate: levels 2 to 4, judged, with all that is needed to repeat them.

Levels 2 and 3 run here, on one set of images; each board that was compared (level 4) is added to them.
"""

import hashlib
import importlib.util
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from microfer.errors import TRAIN_LOCK_HINT, MicroferError
from microfer.files import read_bytes
from microfer.parity.board_level import BoardLevel
from microfer.parity.compare import BitComparison, ScoreComparison, compare_raw, compare_scores
from microfer.parity.images import Images, ImageSet
from microfer.parity.limits import Limits, Verdict, verdict_of
from microfer.release import FLOAT_FILE
from microfer.runtimes.parallel import run_parallel
from microfer.runtimes.runners import Runner, TflmRunner, has_tflm, open_model, open_tflite
from microfer.runtimes.sqnr import Layers, layer_sqnr, spread
from microfer.tensor import decode_scores
from microfer.tflite import tflite_file
from microfer.tflite.metadata import ENTRY_NAME, read_metadata
from microfer.versions import package_versions

SCHEMA = "microfer.parity/1"
"""Names the JSON's layout; a key that changes its meaning or goes away makes it /2."""

FLOAT_TFLITE = "float.tflite"


@dataclass(frozen=True)
class Level:
    """One level's verdict, why (a sentence for each fault, or why it did not run), and what was measured."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()
    result: ScoreComparison | BitComparison | None = None

    def to_json(self) -> dict[str, Any]:
        """Return verdict, reasons and the result, None where it did not run."""
        return {
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "result": self.result.to_json() if self.result else None,
        }


@dataclass(frozen=True)
class Model:
    """Which file it was: name, SHA-256 of its bytes, and the id that it carries, if any."""

    file: str
    sha256: str
    size_bytes: int
    model_id: str | None = None


@dataclass(frozen=True)
class Certificate:
    """What `certify` found. `kernels` names what ran each model.

    noise: SQNR of each layer in dB, measured where level 2 failed; None otherwise, `noise_missing` then says why
    where it should have been.
    boards: level 4, for each board and its kernels the latest comparison.
    """

    model: Model
    float_model: Model | None
    images: ImageSet
    limits: Limits
    kernels: dict[str, str | None]
    float_against_int8: Level
    reference_against_tflm: Level
    noise: Layers | None = None
    noise_missing: str | None = None
    boards: tuple[BoardLevel, ...] = ()
    versions: dict[str, str | None] = field(default_factory=package_versions)

    @property
    def passed(self) -> bool:
        """No limit is exceeded, and at least one level was judged."""
        verdicts = self._verdicts()
        return "failed" not in verdicts and "passed" in verdicts

    @property
    def failed(self) -> bool:
        """Whether a limit is exceeded."""
        return "failed" in self._verdicts()

    @property
    def complete(self) -> bool:
        """Levels 2 and 3 were judged, on a whole split. Level 4 is about boards, and can always get one more."""
        judged = all(level.verdict in {"passed", "failed"} for level in self.levels)
        return judged and not self.images.is_synthetic and self.images.is_whole_split

    @property
    def levels(self) -> tuple[Level, Level]:
        """Level 2 and level 3."""
        return self.float_against_int8, self.reference_against_tflm

    def with_board(self, board: BoardLevel) -> "Certificate":
        """Return the certificate with level 4 of one more board; it takes the place of the same board's, if any."""
        others = tuple(other for other in self.boards if other.board.key != board.board.key)
        return replace(self, boards=tuple(sorted((*others, board), key=lambda one: one.board.key)))

    def _verdicts(self) -> list[str]:
        return [*(level.verdict for level in self.levels), *(board.verdict for board in self.boards)]

    def to_json(self) -> dict[str, Any]:
        """Return the certificate as plain values; its layout is named by `schema`."""
        return {
            "schema": SCHEMA,
            "passed": self.passed,
            "complete": self.complete,
            "model": vars(self.model),
            "float_model": vars(self.float_model) if self.float_model else None,
            "data": self.images.to_json(),
            "limits": vars(self.limits),
            "kernels": self.kernels,
            "versions": self.versions,
            "float_against_int8": self.float_against_int8.to_json(),
            "reference_against_tflm": self.reference_against_tflm.to_json(),
            "noise": self.noise and [{"tensor": name, "db": _json_number(db)} for name, db in self.noise],
            "noise_missing": self.noise_missing,
            "boards": [board.to_json() for board in self.boards],
        }


def certify(
    int8_model: Path,
    float_model: Path | None,
    images: Images,
    limits: Limits,
    *,
    float_missing: str = "no float model was named",
    workers: int | None = None,
) -> Certificate:
    """Return the certificate of `int8_model` (.tflite) on `images`, against `float_model` (.keras or float .tflite).

    The int8 model runs in LiteRT's reference kernels and in TFLM, where that is installed.

    float_missing: why `float_model` is None; level 2 is then "not run".
    workers: see `run_parallel`.

    Raises:
        MicroferError: a model cannot be opened or run, or there is no image.
    """
    reference = open_tflite(int8_model, "reference", need_int8=True)
    floating = _open_float(float_model) if float_model else None
    pixels, names = images.data.images, images.data.names
    raw = run_parallel(reference, pixels, "raw", title="int8, LiteRT reference", workers=workers)
    tflm = Level("not run", (_NO_TFLM,))
    if has_tflm():
        found = run_parallel(open_tflite(int8_model, "tflm"), pixels, "raw", title="int8, TFLM", workers=workers)
        tflm = _judge(compare_raw(raw, found, names), limits)
    against_float = Level("not run", (float_missing,))
    if floating:
        scores = run_parallel(floating, pixels, "scores", title="float", workers=workers)
        compared = compare_scores(scores, decode_scores(raw), images.data.labels, names, images.of, images.data.classes)
        against_float = _judge(compared, limits)
        if images.synthetic:
            against_float = Level("not judged", (_SYNTHETIC,), against_float.result)
    noise, noise_missing = None, None
    if float_model and against_float.verdict == "failed":
        noise, noise_missing = _noise(float_model, int8_model, pixels)
    return Certificate(
        model=model_of(int8_model),
        float_model=model_of(float_model) if float_model else None,
        images=images.about(),
        limits=limits,
        kernels={
            "float": floating.name if floating else None,
            "int8": reference.name,
            "tflm": TflmRunner.name if has_tflm() else None,
        },
        float_against_int8=against_float,
        reference_against_tflm=tflm,
        noise=noise,
        noise_missing=noise_missing,
    )


def unjudged(int8_model: Path, images: Images, limits: Limits) -> Certificate:
    """Return a certificate without levels 2 and 3, for a board's comparison to be added to."""
    level = Level("not run", (_BOARD_ALONE,))
    kernels: dict[str, str | None] = {"float": None, "int8": None, "tflm": None}
    return Certificate(model_of(int8_model), None, images.about(), limits, kernels, level, level)


def float_beside(int8_model: Path) -> tuple[Path | None, str]:
    """Return the float model that lies beside `int8_model`, or None and why there is none that can be run here.

    A release holds `float.keras`, which needs Keras, or `float.tflite`, which does not; Keras's own comes first.
    """
    missing = f"there is neither {FLOAT_FILE} nor {FLOAT_TFLITE} beside {int8_model.name}; name one with --float"
    if (int8_model.parent / FLOAT_FILE).is_file():
        if importlib.util.find_spec("keras"):
            return int8_model.parent / FLOAT_FILE, ""
        missing = f"{FLOAT_FILE} needs Keras: {TRAIN_LOCK_HINT}"
    if (int8_model.parent / FLOAT_TFLITE).is_file():
        return int8_model.parent / FLOAT_TFLITE, ""
    return None, missing


_NO_TFLM = "no wheel of tflite-micro is installed on this machine, so the real TFLM was not run"
_BOARD_ALONE = "so far only a board was compared; the same command without --port adds this level"
_SYNTHETIC = "the faces are synthetic, so the limits on accuracy and agreement do not apply"


def _open_float(path: Path) -> Runner:
    runner = open_model(path, "optimized")  # in float, its kernels differ from the reference by rounding alone
    if getattr(runner, "is_int8", False):
        raise MicroferError(f"{path} is an int8 model; name the float model that it was made from")
    return runner


def _judge(result: ScoreComparison | BitComparison, limits: Limits) -> Level:
    judged = result.judge(limits)
    return Level(verdict_of(judged), tuple(one.reason for one in judged if one.reason), result)


def model_of(path: Path) -> Model:
    """Return which file this is. Raises MicroferError where it cannot be read, or is a .tflite that is damaged."""
    content = read_bytes(path)
    model_id = None
    if path.suffix.lower() == ".tflite":
        tflite = tflite_file.read(content, str(path))
        # A .tflite of another tool has no entry, and is compared all the same.
        model_id = read_metadata(tflite).model_id if ENTRY_NAME in tflite.metadata else None
    return Model(path.name, hashlib.sha256(content).hexdigest(), len(content), model_id)


def _noise(float_model: Path, int8_model: Path, pixels: npt.NDArray[np.uint8]) -> tuple[Layers | None, str | None]:
    """Return the layers' noise, or why it could not be measured: the verdict stands without it."""
    try:
        content: Path | bytes = float_model if float_model.suffix.lower() == ".tflite" else _converted(float_model)
        return layer_sqnr(content, int8_model, spread(pixels)), None
    except MicroferError as error:
        return None, str(error)


def _converted(keras_model: Path) -> bytes:
    """Return the .keras as a float .tflite, by the way its int8 sibling was made, so that their tensors share names."""
    from microfer.model.convert import convert_float
    from microfer.model.saved import load

    return convert_float(*load(keras_model))


def _json_number(value: float) -> float | None:
    """Return None for an infinite ratio: JSON has no infinity."""
    return value if math.isfinite(value) else None
