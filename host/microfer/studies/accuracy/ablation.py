"""Which part of the recipe does how much: the whole of it against the same without one factor, seed by seed.

A factor is a choice of the strong recipe that is taken away.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import mean, stdev
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from scipy.stats import t as student

from microfer.errors import MicroferError
from microfer.json_reader import only_fields, typed
from microfer.markdown import table
from microfer.metrics.metrics import classification_metrics
from microfer.metrics.plots import BLUE, FAINT, INK, PALE_BLUE, plain
from microfer.model.presets import SqueezeNet
from microfer.studies.accuracy.runs import Scored
from microfer.training.augment import Augmentation
from microfer.training.recipe import Recipe, recipe

WHOLE = "whole"
"""The name of the runs that nothing was taken away from."""


@dataclass(frozen=True)
class Factor:
    """One choice of the strong recipe and what stands in its place without it. name: also of its runs' folders."""

    name: str
    choice: str
    instead: str

    def without(self, network: SqueezeNet, training: Recipe) -> tuple[SqueezeNet, Recipe]:
        """Return network and recipe without this factor, all else as it was."""
        match self.name:
            case "normalization":
                return replace(network, norm="squeeze"), training
            case "augmentation":
                return network, replace(training, augmentation=Augmentation(flip=True))
            case "cosine":
                return network, replace(training, schedule="constant")
            case "equal-weights":
                return network, replace(training, class_weights=1.0)
        raise MicroferError(f"no factor is called {self.name!r}")


FACTORS = {
    factor.name: factor
    for factor in (
        Factor("normalization", "batch normalization after every convolution", "after the squeeze ones only"),
        Factor("augmentation", "rotation, shift, zoom, light, erasing", "mirrored images alone"),
        Factor("cosine", "the rate falls to zero along a cosine", "the rate stays after the warm-up"),
        Factor("equal-weights", "every image counts alike", "every class counts alike"),
    )
}
"""Those that promise most by what is reported elsewhere (models/ABLATION.md); the rest waits for a GPU."""


def variant(name: str, network: SqueezeNet, epochs: int) -> tuple[SqueezeNet, Recipe]:
    """Return what is trained under `name`, which is WHOLE or a factor's: the strong recipe over `epochs`, or less."""
    whole = replace(recipe("strong"), epochs=epochs)
    if name == WHOLE:
        return network, whole
    network, less = FACTORS[name].without(network, whole)
    return network, replace(less, name=f"strong without {name}")


SCHEMA = "microfer.ablation/1"

Labels = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Effect:
    """What one factor adds, in percentage points, the whole recipe less the one without it, by seed.

    accuracy, macro_f1: of the runs without the factor, means over the seeds, 0..1. gains: of accuracy, each seed's.
    low, high: Student's 95 % interval of the mean gain over the seeds; None for a single seed.
    """

    name: str
    accuracy: float
    macro_f1: float
    gains: tuple[float, ...]
    macro_f1_gain: float
    low: float | None
    high: float | None

    @property
    def gain(self) -> float:
        """The mean gain."""
        return mean(self.gains)


@dataclass(frozen=True)
class Ablation:
    """All effects beside the whole recipe. images: scored on. epochs: of every run. data: what was trained on."""

    network: str
    epochs: int
    seeds: tuple[int, ...]
    images: int
    data: str
    accuracies: tuple[float, ...]
    macro_f1: float
    effects: tuple[Effect, ...]
    minutes: float

    def to_json(self) -> dict[str, Any]:
        """Return plain values, `schema` first."""
        rows = [asdict(one) | {"gain": one.gain} | asdict(FACTORS[one.name]) for one in self.effects]
        return {"schema": SCHEMA} | asdict(self) | {"effects": rows}


def read(document: dict[str, Any]) -> Ablation:
    """Return what `Ablation.to_json` wrote. Raises JsonError where it is none."""
    effects = [only_fields(one, Effect) for one in document["effects"]]
    return typed(only_fields(document, Ablation) | {"effects": effects}, Ablation)


def ablation(runs: Mapping[str, Sequence[Scored]], labels: Labels, network: str, epochs: int, data: str) -> Ablation:
    """Return the effects of all factors in `runs`: WHOLE and factors' names -> one run for each seed, in one order."""
    accuracies = {name: [_metrics(run, labels).accuracy for run in members] for name, members in runs.items()}
    f1 = {name: mean(_metrics(run, labels).macro_f1 for run in members) for name, members in runs.items()}
    whole = runs[WHOLE]
    effects = []
    for name in runs:
        if name == WHOLE:
            continue
        gains = tuple(
            100 * (with_it - without) for with_it, without in zip(accuracies[WHOLE], accuracies[name], strict=True)
        )
        low, high = interval(gains)
        effects.append(Effect(name, mean(accuracies[name]), f1[name], gains, 100 * (f1[WHOLE] - f1[name]), low, high))
    return Ablation(
        network=network,
        epochs=epochs,
        seeds=tuple(int(run.seed or 0) for run in whole),
        images=len(labels),
        data=data,
        accuracies=tuple(accuracies[WHOLE]),
        macro_f1=f1[WHOLE],
        effects=tuple(sorted(effects, key=lambda one: -one.gain)),
        minutes=sum(run.seconds for members in runs.values() for run in members) / 60,
    )


def interval(gains: Sequence[float]) -> tuple[float | None, float | None]:
    """Return Student's 95 % interval of the mean of `gains`, or None twice where one value tells no spread."""
    if len(gains) < 2:
        return None, None
    reach = float(student.ppf(0.975, len(gains) - 1)) * stdev(gains) / len(gains) ** 0.5
    return mean(gains) - reach, mean(gains) + reach


def markdown(result: Ablation) -> list[str]:
    """Return the ablation as lines of Markdown."""
    seeds = ", ".join(map(str, result.seeds))
    lines = [
        f"Network `{result.network}` on {result.data}, recipe `strong`, {result.epochs} epochs, seeds {seeds}; "
        f"{len(result.seeds) * (1 + len(result.effects))} runs, {result.minutes:.0f} minutes of training in all. Float "
        f"accuracy on {result.images:,} images of PublicTest, each run's best epoch on them. With everything: "
        f"{100 * mean(result.accuracies):.2f} % ({', '.join(f'{100 * one:.2f}' for one in result.accuracies)}), "
        f"macro-F1 {result.macro_f1:.3f}.",
        "",
    ]
    headers = ("factor", "the recipe", "in its place", "accuracy without it", "it adds, points", "seed by seed",
               "95 % interval", "macro-F1 without it")  # fmt: skip
    return lines + table(headers, map(cells, result.effects), left=(0, 1, 2, 5, 6))


def cells(one: Effect) -> list[str]:
    """Return an effect's cells as people read them."""
    factor = FACTORS[one.name]
    return [
        one.name,
        factor.choice,
        factor.instead,
        f"{100 * one.accuracy:.2f} %",
        f"{one.gain:+.2f}",
        ", ".join(f"{gain:+.2f}" for gain in one.gains),
        "-" if one.low is None or one.high is None else f"{one.low:+.1f} to {one.high:+.1f}",
        f"{one.macro_f1:.3f}",
    ]


def ablation_figure(result: Ablation) -> Figure:
    """Draw each factor's gain: the seeds as dots, their mean, its interval as a bar, and zero."""
    figure = Figure(figsize=(8.6, 1.6 + 0.62 * len(result.effects)), layout="constrained", facecolor="white")
    title = f"What each factor adds: {result.network}, {result.epochs} epochs, {len(result.seeds)} seeds"
    figure.suptitle(title, x=0.02, ha="left", color=INK, fontsize=13, fontweight="bold")
    axes = figure.subplots()
    places = range(len(result.effects))[::-1]
    for place, one in zip(places, result.effects, strict=True):
        if one.low is not None and one.high is not None:
            axes.plot([one.low, one.high], [place, place], color=PALE_BLUE, linewidth=7, solid_capstyle="butt")
        axes.scatter(one.gains, [place] * len(one.gains), s=22, color="white", edgecolor=BLUE, zorder=3)
        axes.scatter([one.gain], [place], s=70, color=BLUE, marker="|", linewidth=2.5, zorder=4)
        axes.annotate(f"{one.gain:+.1f}", (one.gain, place), xytext=(0, 9), textcoords="offset points", ha="center",
                      color=INK, fontsize=9)  # fmt: skip
    axes.axvline(0, color=FAINT, linewidth=1)
    axes.set_yticks(places, [f"{one.name}\nagainst: {FACTORS[one.name].instead}" for one in result.effects], fontsize=9)
    axes.set_ylim(-0.6, len(result.effects) - 0.3)
    axes.set_xlabel("points of accuracy on PublicTest (dots: seeds, bars: 95 % intervals)")
    plain(axes)
    return figure


def _metrics(run: Scored, labels: Labels) -> Any:
    return classification_metrics(run.floats, labels)
