"""Networks that others publish as .tflite files: what is estimated of them, to be put beside what is published.

The files are not in this repository: `git clone` each repository of REPOSITORIES and name where it lies.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from microfer.cost.estimate import estimate
from microfer.errors import MicroferError
from microfer.files import read_bytes
from microfer.runtimes.judge import judge_all
from microfer.tflite import tflite_file
from microfer.tflite.graph import TfliteModel
from microfer.tflite.verdict import Verdict

REPOSITORIES = {
    "tflm": "https://github.com/tensorflow/tflite-micro",
    "tiny": "https://github.com/mlcommons/tiny",
}
"""Short name -> where it is cloned from."""

_MICRO, _EXAMPLES = "tensorflow/lite/micro/models", "tensorflow/lite/micro/examples"
_TINY = "benchmark/training"
PUBLIC = {
    "hello_world, int8": ("tflm", f"{_EXAMPLES}/hello_world/models/hello_world_int8.tflite"),
    "hello_world, float": ("tflm", f"{_EXAMPLES}/hello_world/models/hello_world_float.tflite"),
    "micro_speech": ("tflm", f"{_EXAMPLES}/micro_speech/models/micro_speech_quantized.tflite"),
    "audio_preprocessor, int8": ("tflm", f"{_EXAMPLES}/micro_speech/models/audio_preprocessor_int8.tflite"),
    "dtln noise suppression": ("tflm", f"{_EXAMPLES}/dtln/dtln_noise_suppression.tflite"),
    "mnist_lstm, int8": ("tflm", f"{_EXAMPLES}/mnist_lstm/trained_lstm_int8.tflite"),
    "keyword_scrambled": ("tflm", f"{_MICRO}/keyword_scrambled.tflite"),
    "person_detect": ("tflm", f"{_MICRO}/person_detect.tflite"),
    "MobileNetV2 224": (
        "tflm",
        "third_party/xtensa/examples/pytorch_to_tflite/mobilenet_v2_quantized_1x3x224x224.tflite",
    ),
    "MLPerf Tiny: anomaly detection": ("tiny", f"{_TINY}/anomaly_detection/trained_models/ad01_int8.tflite"),
    "MLPerf Tiny: image classification": (
        "tiny",
        f"{_TINY}/image_classification/trained_models/pretrainedResnet_quant.tflite",
    ),
    "MLPerf Tiny: keyword spotting": ("tiny", f"{_TINY}/keyword_spotting/trained_models/kws_ref_model.tflite"),
    "MLPerf Tiny: keyword spotting, float weights": (
        "tiny",
        f"{_TINY}/keyword_spotting/trained_models/kws_ref_model_float32.tflite",
    ),
    "MLPerf Tiny: streaming wake word": (
        "tiny",
        f"{_TINY}/streaming_wakeword/trained_models/str_ww_ref_model.tflite",
    ),
    "MLPerf Tiny: visual wake words": ("tiny", f"{_TINY}/visual_wake_words/trained_models/vww_96_int8.tflite"),
}
"""Name -> (repository, path in it)."""


@dataclass(frozen=True)
class PublicNetwork:
    """One file. macs, instructions, arena_bytes: lower limits where the next field says so; milliseconds: from, to.

    tflm_bytes: of arena, as TFLM takes it on a computer without ESP-NN; 0 where it refuses the file. refused: why.
    """

    name: str
    repository: str
    path: str
    sha256: str
    macs: int
    counts_all_macs: bool
    instructions: int
    instructions_at_most: int | None
    milliseconds: tuple[float, float | None]
    arena_bytes: int
    arena_is_exact: bool
    tflm_bytes: int
    refused: str | None


def measure(folders: Mapping[str, Path]) -> list[dict[str, object]]:
    """Return a row for each of PUBLIC, as JSON values. folders: short name of a repository -> its clone.

    Raises:
        MicroferError: a folder or a file is missing, or this machine has no TFLM.
    """
    if missing := [name for name in REPOSITORIES if name not in folders]:
        raise MicroferError(f"no folder of {missing[0]}: git clone {REPOSITORIES[missing[0]]}, and name it")
    models = [tflite_file.read(folders[repository] / path) for repository, path in PUBLIC.values()]
    verdicts = judge_all([read_bytes(model.name) for model in models])
    rows = zip(PUBLIC.items(), models, verdicts, strict=True)
    return [asdict(_row(name, *where, model, verdict)) for (name, where), model, verdict in rows]


def _row(name: str, repository: str, path: str, model: TfliteModel, verdict: Verdict) -> PublicNetwork:
    one = estimate(model, verdict=verdict)
    most = one.most_instructions
    return PublicNetwork(
        name=name,
        repository=REPOSITORIES[repository],
        path=path,
        sha256=hashlib.sha256(model.content).hexdigest(),
        macs=one.macs,
        counts_all_macs=one.counts_all_macs,
        instructions=round(one.instructions),
        instructions_at_most=None if most is None else round(most),
        milliseconds=(round(1e3 * one.shortest, 2), one.longest and round(1e3 * one.longest, 2)),
        arena_bytes=one.arena.used,
        arena_is_exact=one.arena.is_exact,
        tflm_bytes=verdict.head_bytes + verdict.tail_bytes,
        refused=verdict.refused,
    )
