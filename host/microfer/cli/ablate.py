"""Find out what a recipe's factors do: train with all of them, and without each, over several seeds."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from microfer.cli import command
from microfer.console import Console, console, warn
from microfer.model.presets import PRESETS, preset
from microfer.studies.accuracy.ablation import FACTORS, WHOLE, variant

if TYPE_CHECKING:
    from microfer.studies.accuracy.ablation import Ablation

EXAMPLES = """
  microfer ablate --data fer2013.csv --epochs 10                 the default preset, three seeds
  microfer ablate --data fer2013.csv --epochs 120 --preset thesis-bn --seeds 0 1 2 3 4         on a GPU
  microfer ablate --synthetic --limit 200 --epochs 1 --seeds 0   a first look

For every seed there is a run with everything and one without each factor, each in its own folder under --out. If it is
stopped, run it again with the same options, and it continues. Two processes may share a folder with different --seeds;
a last call with all of them writes the table. Three seeds cannot show a gain below a point.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the options, train what is missing, print and write."""
    options = _parse(arguments)
    from microfer.data.training_data import load_splits
    from microfer.files import write_json, write_text
    from microfer.metrics.plots import save
    from microfer.studies.accuracy.ablation import ablation, ablation_figure, markdown
    from microfer.studies.accuracy.runs import Scored, score
    from microfer.training.session import train

    data = None if options.synthetic else options.data
    network = preset(options.preset)
    training, validation = load_splits(data, options.limit, tell=warn)
    runs: dict[str, list[Scored]] = {name: [] for name in (WHOLE, *options.factors)}
    for seed in dict.fromkeys(options.seeds):
        for name, members in runs.items():
            folder = options.out / f"{name}-{seed}"
            console.print(f"[bold]{name if name == WHOLE else f'without {name}'}[/], seed {seed}", highlight=False)
            result = train(
                *variant(name, network, options.epochs), data=data, out=folder, seed=seed, limit=options.limit,
                resume=(folder / "last.npz").exists(), precision=options.precision, threads=options.threads,
                tell=command.say,
            )  # fmt: skip
            command.say(result.describe())
            members.append(score(folder, seed, training, validation, quantized=False))
    found = ablation(
        runs, validation.labels, network.name, options.epochs, data.name if data else "DRAWN FACES, which say nothing"
    )
    write_json(options.out / "ablation.json", found.to_json())
    write_text(options.out / "ablation.md", "\n".join(markdown(found)) + "\n")
    save(ablation_figure(found), options.out / "ablation.png")
    if options.json:
        print(json.dumps(found.to_json(), indent=2))
    else:
        _show(found, {name: FACTORS[name].instead for name in options.factors})
    console.print(f"wrote {options.out}: ablation.md, ablation.json, ablation.png", highlight=False, soft_wrap=True)


def _show(result: "Ablation", instead: dict[str, str]) -> None:
    from statistics import mean

    table = Table(box=None, title=f"{result.network}: {mean(result.accuracies):.2%} with everything")
    for heading in ("factor", "in its place", "without it", "adds, points", "95 % interval"):
        table.add_column(heading, justify="left" if heading in ("factor", "in its place") else "right")
    for one in result.effects:
        reach = "-" if one.low is None or one.high is None else f"{one.low:+.1f} to {one.high:+.1f}"
        table.add_row(one.name, instead[one.name], f"{one.accuracy:.2%}", f"{one.gain:+.2f}", reach)
    Console().print(table)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser(__doc__ or "", EXAMPLES, verb="ablate")
    command.add_data_options(parser, "train on")
    parser.add_argument("--preset", default="s3", choices=PRESETS, help="the network (default: s3)")
    parser.add_argument("--factors", nargs="+", default=list(FACTORS), choices=FACTORS, help="default: all")
    parser.add_argument("--epochs", type=command.positive, required=True, help="of every run")
    parser.add_argument("--seeds", type=command.seed, nargs="+", default=[0, 1, 2], help="default: 0 1 2")
    command.add_out_option(parser, "ablation.json, .md and .png, and the runs", Path("runs/ablation"))
    command.add_limit_option(parser)
    command.add_precision_option(parser)
    command.add_threads_option(parser)
    parser.add_argument("--json", action="store_true", help="print the ablation as JSON on standard output")
    return parser.parse_args(arguments)
