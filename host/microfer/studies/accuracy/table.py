"""The comparison itself: one row a network, over all of its seeds, and the reference that it is tested against."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from microfer.errors import MicroferError
from microfer.json_reader import only_fields, typed
from microfer.markdown import table
from microfer.metrics.metrics import classification_metrics, mcnemar_p, wilson_interval
from microfer.metrics.plot_names import name_points
from microfer.metrics.plots import BLUE, INK, ORANGE, plain, whole_percents
from microfer.studies.accuracy.recorded import DRAWN_FACES, SCHEMA
from microfer.studies.accuracy.runs import Budget, Scored

PRIVATE_TEST = "PrivateTest was not used; `microfer evaluate RUN/best.keras --split PrivateTest` scores a run on it."

Labels = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Row:
    """One network's means over its seeds. Rates lie in [0, 1]; accuracies are of the float network unless named int8.

    low, high: the 95 % Wilson interval of the mean accuracy on so many images. worst_seed, best_seed: accuracies.
    drop_points: float less int8, percentage points. p: McNemar's against the reference of the same seed, the median
    over the seeds; None for the reference. seconds: of one training, 0 where it was not measured.
    """

    name: str
    seeds: int
    parameters: int
    macs: int
    accuracy: float
    low: float
    high: float
    worst_seed: float
    best_seed: float
    macro_f1: float
    int8_accuracy: float | None
    drop_points: float | None
    int8_bytes: int | None
    p: float | None
    seconds: float


@dataclass(frozen=True)
class Comparison:
    """All rows, the reference's name, and what every network was given."""

    rows: tuple[Row, ...]
    reference: str
    images: int
    budget: Budget

    def to_json(self) -> dict[str, Any]:
        """Return plain values, `schema` first; no path of this computer."""
        budget = asdict(self.budget) | {"data": self.budget.data.name if self.budget.data else DRAWN_FACES}
        rows = [asdict(row) | {"private_test": None} for row in self.rows]
        return {"schema": SCHEMA, "reference": self.reference, "images": self.images, "budget": budget, "rows": rows}


def read(document: dict[str, Any]) -> Comparison:
    """Return what `Comparison.to_json` wrote. Raises JsonError where it is none."""
    data = document["budget"]["data"]
    budget = Budget(**document["budget"] | {"data": None if data == DRAWN_FACES else Path(data)})
    rows = tuple(typed(only_fields(row, Row), Row) for row in document["rows"])
    return Comparison(rows, document["reference"], document["images"], budget)


def compare(runs: Sequence[Scored], labels: Labels, reference: str, budget: Budget) -> Comparison:
    """Return the comparison of scored runs, several of one name being its seeds, on images with `labels` (n,).

    Raises:
        MicroferError: there is no run of the reference.
    """
    names = list(dict.fromkeys(run.name for run in runs))
    if reference not in names:
        raise MicroferError(f"the reference {reference!r} is not among {', '.join(names)}; name one with --reference")
    base = {run.seed: _right(run.floats, labels) for run in runs if run.name == reference}
    rows = [_row([run for run in runs if run.name == name], labels, base, name == reference) for name in names]
    return Comparison(tuple(rows), reference, len(labels), budget)


def _row(runs: list[Scored], labels: Labels, base: dict[int | None, Any], is_reference: bool) -> Row:
    metrics = [classification_metrics(run.floats, labels) for run in runs]
    accuracies = [one.accuracy for one in metrics]
    accuracy = float(np.mean(accuracies))
    low, high = wilson_interval(round(accuracy * len(labels)), len(labels))
    ints = [float(_right(run.ints, labels).mean()) for run in runs if run.ints is not None]
    int8 = float(np.mean(ints)) if len(ints) == len(runs) else None
    any_base = next(iter(base.values()))
    tests = [mcnemar_p(base.get(run.seed, any_base), _right(run.floats, labels)) for run in runs]
    return Row(
        name=runs[0].name,
        seeds=len(runs),
        parameters=runs[0].parameters,
        macs=runs[0].macs,
        accuracy=accuracy,
        low=low,
        high=high,
        worst_seed=min(accuracies),
        best_seed=max(accuracies),
        macro_f1=float(np.mean([one.macro_f1 for one in metrics])),
        int8_accuracy=int8,
        drop_points=None if int8 is None else 100 * (accuracy - int8),
        int8_bytes=runs[0].int8_bytes,
        p=None if is_reference else float(median(tests)),
        seconds=float(np.mean([run.seconds for run in runs])),
    )


def markdown(result: Comparison) -> list[str]:
    """Return the comparison as the lines of a Markdown document."""
    data = "FER-2013" if result.budget.data else "DRAWN FACES, which say nothing about real ones"
    lines = [
        f"Recipe `{result.budget.recipe}`, {result.budget.epochs} epochs, on {data}; scored on {result.images:,} "
        f"images of PublicTest, which chose each run's epoch. Float accuracy over the seeds; p is McNemar's against "
        f"`{result.reference}`.",
        PRIVATE_TEST,
        "",
    ]
    headers = ("network", "seeds", "parameters", "million MACs", "accuracy (95 % interval; seeds)", "macro-F1",
               "int8 (drop, points)", "int8 KiB", "p", "minutes", "PrivateTest")  # fmt: skip
    return lines + table(headers, ([*cells(row), ""] for row in result.rows), left=(0, 4, 6, 10))


def cells(row: Row) -> list[str]:
    """Return a row's cells as people read them, all but PrivateTest's."""
    int8 = "-" if row.int8_accuracy is None else f"{100 * row.int8_accuracy:.2f} % ({row.drop_points:+.2f})"
    seeds = f"; {100 * row.worst_seed:.2f} to {100 * row.best_seed:.2f}" if row.seeds > 1 else ""
    return [
        row.name,
        str(row.seeds),
        f"{row.parameters:,}",
        f"{row.macs / 1e6:.1f}",
        f"{100 * row.accuracy:.2f} % ({100 * row.low:.1f} to {100 * row.high:.1f}{seeds})",
        f"{row.macro_f1:.3f}",
        int8,
        "-" if row.int8_bytes is None else f"{row.int8_bytes / 1024:,.0f}",
        "reference" if row.p is None else f"{row.p:.3g}",
        f"{row.seconds / 60:.1f}" if row.seconds else "-",
    ]


SHORT = ("network", "parameters", "MMACs", "%", "F1", "int8", "KiB", "p", "min")
"""Headings of `short_cells`."""


def short_cells(row: Row) -> list[str]:
    """Return of a row what fits on a terminal of 80 columns."""
    return [
        row.name,
        f"{row.parameters:,}",
        f"{row.macs / 1e6:.1f}",
        f"{100 * row.accuracy:.2f}",
        f"{row.macro_f1:.3f}",
        "-" if row.int8_accuracy is None else f"{100 * row.int8_accuracy:.2f}",
        "-" if row.int8_bytes is None else f"{row.int8_bytes / 1024:,.0f}",
        "" if row.p is None else f"{row.p:.1g}",
        f"{row.seconds / 60:.0f}" if row.seconds else "-",
    ]


def comparison_figure(result: Comparison, title: str) -> Figure:
    """Draw accuracy with its interval against parameters and against multiply-accumulates, both on log scales."""
    figure = Figure(figsize=(10.4, 4.6), layout="constrained", facecolor="white")
    figure.suptitle(title, x=0.02, ha="left", color=INK, fontsize=13, fontweight="bold")
    for axes, key, name in zip(
        figure.subplots(1, 2, sharey=True), ("parameters", "macs"), ("parameters", "multiply-accumulates"), strict=True
    ):
        for row in result.rows:
            color = ORANGE if row.name == result.reference else BLUE
            ends = ([row.accuracy - row.low], [row.high - row.accuracy])
            axes.errorbar([getattr(row, key)], [row.accuracy], ends, fmt="o", color=color, capsize=2)
        axes.set_xscale("log")
        axes.margins(x=0.2)
        axes.xaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 1e6:g} M"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(name)
        whole_percents(axes.yaxis)
        plain(axes)
    figure.axes[0].set_ylabel("accuracy")
    for axes, key in zip(figure.axes, ("parameters", "macs"), strict=True):
        name_points(figure, axes, [(getattr(row, key), row.accuracy, row.name) for row in result.rows])
    return figure


def _right(scores: npt.NDArray[np.floating], labels: Labels) -> npt.NDArray[np.bool_]:
    right: npt.NDArray[np.bool_] = scores.argmax(axis=1) == labels
    return right
