"""The pictures that go beside a model: confusion, reliability, learning curves.

Each `*_figure` draws one; `save` writes it as a PNG, `png` returns its bytes. Nothing here touches pyplot, so there
is no window system, no global state, and threads may draw at once.
"""

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from microfer.contract import LABELS
from microfer.errors import MicroferError
from microfer.files import atomic_path
from microfer.metrics.metrics import CalibrationBin, Metrics, expected_calibration_error

DOTS_PER_INCH = 150
INK = "#1f2933"
FAINT = "#9aa5b1"
GRID = "#e4e7eb"
BLUE = "#2f6fb3"
PALE_BLUE = "#a8c6e6"
ORANGE = "#d9822b"

LARGEST_DECIBEL = 60
"""Where the noise plot ends: above it stands only what is exact but for float rounding, such as the padded input."""

HISTORY_KEYS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds")
"""What each row of a learning-curve log holds."""


def confusion_figure(
    confusion: npt.ArrayLike,
    title: str,
    row_title: str = "true class",
    column_title: str = "predicted class",
    classes: Sequence[str] = LABELS,
) -> Figure:
    """Draw a square matrix of counts: the colour and the large figure are the row's percentage, below it the count."""
    counts = np.asarray(confusion)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    figure, axes = _figure(7.2, 6.6, title)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(classes)), classes, rotation=35, ha="right", rotation_mode="anchor")
    names = [f"{label}\n{int(total)}" for label, total in zip(classes, totals[:, 0], strict=True)]
    axes.set_yticks(range(len(classes)), names)
    axes.set_xlabel(column_title)
    axes.set_ylabel(row_title)
    axes.tick_params(length=0)
    # White seams between the cells keep neighbours of one colour apart.
    axes.set_xticks(np.arange(len(classes) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(classes) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="minor", length=0)
    for (row, column), share in np.ndenumerate(shares):
        ink = "white" if share > 0.55 else INK if counts[row, column] else FAINT
        axes.text(column, row - 0.1, f"{100 * share:.0f} %", ha="center", va="center", color=ink, fontsize=11)
        axes.text(column, row + 0.25, f"{counts[row, column]}", ha="center", va="center", color=ink, fontsize=7.5)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure


def reliability_figure(metrics: Metrics, title: str) -> Figure:
    """Draw accuracy against confidence, bin by bin, above the number of images in each bin (Guo et al. 2017)."""
    figure = Figure(figsize=(6.2, 6.6), layout="constrained", facecolor="white")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3.4, 1])
    figure.suptitle(title, x=0.02, ha="left", color=INK, fontsize=13, fontweight="bold")
    draw_reliability(upper, lower, metrics.calibration)
    upper.legend(loc="upper left", frameon=False)
    return figure


def draw_reliability(upper: Axes, lower: Axes, bins: Sequence[CalibrationBin]) -> None:
    """Draw accuracy against confidence, bin by bin, and the error on `upper`, the number of images on `lower`."""
    width = bins[0].high - bins[0].low
    filled = [one for one in bins if one.count]
    confidences, heights = ([getattr(one, key) for one in filled] for key in ("confidence", "accuracy"))
    upper.bar(
        [one.low for one in filled], heights, width, align="edge", color=PALE_BLUE, edgecolor="white", label="accuracy"
    )
    upper.plot([0, 1], [0, 1], color=INK, linestyle="--", linewidth=1.2, label="perfect calibration")
    upper.plot(
        confidences, heights, "o", color=ORANGE, markeredgecolor="white", markersize=8,
        label="at the bin's mean confidence",
    )  # fmt: skip
    upper.set(xlim=(0, 1), ylim=(0, 1), ylabel="accuracy")
    ece = expected_calibration_error(tuple(bins))
    upper.text(0.97, 0.06, f"ECE {100 * ece:.1f} %", ha="right", color=INK, fontsize=13, fontweight="bold",
               bbox={"facecolor": "white", "edgecolor": GRID, "boxstyle": "round,pad=0.4"})  # fmt: skip
    counts = [one.count for one in bins]
    lower.bar([one.low for one in bins], counts, width, align="edge", color=FAINT, edgecolor="white")
    lower.set(xlabel="top-1 confidence", ylabel="images")
    lower.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    for axes in (upper, lower):
        plain(axes)
        axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    upper.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))


def history_figure(rows: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """Draw loss, accuracy and learning rate by epoch from `rows` with the keys HISTORY_KEYS; the best epoch is marked.

    Values may be numbers or their text, as a CSV log gives them. A value that is no finite number leaves a gap.

    Raises:
        MicroferError: there is no row, or one lacks a key.
    """
    columns = _columns(rows)
    epoch = columns["epoch"]
    figure = Figure(figsize=(8.4, 8.4), layout="constrained", facecolor="white")
    loss, accuracy, rate = figure.subplots(3, 1, sharex=True, height_ratios=[2.2, 2.6, 1])
    figure.suptitle(title, x=0.02, ha="left", color=INK, fontsize=13, fontweight="bold")
    marker = "o" if len(epoch) < 2 else None  # a single point has no line to show
    for axes, key in ((loss, "loss"), (accuracy, "accuracy")):
        axes.plot(epoch, columns[key], color=FAINT, marker=marker, linewidth=1.6, label="training")
        axes.plot(epoch, columns[f"val_{key}"], color=BLUE, marker=marker, linewidth=2, label="validation")
        axes.set_ylabel(key)
    if np.isfinite(columns["val_accuracy"]).any():
        _mark_best(accuracy, epoch, columns["val_accuracy"])
    loss.legend(loc="upper right", frameon=False)
    rate.plot(epoch, columns["learning_rate"], color=ORANGE, marker=marker, linewidth=1.6)
    rate.set(ylabel="learning rate", xlabel=f"epoch  ({_duration(float(np.nansum(columns['seconds'])))} in all)")
    rate.yaxis.set_major_locator(MaxNLocator(3))
    rate.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    rate.set_ylim(bottom=0)
    rate.set_xlim(epoch.min() - 0.5, epoch.max() + 0.5)  # one epoch alone still gets a whole number below it
    accuracy.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    rate.xaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    for axes in (loss, accuracy, rate):
        plain(axes)
    figure.align_ylabels()
    return figure


def histogram_figure(counts: Sequence[int], bin_width: float, title: str, value: str, unit: str) -> Figure:
    """Draw how many `unit` have which `value`: `counts` per bin of `bin_width`, from 0, on a logarithmic scale."""
    figure, axes = _figure(7.2, 3.6, title)
    axes.bar(np.arange(len(counts)) * bin_width, counts, bin_width, align="edge", color=BLUE, edgecolor="white")
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.7)  # a bin of one still shows
    axes.yaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:,.0f}"))
    axes.set(xlabel=value, ylabel=unit)
    axes.set_xlim(0, len(counts) * bin_width)
    plain(axes)
    axes.tick_params(which="minor", length=0)
    return figure


def noise_figure(layers: Sequence[tuple[str, float]], title: str) -> Figure:
    """Draw the signal-to-quantization-noise ratio of each (tensor name, dB), in order; the lowest is marked."""
    figure, axes = _figure(7.2, 1.2 + 0.24 * len(layers), title)
    finite = [decibel for _, decibel in layers if math.isfinite(decibel)]
    worst = min(finite, default=0.0)
    places = range(len(layers))
    axes.barh(
        places,
        [decibel if math.isfinite(decibel) else 0 for _, decibel in layers],
        color=[ORANGE if decibel == worst else BLUE for _, decibel in layers],
    )
    axes.set_yticks(places, [f"{_shortened(name)}  {decibel:.1f}" for name, decibel in layers], fontsize=7)
    axes.set_ylim(len(layers) - 0.4, -0.6)  # the first at the top, no empty margin
    axes.set_xlim(0, min(max(finite, default=1.0), LARGEST_DECIBEL))
    axes.set_xlabel("dB, higher is better (inf: equal in both, as where all is zero)")
    plain(axes)
    return figure


def plot_confusion(metrics: Metrics, path: Path | str, title: str = "Confusion") -> None:
    """Write the confusion matrix of `metrics` to `path` as PNG. Raises MicroferError where that fails."""
    save(confusion_figure(metrics.confusion, title, classes=[one.label for one in metrics.per_class]), path)


def plot_reliability(metrics: Metrics, path: Path | str, title: str = "Reliability") -> None:
    """Write the reliability diagram of `metrics` to `path` as PNG. Raises MicroferError where that fails."""
    save(reliability_figure(metrics, title), path)


def plot_history(rows: Sequence[Mapping[str, Any]], path: Path | str, title: str = "Learning curves") -> None:
    """Write the learning curves of `rows` (see `history_figure`) to `path` as PNG, replacing an older one whole."""
    save(history_figure(rows, title), path)


def save(figure: Figure, path: Path | str) -> None:
    """Write `figure` to `path` as PNG. Raises MicroferError where the folder or the disk refuses."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(png(figure))


def png(figure: Figure) -> bytes:
    """Return `figure` as PNG bytes: the same drawing gives the same bytes, since no date or version goes in."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return buffer.getvalue()


def _figure(width: float, height: float, title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    axes = figure.subplots()
    figure.suptitle(title, x=0.02, ha="left", color=INK, fontsize=13, fontweight="bold")
    return figure, axes


def plain(axes: Axes) -> None:
    """Leave the data alone on the stage: no box, a faint grid behind, dark gray text."""
    axes.set_axisbelow(True)
    axes.grid(color=GRID, linewidth=0.8)
    axes.tick_params(colors=INK, length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)


def whole_percents(axis: Axis) -> None:
    """Label an axis of rates, 0..1, by whole percents, and put no tick between two of them."""
    axis.set_major_locator(MaxNLocator(8, steps=(1, 2, 5, 10)))
    axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))


def _mark_best(axes: Axes, epoch: npt.NDArray[np.float64], value: npt.NDArray[np.float64]) -> None:
    best = int(np.nanargmax(value))
    axes.plot(epoch[best], value[best], "o", color=BLUE, markeredgecolor="white", markersize=9)
    axes.text(
        0.985, 0.06, f"best validation: {100 * value[best]:.2f} % (epoch {epoch[best]:.0f})", transform=axes.transAxes,
        color=BLUE, ha="right", fontsize=11, fontweight="bold",
    )  # fmt: skip


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, npt.NDArray[np.float64]]:
    if not rows:
        raise MicroferError("the training log has no epoch to draw yet")
    for number, row in enumerate(rows, start=1):
        missing = [key for key in HISTORY_KEYS if key not in row]
        if missing:
            raise MicroferError(f"row {number} of the training log lacks {', '.join(missing)}")
    return {key: np.array([float(row[key]) for row in rows]) for key in HISTORY_KEYS}


def _shortened(name: str, longest: int = 48) -> str:
    """Return the end of a tensor's name, which tells more than its beginning."""
    return name if len(name) <= longest else "…" + name[-longest:]


def _duration(seconds: float) -> str:
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"
