"""The robustness report as a picture and as a Markdown table."""

from itertools import groupby

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from microfer.markdown import table
from microfer.metrics.plots import BLUE, FAINT, INK, ORANGE, plain
from microfer.studies.robustness.measure import CAMERA, Robustness

COLUMNS = 3


def robustness_figure(result: Robustness, title: str) -> Figure:
    """Draw a small plot for each kind: accuracy with its interval by strength, the clean accuracy as a line."""
    kinds = [(kind, list(rows)) for kind, rows in groupby(result.rows, lambda row: row.kind)]
    lines = -(-len(kinds) // COLUMNS)
    figure = Figure(figsize=(3.4 * COLUMNS, 0.5 + 2.3 * lines), layout="constrained", facecolor="white")
    figure.suptitle(title, x=0.02, ha="left", color=INK, fontsize=12, fontweight="bold")
    grid = figure.subplots(lines, COLUMNS, sharey=True, squeeze=False).ravel()
    for axes, (kind, rows) in zip(grid, kinds, strict=False):
        places = range(len(rows))
        below = [row.accuracy - row.low for row in rows]
        above = [row.high - row.accuracy for row in rows]
        axes.axhline(result.accuracy, color=FAINT, linestyle="--", linewidth=1.2)
        axes.errorbar(
            places, [row.accuracy for row in rows], (below, above), color=ORANGE if kind == CAMERA else BLUE,
            marker="o", markersize=5, linewidth=1.6, capsize=2,
        )  # fmt: skip
        axes.set_xticks(places, [f"{row.strength:g}" for row in rows])
        axes.set_title(kind, loc="left", color=INK, fontsize=10)
        axes.set_xlabel(rows[0].unit, fontsize=7)
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        plain(axes)
    for axes in grid[len(kinds) :]:
        axes.set_visible(False)
    return figure


def markdown(result: Robustness) -> list[str]:
    """Return the report as the lines of a Markdown table."""
    lines = [
        f"Clean: {_percent(result.accuracy)} ({_percent(result.low)} to {_percent(result.high)}) on {result.images:,} "
        f"images, seed {result.seed}."
        + (f" Camera chain: {result.camera}; accuracy of the faces that were found." if result.camera else ""),
        "",
    ]
    rows = (
        (
            row.kind,
            f"{row.strength:g}",
            row.unit,
            _percent(row.accuracy),
            f"{_percent(row.low)} to {_percent(row.high)}",
            f"{row.drop_points:+.1f}",
            f"{row.drop_low:+.1f} to {row.drop_high:+.1f}",
            _percent(row.found) if row.kind == CAMERA else "",
        )
        for row in result.rows
    )
    headers = ("what", "strength", "unit", "accuracy", "95 % interval", "drop, points", "its interval", "found")
    return lines + table(headers, rows, left=(0, 2, 4, 6))


def _percent(rate: float) -> str:
    return f"{100 * rate:.1f} %"
