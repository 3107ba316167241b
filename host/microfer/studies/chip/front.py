"""Accuracy of networks against instructions, arena and flash, and which of them nothing beats."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from microfer.errors import MicroferError
from microfer.metrics.plot_names import name_points
from microfer.metrics.plots import BLUE, FAINT, INK, ORANGE, PALE_BLUE, plain, whole_percents
from microfer.studies.accuracy.recorded import Accuracy
from microfer.studies.chip.networks import Row

PALE_ORANGE = "#f0cfa6"

AXES: tuple[tuple[str, Callable[[Row], float]], ...] = (
    ("million instructions with ESP-NN", lambda row: row.instructions / 1e6),
    ("arena, KiB", lambda row: row.arena_kib),
    ("flash of the .tflite, KiB", lambda row: row.flash_kib),
)

Point = tuple[float, float]


def front(points: Sequence[Point]) -> list[Point]:
    """Return the Pareto front of (cost, accuracy), cheapest first: what no other equals or beats in both."""
    best: list[Point] = []
    for cost, accuracy in sorted(set(points), key=lambda point: (point[0], -point[1])):
        if not best or accuracy > best[-1][1]:
            best.append((cost, accuracy))
    return best


def front_figure(rows: Sequence[Row]) -> Figure:
    """Draw each recorded accuracy against the three costs, with a front for each budget: they are no rivals.

    Raises:
        MicroferError: no row has an accuracy.
    """
    groups: dict[tuple[bool, str], list[tuple[Row, Accuracy]]] = defaultdict(list)
    for row in rows:
        for one in row.accuracies:
            groups[one.is_released, "" if one.is_released else one.source].append((row, one))
    if not groups:
        raise MicroferError(
            "none of these networks has an accuracy to draw: name a released one, or give --results with the "
            "compare.json of microfer compare"
        )
    figure = Figure(figsize=(13.2, 5.0), layout="constrained", facecolor="white")
    figure.suptitle(
        "Accuracy of the int8 networks on PublicTest, against what they cost on an ESP32-S3",
        x=0.01, ha="left", color=INK, fontsize=13, fontweight="bold",
    )  # fmt: skip
    panels = figure.subplots(1, 3, sharey=True)
    named: list[tuple[Axes, list[tuple[float, float, str]]]] = []
    for axes, (label, cost) in zip(panels, AXES, strict=True):
        for (is_released, source), members in sorted(groups.items(), reverse=True):
            label_of = "released" if is_released else f"all trained alike: {source}"
            _draw(axes, members, cost, is_released, label_of)
        _finish(axes, label)
        members = [pair for _, group in sorted(groups.items(), reverse=True) for pair in group]
        named.append((axes, [(cost(row), one.value, row.name) for row, one in members]))
    panels[0].set_ylabel("accuracy")
    whole_percents(panels[0].yaxis)
    names = [row.name for row in rows if not row.accuracies]
    handles, labels = panels[0].get_legend_handles_labels()
    note = f"Estimated by the cost model. Without a recorded accuracy: {', '.join(names)}." if names else ""
    figure.legend(handles, labels, loc="outside lower left", ncols=len(labels), frameon=False, fontsize=9,
                  title=note or "Estimated by the cost model.", title_fontsize=9, alignment="left")  # fmt: skip
    for axes, points in named:  # last, for the legend takes room
        name_points(figure, axes, points)
    return figure


def _draw(
    axes: Axes, members: list[tuple[Row, Accuracy]], cost: Callable[[Row], float], is_released: bool, label: str
) -> None:
    points = [(cost(row), one.value) for row, one in members]
    best = front(points)
    color, pale = (BLUE, PALE_BLUE) if is_released else (ORANGE, PALE_ORANGE)
    if len(best) > 1:
        # A network costs what it costs: between two of them there is none, so the front is made of steps.
        axes.step(*zip(*best, strict=True), where="post", color=pale, linewidth=2, zorder=1)
    dot = {"s": 46, "color": color if is_released else "white", "linewidth": 1.6, "zorder": 3, "label": label}
    ring = {"s": 150, "color": "none", "linewidth": 2, "zorder": 2}
    ring |= {"label": f"{label}, on the front"} if len(points) > 1 else {}
    styles: tuple[tuple[list[Point], str, dict[str, Any]], ...] = ((points, color, dot), (best, pale, ring))
    for chosen, edge, style in styles:
        axes.scatter([place for place, _ in chosen], [value for _, value in chosen], **style, edgecolor=edge)


def _finish(axes: Axes, label: str) -> None:
    axes.set_xscale("log")
    axes.margins(x=0.22, y=0.15)
    axes.set_xlabel(label)
    plain(axes)
    axes.xaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(which="minor", length=0)
    axes.spines["bottom"].set_color(FAINT)
