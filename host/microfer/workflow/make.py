"""A trained network made into the model that a board runs: quantized, gated, calibrated, proven.

Each step is a function on one page; `make_model` calls them in order, and leaves out what an earlier call has done.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from microfer.calibrate.calibrate import calibrate
from microfer.calibrate.coverage import for_coverage
from microfer.calibrate.temperature import natural_floor
from microfer.compress.quantize import Gate, gate, representative_images
from microfer.console import Bar
from microfer.data.dataset import Dataset
from microfer.data.splits import require_classes
from microfer.errors import MicroferError
from microfer.files import fingerprint, write_bytes, write_json
from microfer.json_reader import read_json
from microfer.model import saved
from microfer.model.convert import quantize
from microfer.oracle.golden import golden_scores
from microfer.parity import certificate_file
from microfer.parity.certificate import certify
from microfer.parity.compare import ScoreComparison
from microfer.parity.images import Images
from microfer.parity.limits import Limits
from microfer.release import MODEL_FILE
from microfer.runtimes.arena import measured_arena
from microfer.runtimes.parallel import run_parallel
from microfer.runtimes.runners import has_tflm, open_tflite
from microfer.tflite.metadata import ModelMetadata, embed_metadata
from microfer.workflow.source import RUN_FILE

RECORD_FILE = "export.json"
COVERAGE = 0.8
"""The share of the validation images that is answered; the rest is "uncertain"."""


@dataclass(frozen=True)
class Settings:
    """What decides how a model comes out, beside the network and the data.

    calibration_images, seed: which Training images the ranges of int8 come from. limits: the gates. strict: whether a
    model that exceeds one is refused; else it is made, and its certificate says so: a network of one's own, trained for
    an hour, may lose more than a release is allowed to.
    """

    model_id: str
    calibration_images: int = 700
    seed: int = 0
    limits: Limits = field(default_factory=Limits)
    strict: bool = False


@dataclass(frozen=True)
class Record:
    """What a model was made from: it is made anew where any of it differs. model: SHA-256 of the .tflite."""

    network: str
    data: str
    settings: dict[str, Any]
    model: str


def earlier(network: Path, folder: Path, data: str, settings: Settings) -> Path | None:
    """Return the model that `folder` holds where it was made from just this, None where it has to be made.

    data: which images, see `data_identity`.
    """
    path = folder / MODEL_FILE
    if not (folder / RECORD_FILE).is_file() or not path.is_file():
        return None
    try:
        record = read_json(folder / RECORD_FILE, Record)
    except MicroferError:
        return None  # damaged: the model is made anew and the record with it
    wanted = Record(fingerprint(network)["sha256"], data, asdict(settings), fingerprint(path)["sha256"])
    return path if record == wanted else None


def data_identity(path: Path | None) -> str:
    """Return what tells one copy of the data from another without reading it; drawn faces are always the same."""
    if path is None:
        return "drawn faces"
    found = path.stat()
    return f"{path.resolve()}, {found.st_size} bytes, {found.st_mtime_ns}"


def make_model(
    network: Path,
    folder: Path,
    training: Dataset,
    validation: Images,
    settings: Settings,
    *,
    data: str,
    say: Callable[[str], None] = lambda _: None,
) -> Path:
    """Write the int8 model of a .keras `network`, its record and its certificate into `folder`; return its path.

    data: what `earlier` compares. say: called with a line before each step and after what it found.

    Raises:
        MicroferError: the network or the data cannot be used, a package is missing, TFLM computes other bits than
            LiteRT, or a limit is exceeded where that is not allowed: then nothing of an earlier model in `folder` was
            touched.
    """
    model, config = saved.load(network)
    require_classes(training, config.labels, str(network))
    images = representative_images(training, settings.calibration_images, settings.seed)
    say(f"quantizing {config.name} to int8, calibrated on {len(images)} images of {training.source}")
    with Bar("calibrating", len(images)) as bar:
        bare = quantize(model, config, images, bar.add)
    outcome = gate(model, config, bare, validation.data, settings.limits, validation.of)
    _say_gate(outcome, validation, say)
    if settings.strict and not validation.synthetic:
        outcome.require()
    say("computing the answers of the boot self-test, measuring the arena")
    metadata = ModelMetadata(
        settings.model_id,
        config.name,
        measured_arena(bare),
        input_layout=config.input_layout,
        labels=config.labels,
        golden=golden_scores(bare),
    )
    path = folder / MODEL_FILE
    candidate = folder / f"candidate.{MODEL_FILE}"
    try:
        write_bytes(candidate, embed_metadata(bare, metadata))
        if validation.synthetic:
            say("not calibrated: confidence on drawn faces says nothing")
        else:
            say("fitting temperature and the threshold for uncertain")
            metadata = _calibrated(candidate, metadata, validation.data, smoothing_of(network))
            say(f"temperature {metadata.temperature:g}, uncertain below {metadata.uncertain_below:g}")
            write_bytes(candidate, embed_metadata(bare, metadata))
        say("proving parity: float against int8, LiteRT against TFLM")
        certificate = certify(candidate, network, validation, settings.limits)
        bits = certificate.reference_against_tflm
        if bits.verdict == "failed":
            raise MicroferError(f"TFLM does not compute what LiteRT does, nothing was made: {'; '.join(bits.reasons)}")
        certificate = replace(certificate, model=replace(certificate.model, file=MODEL_FILE))
        content = candidate.read_bytes()
    finally:
        candidate.unlink(missing_ok=True)
    write_bytes(path, content)
    certificate_file.write(certificate, folder)
    record = Record(fingerprint(network)["sha256"], data, asdict(settings), fingerprint(path)["sha256"])
    write_json(folder / RECORD_FILE, asdict(record))
    return path


def smoothing_of(network: Path) -> float:
    """Return by what the labels behind a run's network were smoothed; 0 for one that is in no run.

    The network's teachers had labels that were smoothed alike, see `calibrate.temperature.natural_floor`.
    """
    run = network.parent / RUN_FILE
    if not run.is_file():
        return 0.0
    settings = read_json(run, dict[str, Any]).get("settings", {})
    return float(settings.get("recipe", {}).get("label_smoothing", 0.0))


def _say_gate(outcome: Gate, validation: Images, say: Callable[[str], None]) -> None:
    comparison = outcome.comparison
    say(
        f"{validation.describe()}: float {comparison.float_accuracy.rate:.2%}, int8 "
        f"{comparison.int8_accuracy.rate:.2%}, same class on {comparison.agreement:.2%}"
    )


def exceeded_limits(folder: Path) -> tuple[str, ...]:
    """Return a sentence for each limit that the model in `folder` exceeds, as its certificate has it."""
    certificate = certificate_file.read(folder)
    result = certificate.float_against_int8.result if certificate else None
    if certificate is None or certificate.images.is_synthetic or not isinstance(result, ScoreComparison):
        return ()
    return result.faults(certificate.limits)


def _calibrated(candidate: Path, metadata: ModelMetadata, validation: Dataset, smoothing: float) -> ModelMetadata:
    runner = open_tflite(candidate, "tflm" if has_tflm() else "reference", need_int8=True)
    raw = run_parallel(runner, validation.images, "raw", title="calibration")
    result = calibrate(
        raw,
        validation.labels,
        lambda scored: for_coverage(scored, COVERAGE),
        score_floor=natural_floor(smoothing, len(metadata.labels)),
        classes=metadata.labels,
    )
    return replace(
        metadata,
        temperature=result.temperature,
        uncertain_below=result.uncertain_below,
        score_floor=result.score_floor,
    )
