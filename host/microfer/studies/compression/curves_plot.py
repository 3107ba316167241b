"""Compression curves as a picture: accuracy above size, against zeros on the left and against values on the right."""

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from microfer.metrics.plots import BLUE, FAINT, INK, ORANGE, PALE_BLUE, plain
from microfer.studies.compression.curves import Curves, Point

KIB = 1024
FOUR_BITS = 16


def curves_figure(result: Curves) -> Figure:
    """Draw accuracy with its interval, and the sizes, against sparsity and against the number of values a kernel."""
    figure = Figure(figsize=(10.4, 7.4), layout="constrained", facecolor="white")
    title = f"{result.network}: what zeros and few values cost, and what they save ({result.split})"
    figure.suptitle(title, x=0.02, ha="left", color=INK, fontsize=13, fontweight="bold")
    axes = figure.subplots(2, 2, sharex="col", sharey="row", height_ratios=[1.5, 1])
    cut, healed, clustered = result.of("cut"), result.of("healed"), result.of("clustered")
    for upper in axes[0]:
        upper.axhline(result.whole.float_accuracy.rate, color=FAINT, linestyle="--", linewidth=1.2, label="as trained")
    _accuracy(axes[0, 0], cut, BLUE, "cut at once")
    _accuracy(axes[0, 1], clustered, BLUE, "clustered, not trained")
    _name_point(axes[0, 1], clustered)
    lines = [("after gzip", BLUE, "-", cut, _zipped)]
    if healed:
        _accuracy(axes[0, 0], healed, ORANGE, f"healed for {result.epochs} epochs")
        lines.append(("after gzip, healed", ORANGE, "--", healed, _zipped))
    _sizes(axes[1, 0], result.whole, lines)
    packed = ("kernels packed, with tables (computed)", INK, ":", clustered, _packed)
    _sizes(axes[1, 1], result.whole, [("after gzip", BLUE, "-", clustered, _zipped), packed])
    _scales(axes, cut, clustered)
    return figure


def _accuracy(axes: Axes, points: Sequence[Point], color: str, name: str) -> None:
    asked = [point.asked for point in points]
    floats = [point.float_accuracy for point in points]
    axes.fill_between(
        asked, [one.low for one in floats], [one.high for one in floats],
        color=PALE_BLUE if color == BLUE else color, alpha=0.3, linewidth=0,
    )  # fmt: skip
    axes.plot(asked, [one.rate for one in floats], color=color, linewidth=2, label=f"{name}: float, 95 % interval")
    axes.plot(
        asked, [point.int8_accuracy.rate for point in points], "o", color=color, markeredgecolor="white", markersize=7,
        label=f"{name}: int8",
    )  # fmt: skip


def _name_point(axes: Axes, clustered: Sequence[Point]) -> None:
    """Write beside the point of four bits a weight what it reaches."""
    for point in clustered:
        if point.asked == FOUR_BITS:
            float_rate, int8_rate = (100 * one.rate for one in (point.float_accuracy, point.int8_accuracy))
            axes.annotate(
                f"16 values: float {float_rate:.1f} %,\nint8 {int8_rate:.1f} %",
                (point.asked, min(point.float_accuracy.rate, point.int8_accuracy.rate)),
                xytext=(14, -34), textcoords="offset points", color=INK,
            )  # fmt: skip


def _sizes(
    axes: Axes, whole: Point, lines: Sequence[tuple[str, str, str, Sequence[Point], Callable[[Point], float]]]
) -> None:
    axes.axhline(whole.int8_bytes / KIB, color=FAINT, linewidth=1.6, label="int8 .tflite, in flash")
    for name, color, style, points, size in lines:
        places, sizes = [point.asked for point in points], [size(point) for point in points]
        axes.plot(places, sizes, color=color, linestyle=style, linewidth=2, marker="o", markersize=4, label=name)


def _scales(axes: Sequence[Sequence[Axes]], cut: Sequence[Point], clustered: Sequence[Point]) -> None:
    (accuracy, _), (size, values) = axes
    accuracy.set(ylabel="accuracy", ylim=(0, None))
    accuracy.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    size.set(ylabel="KiB", ylim=(0, None), xlabel="zeros among the kernels' values")
    size.set_xticks([point.asked for point in cut])
    size.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    values.set_xscale("log", base=2)
    values.set_xticks([point.asked for point in clustered])
    values.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:.0f}"))
    values.set_xlabel("different values in each kernel")
    for row in axes:
        for one in row:
            plain(one)
            one.tick_params(which="minor", length=0)
            one.legend(frameon=False, fontsize=9)


def _zipped(point: Point) -> float:
    return point.int8_gzip_bytes / KIB


def _packed(point: Point) -> float:
    return (point.packed_bytes or 0) / KIB
