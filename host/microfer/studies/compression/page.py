"""Compression curves as a picture, as Markdown and as tables on a terminal."""

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter
from rich.table import Table

from microfer.contract import OFFICIAL_COUNTS
from microfer.markdown import table
from microfer.metrics.plots import BLUE, FAINT, INK, ORANGE, PALE_BLUE, plain
from microfer.parity.compare import Accuracy
from microfer.studies.accuracy.table import PRIVATE_TEST
from microfer.studies.compression.curves import Curves, Point

KIB = 1024
FOUR_BITS = 16

PUBLIC_TEST = OFFICIAL_COUNTS["PublicTest"]

CUT_HEADINGS = ("zeros asked", "how", "zeros int8", "float (95 % interval)", "int8 (95 % interval)", "same class",
                ".tflite, bytes", "after gzip", "float32 after gzip")  # fmt: skip
VALUE_HEADINGS = ("values", "int8 values a kernel", "most in a channel", "float (95 % interval)",
                  "int8 (95 % interval)", "same class", ".tflite, bytes", "after gzip", "float32 after gzip",
                  "kernels packed")  # fmt: skip
CUT_SHORT = ("zeros", "how", "float", "+-", "int8", "same class", "gzip, bytes", "float32 gzip")
VALUE_SHORT = ("values", "in int8", "float", "+-", "int8", "same class", "gzip, bytes", "packed, bytes")
"""What fits on a terminal of 80 columns."""

LEFT = ("how", "float (95 % interval)", "int8 (95 % interval)")


def curves_figure(result: Curves) -> Figure:
    """Draw accuracy with its interval, and the sizes, against sparsity and against the number of values a kernel."""
    figure = Figure(figsize=(10.4, 7.4), layout="constrained", facecolor="white")
    title = f"{result.network}: what zeros and few values cost, and what they save ({result.split})"
    figure.suptitle(title, x=0.02, ha="left", color=INK, fontsize=13, fontweight="bold")
    axes = figure.subplots(2, 2, sharex="col", sharey="row", height_ratios=[1.5, 1])
    cut, healed, clustered = result.of("cut"), result.of("healed"), result.of("clustered")
    for upper in axes[0]:
        upper.axhline(result.whole.float_accuracy.rate, color=FAINT, linestyle="--", linewidth=1.2, label="as trained")
    _draw_accuracy(axes[0, 0], cut, BLUE, "cut at once")
    _draw_accuracy(axes[0, 1], clustered, BLUE, "clustered, not trained")
    _name_point(axes[0, 1], clustered)
    lines = [("after gzip", BLUE, "-", cut, _zipped)]
    if healed:
        _draw_accuracy(axes[0, 0], healed, ORANGE, f"healed for {result.epochs} epochs")
        lines.append(("after gzip, healed", ORANGE, "--", healed, _zipped))
    _draw_sizes(axes[1, 0], result.whole, lines)
    packed = ("kernels packed, with tables (computed)", INK, ":", clustered, _packed_bytes)
    _draw_sizes(axes[1, 1], result.whole, [("after gzip", BLUE, "-", clustered, _zipped), packed])
    _scales(axes, cut, clustered)
    return figure


def _draw_accuracy(axes: Axes, points: Sequence[Point], color: str, name: str) -> None:
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


def _draw_sizes(
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


def _packed_bytes(point: Point) -> float:
    return (point.packed_bytes or 0) / KIB


def markdown(result: Curves) -> list[str]:
    """Return the curves as the lines of a Markdown document."""
    return [
        f"# How far {result.network} can be compressed",
        "",
        f"Measured on {result.images:,} images of {_split(result)}. `{result.source}`, SHA-256 "
        f"`{result.origin['network_sha256']}`. int8 accuracy is of LiteRT's optimized kernels; sizes are of the "
        ".tflite without microfer's metadata; gzip has level 9; \"same class\" is how often float and int8 agree.",
        PRIVATE_TEST,
        "",
        "## Zeros",
        "",
        "The smallest kernel values of the convolutions are set to zero, as `microfer prune` does: one threshold for "
        "the whole network on a value's magnitude times the root of its layer's gradient, while each layer keeps its "
        f"largest 1 %. \"cut\" means at once, without training. {_healing(result)} A few int8 values are zero before "
        "any is cut, because they are too small for their channel's scale. **Neither the flatbuffer's size nor the "
        "latency changes: TFLM stores and multiplies zeros like any other weight.** Only packed files, such as "
        "downloads, get smaller. An accuracy below the share of the most frequent class, "
        f"{100 * max(PUBLIC_TEST) / sum(PUBLIC_TEST):.1f} % in PublicTest, means that the network gives nearly the "
        "same answer to everything.",
        "",
        *table(CUT_HEADINGS, cut_cells(result), LEFT),
        "",
        "## Few values",
        "",
        "The values of every convolution's kernel are replaced by the nearest of a number of centroids (k-means in one "
        "dimension over all values of the kernel), without training. Biases and normalizations stay as they are. The "
        "int8 kernels have more different values than that: normalization is folded into them, and each output channel "
        "has its own scale, so that one centroid becomes different int8 values in different channels. Within a channel "
        "there are never more than asked for. With few values, float and int8 agree less. One reason may be that all "
        "weights that share a value share its rounding error, which then does not average out; this was not examined. "
        "\"int8 values a kernel\" is the median over the kernels. File size and latency do not change here either.",
        "",
        *table(VALUE_HEADINGS, value_cells(result), LEFT),
        "",
        "\"kernels packed\" is only computed; TFLM reads no such file. It counts log2 of the number of values in bits "
        "for each weight and a float32 table for each kernel, for the convolutions' kernels alone, which take "
        f"{result.whole.int8_kernel_bytes:,} bytes as int8.",
    ]  # fmt: skip


def tables(result: Curves) -> list[Table]:
    """Return the two tables of the document for a terminal, with what fits there."""
    cut = [
        [f"{point.asked:.0%}", point.how, *_short(point), f"{point.float32_gzip_bytes:,}"]
        for point in _by_zeros(result)
    ]
    few = [
        [_values(point), f"{point.middle_values:g}", *_short(point), _packed(point)]
        for point in (*result.of("clustered"), result.whole)
    ]
    sizes = sorted({point.int8_bytes for point in result.points})
    size = f"{' to '.join(f'{one:,}' for one in dict.fromkeys((sizes[0], sizes[-1])))} bytes in flash"
    return [
        _table(f"zeros ({size}, and no faster)", CUT_SHORT, cut),
        _table(f"values a kernel ({size}, and no faster)", VALUE_SHORT, few),
    ]


def cut_cells(result: Curves) -> list[list[str]]:
    """Return the cells below CUT_HEADINGS, one row a point, the healed ones below those that were cut as far."""
    return [
        [f"{point.asked:.0%}", point.how, f"{point.int8_zeros:.1%}", *_accuracies(point), *_sizes(point)]
        for point in _by_zeros(result)
    ]


def value_cells(result: Curves) -> list[list[str]]:
    """Return the cells below VALUE_HEADINGS, one row a number of values, the network itself last."""
    return [
        [
            _values(point),
            f"{point.middle_values:g}",
            str(point.channel_values),
            *_accuracies(point),
            *_sizes(point),
            _packed(point),
        ]
        for point in (*result.of("clustered"), result.whole)
    ]


def _by_zeros(result: Curves) -> list[Point]:
    return sorted((*result.of("cut"), *result.of("healed")), key=lambda point: (point.asked, point.how))


def _values(point: Point) -> str:
    return f"{point.asked:.0f}" if point.packed_bytes else "all"


def _packed(point: Point) -> str:
    return f"{point.packed_bytes:,}" if point.packed_bytes else ""


def _short(point: Point) -> list[str]:
    one = point.float_accuracy
    return [
        f"{one.rate:.2%}",
        f"{50 * (one.high - one.low):.1f}",
        f"{point.int8_accuracy.rate:.2%}",
        f"{point.agreement:.1%}",
        f"{point.int8_gzip_bytes:,}",
    ]


def _accuracies(point: Point) -> list[str]:
    return [_accuracy(point.float_accuracy), _accuracy(point.int8_accuracy), f"{point.agreement:.1%}"]


def _accuracy(one: Accuracy) -> str:
    return f"{100 * one.rate:.2f} % ({100 * one.low:.1f} to {100 * one.high:.1f})"


def _sizes(point: Point) -> list[str]:
    return [f"{size:,}" for size in (point.int8_bytes, point.int8_gzip_bytes, point.float32_gzip_bytes)]


def _split(result: Curves) -> str:
    if result.split != "PublicTest":
        return f"{result.split.upper()}, which say nothing about real ones"
    healed = ", and that of the healed ones" if result.epochs else ""
    return f"PublicTest, which was selected on: it chose the network's epoch{healed}"


def _healing(result: Curves) -> str:
    if not result.epochs:
        return "Nothing was healed (`--epochs`)."
    least = min((point.asked for point in result.of("healed")), default=0.0)
    return (
        f'"healed" means after {result.epochs} epochs of `microfer prune` (recipe `{result.recipe}`, seed '
        f"{result.origin['seed']}), at the best epoch. It adds zeros while it trains, with a learning rate that rises "
        f"with their share. Below {least:.0%} nothing was healed."
    )


def _table(title: str, headings: tuple[str, ...], rows: list[list[str]]) -> Table:
    table = Table(title=title, title_justify="left", box=None)
    for heading in headings:
        table.add_column(heading, justify="left" if heading in LEFT else "right")
    for row in rows:
        table.add_row(*row)
    return table
