"""The pictures of a calibration: reliability before and after, and what an "uncertain" threshold buys."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from microfer.calibrate.calibrate import Calibration
from microfer.calibrate.coverage import FEWEST_ANSWERS, curve
from microfer.metrics.metrics import calibration_bins
from microfer.metrics.plots import BLUE, FAINT, INK, ORANGE, PALE_BLUE, draw_reliability, plain


def reliability_figure(result: Calibration, title: str) -> Figure:
    """Draw accuracy against confidence uncalibrated and calibrated, side by side."""
    figure = Figure(figsize=(10.4, 6.2), layout="constrained", facecolor="white")
    axes = figure.subplots(2, 2, sharex=True, sharey="row", height_ratios=[3.4, 1])
    figure.suptitle(title, x=0.02, ha="left", color=INK, fontsize=13, fontweight="bold")
    halves = (
        ("as the network scores it", result.scored_before),
        (_calibration_name(result), result.scored_after),
    )
    for column, (name, images) in enumerate(halves):
        upper, lower = axes[:, column]
        draw_reliability(upper, lower, calibration_bins(images.confidence, images.right))
        upper.set_title(name, loc="left", color=INK, fontsize=11)
    axes[0, 0].legend(loc="upper left", frameon=False)
    for only_left in axes[:, 1]:
        only_left.set_ylabel("")
    return figure


def _calibration_name(result: Calibration) -> str:
    floor = f"floor {result.score_floor} of 256, " if result.score_floor else ""
    return f"{floor}temperature {result.temperature:g}"


def coverage_figure(result: Calibration, title: str) -> Figure:
    """Draw the accuracy of the answers against the share of images answered, the chosen threshold marked."""
    points = [point for point in curve(result.scored_after) if point.answers >= FEWEST_ANSWERS]
    coverage = np.array([point.coverage for point in points])
    figure = Figure(figsize=(7.2, 4.8), layout="constrained", facecolor="white")
    axes = figure.subplots()
    figure.suptitle(title, x=0.02, ha="left", color=INK, fontsize=13, fontweight="bold")
    axes.fill_between(
        coverage,
        [point.low for point in points],
        [point.high for point in points],
        color=PALE_BLUE,
        alpha=0.5,
        linewidth=0,
        label="95 % interval",
    )
    axes.plot(coverage, [point.accuracy for point in points], color=BLUE, linewidth=2, label="accuracy of the answers")
    axes.axhline(result.accuracy, color=FAINT, linestyle="--", linewidth=1.2, label="accuracy of all")
    chosen = result.chosen
    axes.plot(chosen.coverage, chosen.accuracy, "o", color=ORANGE, markeredgecolor="white", markersize=10)
    axes.annotate(
        f"uncertain below {chosen.threshold:g}:\n{100 * chosen.coverage:.0f} % answered, "
        f"{100 * chosen.accuracy:.1f} % right",
        (chosen.coverage, chosen.accuracy),
        xytext=(12, 58),
        textcoords="offset points",
        ha="center",
        color=INK,
    )
    axes.set(xlim=(0, 1), ylim=(max(0, result.accuracy - 0.15), 1), xlabel="images answered", ylabel="accuracy")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.legend(loc="lower left", frameon=False)
    plain(axes)
    return figure
