"""Single runs at full length, each with what made it: a record of what was tried."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from microfer.contract import LABELS
from microfer.data.dataset import Dataset
from microfer.markdown import table
from microfer.metrics.metrics import classification_metrics, mcnemar_p, wilson_interval
from microfer.studies.accuracy.runs import Scored, score, score_file
from microfer.training.loop import finished

Labels = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Tried:
    """One finished run. Rates lie in 0..1, on PublicTest, which chose the epoch; of the float network but for int8_*.

    teachers: how many networks it learned from beside the labels. is_continued: it began with trained weights.
    best_epoch: counted from 1, the most accurate one, or that of the highest macro-F1 where `select` says so.
    low, high: the 95 % Wilson interval. mean_recall: over the classes, each counting alike. lowest_recall: of
    `lowest_class`. p: McNemar's against the first run of the table, None for that. minutes: of training.
    """

    name: str
    network: str
    recipe: str
    epochs: int
    seed: int
    teachers: int
    is_continued: bool
    select: str
    best_epoch: int
    parameters: int
    accuracy: float
    low: float
    high: float
    macro_f1: float
    mean_recall: float
    lowest_recall: float
    lowest_class: str
    int8_accuracy: float | None
    p: float | None
    minutes: float

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def tried(
    folders: Sequence[Path], training: Dataset, validation: Dataset, reference: Path | None = None
) -> list[Tried]:
    """Return finished training runs, scored on `validation` once and from then on read.

    reference: the .keras that their p is against; the first run's where there is none.

    Raises:
        MicroferError: a folder holds no run, or one that has not come to its end.
    """
    records = [finished(folder) for folder in folders]
    scored = [
        score(folder, record["settings"]["seed"], training, validation, quantized=True)
        for folder, record in zip(folders, records, strict=True)
    ]
    known = score_file(reference, training, validation, quantized=False) if reference else scored[0]
    return [
        _tried(folder.name, record, one, validation.labels, None if one is known else known.floats)
        for folder, record, one in zip(folders, records, scored, strict=True)
    ]


def merged(recorded: Sequence[Tried], new: Sequence[Tried]) -> list[Tried]:
    """Return recorded runs with new ones after them; a new one of the same name takes its predecessor's place."""
    rows = {row.name: row for row in recorded} | {row.name: row for row in new}
    return list(rows.values())


def _tried(name: str, record: dict[str, Any], scored: Scored, labels: Labels, first: Any) -> Tried:
    settings = record["settings"]
    metrics = classification_metrics(scored.floats, labels)
    right = scored.floats.argmax(1) == labels
    recalls = [float(right[labels == index].mean()) for index in range(len(LABELS))]
    low, high = wilson_interval(int(right.sum()), len(labels))
    teachers = (settings.get("distillation") or {"teachers": []})["teachers"]
    return Tried(
        name=name,
        network=settings["network"]["name"],
        recipe=settings["recipe"]["name"],
        epochs=settings["recipe"]["epochs"],
        seed=settings["seed"],
        teachers=len(teachers),
        is_continued=bool(settings.get("start")),
        select=settings.get("select", "accuracy"),
        best_epoch=record["best_epoch"],
        parameters=scored.parameters,
        accuracy=metrics.accuracy,
        low=low,
        high=high,
        macro_f1=metrics.macro_f1,
        mean_recall=float(np.mean(recalls)),
        lowest_recall=min(recalls),
        lowest_class=LABELS[int(np.argmin(recalls))],
        int8_accuracy=None if scored.ints is None else float((scored.ints.argmax(1) == labels).mean()),
        p=None if first is None else mcnemar_p(first.argmax(1) == labels, right),
        minutes=scored.seconds / 60,
    )


def markdown(rows: Sequence[Tried]) -> list[str]:
    """Return the runs as the lines of a Markdown table."""
    headers = ("run", "network", "recipe, epochs", "seed", "learned from", "accuracy (95 % interval)", "macro-F1",
               "mean recall", "lowest recall", "int8", "p", "minutes", "PrivateTest")  # fmt: skip
    return table(headers, ([*cells(row), ""] for row in rows), left=(0, 1, 2, 4, 5, 8, 12))


def cells(row: Tried) -> list[str]:
    """Return a run's cells as people read them, all but PrivateTest's."""
    sources = ["labels"] + ([f"{row.teachers} network{'s' * (row.teachers > 1)}"] if row.teachers else [])
    begun = ", from trained weights" if row.is_continued else ""
    by = "" if row.select == "accuracy" else ", epoch by macro-F1"
    return [
        row.name,
        f"`{row.network}`, {row.parameters:,} parameters",
        f"{row.recipe}, {row.epochs}{begun}{by}",
        str(row.seed),
        " and ".join(sources),
        f"{100 * row.accuracy:.2f} % ({100 * row.low:.1f} to {100 * row.high:.1f})",
        f"{row.macro_f1:.3f}",
        f"{row.mean_recall:.3f}",
        f"{row.lowest_recall:.2f} ({row.lowest_class})",
        "-" if row.int8_accuracy is None else f"{100 * row.int8_accuracy:.2f} %",
        "reference" if row.p is None else f"{row.p:.2g}",
        f"{row.minutes:.0f}",
    ]
