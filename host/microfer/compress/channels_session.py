"""Channel pruning from file to folder: the cut, the healing, the report."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from microfer.compress.channels import Kept, choose, cut, groups
from microfer.cost.network import instructions
from microfer.data.training_data import load_splits
from microfer.errors import MicroferError
from microfer.files import fingerprint, read_bytes, write_json
from microfer.json_reader import parse
from microfer.model import saved
from microfer.model.presets import SqueezeNet
from microfer.model.table import layers, macs, parameters
from microfer.training.distill import Distillation, Teachers
from microfer.training.engine import use_threads
from microfer.training.engines import make_engine
from microfer.training.loop import Run
from microfer.training.recipe import Recipe, recipe
from microfer.training.session import Screen
from microfer.versions import package_versions

REPORT_FILE = "channels.json"


def healing(base: Recipe, epochs: int, learning_rate: float) -> Recipe:
    """Return how what is left is trained on: `base` over `epochs`, from a lower rate, for most of it is learnt."""
    return replace(base, name=f"{base.name}-channels", epochs=epochs, learning_rate=learning_rate, warmup_epochs=0.5)


@dataclass(frozen=True)
class Cut:
    """A network before and after the cut. kept: the channels that are left, by their group's name."""

    config: SqueezeNet
    smaller: SqueezeNet
    kept: Kept

    @property
    def channels(self) -> list[tuple[str, int, int]]:
        """Each group's first and last layer, its channels before and after."""
        return [
            (", ".join(one.producers[:: len(one.producers) - 1 or 1]), one.channels, len(self.kept[one.name]))
            for one in groups(self.config)
        ]

    @property
    def costs(self) -> list[tuple[str, int, int]]:
        """Each cost, before and after."""
        return _costs(self.config, self.smaller)


def prune_channels(
    source: Path,
    *,
    data: Path | None,
    out: Path,
    share: float,
    multiple: int,
    epochs: int,
    learning_rate: float,
    recipe_name: str,
    seed: int,
    teachers: Sequence[Path],
    threads: int | None = None,
    resume: bool = False,
    limit: int | None = None,
    on_cut: Callable[[Cut], None] = lambda _: None,
    tell: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Cut channels out of the .keras network `source` and heal it; `microfer prune-channels --help` has the options.

    Writes to `out` what a training run writes and `channels.json`: channels of each group, instructions, parameters and
    accuracy before, right after the cut and at the end. Where `source` is what this wrote before, the pruning goes on
    in steps: "before" is then the network that the first of them began with. Returns the content of `channels.json`.
    on_cut: is told what is left, before the healing. tell: is given what happens meanwhile, a line each.

    Raises:
        MicroferError: a network without fire modules or whose channels cannot be ranked, bad data, a missing package, a
            run in `out` that would be overwritten.
    """
    if epochs < 1:
        raise MicroferError(f"--epochs must be at least 1, not {epochs}")
    if not resume and (out / "last.npz").exists():
        raise MicroferError(f"{out} already holds a run: add --resume to continue it, or choose another --out")
    config, _ = saved.read_config(source)
    if not isinstance(config, SqueezeNet):
        raise MicroferError(f"{source} holds {config.name}; channels are pruned in SqueezeNets only")
    training, validation = load_splits(data, limit, tell=tell)
    use_threads(threads)
    whole, _ = saved.load(source)
    earlier = _earlier(source)
    kept = choose(whole, config, share, multiple)
    left = share * math.prod(step["share"] for step in earlier["steps"]) if earlier else share
    name = config.name.rpartition("-c")[0] if earlier else config.name
    model, smaller = cut(whole, config, kept, f"{name}-c{round(100 * left)}")
    tuning = healing(recipe(recipe_name), epochs, learning_rate)
    followed = Teachers(teachers, Distillation()) if teachers else None
    distillation = followed.settings if followed else None
    run = Run(smaller, tuning, training, validation, seed, out, teachers=followed, start=fingerprint(source))
    before = run.validate(make_engine(whole, config, tuning))[1]
    engine = make_engine(model, smaller, tuning, distillation=distillation)
    cut_open = run.validate(engine)[1]
    on_cut(Cut(config, smaller, kept))
    tell(f"accuracy {before:.2%} before, {cut_open:.2%} after the cut; healing for {epochs} epochs, {engine.name}")
    with Screen(run, resume=resume) as screen:
        result = run.execute(engine, resume=resume, on_step=screen.step, on_epoch=screen.epoch)
    accuracy = {"before": before, "cut": cut_open, "after": result.best_accuracy}
    costs = {name: {"before": old, "after": new} for name, old, new in _costs(config, smaller)}
    step = {
        "source": source.name,
        "share": share,
        "multiple": multiple,
        "epochs": epochs,
        "seed": seed,
        "recipe": tuning.to_json(),
        "teachers": followed.to_json() if followed else None,
        "instructions": costs["instructions"],
        "validation_accuracy": accuracy,
    }
    report: dict[str, Any] = {
        "steps": [*(earlier["steps"] if earlier else []), step],
        "channels": {group.name: [group.channels, len(kept[group.name])] for group in groups(config)},
        **costs,
        "validation_accuracy": accuracy,
        "versions": package_versions(),
    }
    if earlier:
        for key in (*costs, "validation_accuracy"):
            report[key] = report[key] | {"before": earlier[key]["before"]}
        report["channels"] = {
            name: [earlier["channels"][name][0], now] for name, (_, now) in report["channels"].items()
        }
    write_json(out / REPORT_FILE, report)
    return report


def _earlier(source: Path) -> dict[str, Any] | None:
    """Return the report of the channel pruning that `source` came out of, None where it came out of none.

    Raises:
        MicroferError: the report is damaged.
    """
    path = source.parent / REPORT_FILE
    if source.name != "best.keras" or not path.exists():
        return None
    try:
        report: dict[str, Any] = parse(read_bytes(path))
        if not report["steps"]:
            raise ValueError("it has no step")
    except (ValueError, KeyError, TypeError) as error:
        raise MicroferError(
            f"{path} is damaged ({error!r}): move {source.name} to another folder, and it is taken for a whole network"
        ) from error
    return report


def _costs(config: SqueezeNet, smaller: SqueezeNet) -> list[tuple[str, int, int]]:
    """Return (what, before, after) of everything that the cut makes smaller."""
    measures: dict[str, Any] = {
        "instructions": instructions,
        "macs": macs,
        "parameters": parameters,
        "int8_weight_bytes": lambda one: sum(layer.int8_bytes for layer in layers(one)),
    }
    return [(name, round(measure(config)), round(measure(smaller))) for name, measure in measures.items()]
