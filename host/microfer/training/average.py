"""The mean of a trained network's weights and of those that its training began with.

M. Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022 (arXiv:2109.01903): where training went on from
trained weights and did not leave their valley, points between both ends can be better than either.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microfer.data.dataset import Dataset
from microfer.data.training_data import load_splits
from microfer.errors import MicroferError
from microfer.files import exclusive, fingerprint, read_bytes, write_bytes, write_json
from microfer.metrics.metrics import Metrics, classification_metrics
from microfer.model import saved
from microfer.model.backend import choose_backend
from microfer.model.networks import Network
from microfer.runtimes.runners import KerasRunner
from microfer.training.loop import finished


@dataclass(frozen=True)
class Averaged:
    """The mean that was written. metrics: on the validation split, of "start", "trained" and "mean"."""

    best_model: Path
    metrics: dict[str, Metrics]

    def to_json(self) -> dict[str, Any]:
        """Return file and accuracies ready for JSON."""
        return {"best_model": str(self.best_model), **_accuracies(self.metrics)}


def average(
    run: Path,
    start: Path,
    *,
    data: Path | None,
    out: Path,
    share: float = 0.5,
    limit: int | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Averaged:
    """Write the folder `out` as microfer train would, with the mean of `run`'s best network and of what it began with.

    start: the .keras that the run was told to start from. share: of the run's weights in the mean, 0..1; the start has
    the rest. Every variable is averaged, batch normalization's moving statistics too. The mean is written whether it is
    the best of the three or not: `run.json` has the accuracy of each on the validation split.
    tell: is given what happens meanwhile, a line each.

    Raises:
        MicroferError: `run` has not come to its end, or began with other weights; a file or the data cannot be read;
            `out` cannot be written, or holds a run.
    """
    if not 0 < share < 1:
        raise MicroferError(f"--share must lie between 0 and 1, not at {share:g}")
    if (out / "run.json").exists():
        raise MicroferError(f"{out} already holds a run: choose another --out")
    record = _begun_with(start, run)
    choose_backend()
    _, validation = load_splits(data, limit, tell=tell)
    begun, config = saved.load(start)
    trained, _ = saved.load(run / "best.keras", config)
    mean, _ = saved.load(start)
    pairs = zip(begun.get_weights(), trained.get_weights(), strict=True)
    mean.set_weights([(1 - share) * old + share * new for old, new in pairs])
    found = {
        "start": _score(begun, validation),
        "trained": _score(trained, validation),
        "mean": _score(mean, validation),
    }
    with exclusive(out):
        _write(out, run, mean, config, record, share, found)
    return Averaged(out / "best.keras", found)


def _begun_with(start: Path, run: Path) -> dict[str, Any]:
    """Return the record of the finished `run`, which must have begun with `start`."""
    record = finished(run)
    begun = record["settings"].get("start")
    if begun is None:
        raise MicroferError(f"the run in {run} began with random weights: there is nothing to average it with")
    if fingerprint(start)["sha256"] != begun["sha256"]:
        raise MicroferError(f"the run in {run} did not begin with {start}, but with another file {begun['file']}")
    return record


def _score(model: Any, validation: Dataset) -> Metrics:
    return classification_metrics(KerasRunner(model).scores(validation.images), validation.labels, validation.classes)


def _accuracies(found: dict[str, Metrics]) -> dict[str, float]:
    return {name: metrics.accuracy for name, metrics in found.items()}


def _write(
    out: Path, run: Path, mean: Any, config: Network, record: dict[str, Any], share: float, found: dict[str, Metrics]
) -> None:
    """Write what a run's folder has; the record comes last, so that a folder without one is not taken for a run."""
    for name in ("history.csv", "curves.png"):
        write_bytes(out / name, read_bytes(run / name))
    notes = saved.read_config(run / "best.keras")[1]
    saved.save(mean, config, out / "best.keras", notes)
    averaged = {"share": share, "validation_accuracy": _accuracies(found)}
    of_mean = {"best_val_accuracy": found["mean"].accuracy, "best_val_macro_f1": found["mean"].macro_f1}
    write_json(out / "run.json", record | of_mean | {"averaged": averaged})
