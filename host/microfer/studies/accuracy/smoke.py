"""A smoke run: one epoch on a few images, which shows that a network trains at all where its figure needs a GPU."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from microfer.files import read_bytes
from microfer.markdown import table
from microfer.model import saved
from microfer.model.backend import choose_backend
from microfer.studies.accuracy.runs import Budget, keras_macs, train
from microfer.training.loop import finished

SEED = 0


@dataclass(frozen=True)
class Smoke:
    """What one epoch of a network showed. No accuracy: after so little training it would say nothing.

    macs: multiply-accumulates of one inference. images: trained on. loss: mean over the epoch; of seven classes, ln 7
    = 1.95 is that of a guess. seconds: of the epoch, validation included.
    """

    name: str
    parameters: int
    macs: int
    images: int
    loss: float
    seconds: float


def smoke(name: str, budget: Budget, images: int, out: Path) -> Smoke:
    """Train preset `name` for one epoch on `images` images in out/smoke, or find that done, and return what it showed.

    Raises:
        MicroferError: as `train`.
    """
    folder = train(name, SEED, replace(budget, epochs=1, limit=images), out / "smoke")
    record = finished(folder)
    (row,) = csv.DictReader(read_bytes(folder / "history.csv").decode().splitlines())
    choose_backend()
    model, _ = saved.load(folder / "best.keras")
    return Smoke(
        name=name,
        parameters=model.count_params(),
        macs=keras_macs(model),
        images=record["settings"]["training_images"],
        loss=float(row["loss"]),
        seconds=record["seconds"],
    )


def markdown(rows: Sequence[Smoke]) -> list[str]:
    """Return smoke runs as the lines of a Markdown section; none for no rows."""
    if not rows:
        return []
    lines = [
        "",
        "Not trained fully for lack of time: one epoch each, on this number of images, to show that they train. Their "
        "accuracies need a GPU; name them with `--presets` there.",
        "",
    ]
    headers = ("network", "parameters", "million MACs", "images", "loss (a guess: 1.95)", "seconds")
    return lines + table(headers, map(cells, rows))


def cells(row: Smoke) -> list[str]:
    """Return a row's cells as people read them."""
    return [
        row.name,
        f"{row.parameters:,}",
        f"{row.macs / 1e6:.1f}",
        f"{row.images:,}",
        f"{row.loss:.2f}",
        f"{row.seconds:.0f}",
    ]
