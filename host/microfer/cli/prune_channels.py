"""Cut whole channels out of a trained network, so that it gets faster."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from microfer.cli import command
from microfer.console import console
from microfer.training.recipe import RECIPES

if TYPE_CHECKING:
    from microfer.compress.channels_session import Cut

EXAMPLES = """
  microfer prune-channels runs/thesis-bn-strong-0/best.keras --data fer2013.zip
  microfer prune-channels best.keras --data fer2013.zip --instructions 0.3 --epochs 60 --out runs/third
  microfer prune-channels best.keras --data fer2013.zip --resume         continue after Ctrl-C
  microfer prune-channels runs/channels/best.keras --data fer2013.zip --instructions 0.9 --out runs/second
                                                a second step after the first, from whose beginning the report counts
  microfer quantize runs/channels/best.keras --data fer2013.zip --model-id mine    then as any other network
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = command.parser(
        "Take the channels that matter least out of a trained network until it needs only a share of the instructions "
        "on the chip (by the cost model), then train what is left. A plain smaller network comes out. Unlike the zeros "
        "of microfer prune, that makes it smaller and faster.",
        EXAMPLES,
        verb="prune-channels",
    )
    parser.add_argument("network", type=Path, help="the .keras file to prune")
    command.add_data_options(parser, "train on")
    parser.add_argument(
        "--instructions",
        type=command.share,
        default=0.5,
        metavar="SHARE",
        help="share of them to keep, 0..1 (default: 0.5)",
    )
    parser.add_argument(
        "--multiple", type=int, default=16, choices=(8, 16), help="keep channels in multiples of this (default: 16)"
    )
    parser.add_argument("--epochs", type=int, default=40, help="of healing (default: 40)")
    parser.add_argument("--learning-rate", type=float, default=1.5e-3, help="highest rate of healing (default: 0.0015)")
    parser.add_argument("--recipe", default="strong", choices=RECIPES, help="how to train (default: strong)")
    parser.add_argument(
        "--teacher", type=Path, nargs="*", metavar="FILE", help="networks to learn from (default: the whole one)"
    )
    parser.add_argument("--seed", type=command.seed, default=0, help="of all random numbers (default: 0)")
    command.add_out_option(parser, "the smaller network and what a training writes", Path("runs/channels"))
    parser.add_argument("--resume", action="store_true", help="continue from the last checkpoint in the folder")
    command.add_threads_option(parser)
    command.add_limit_option(parser)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    options = parser.parse_args(arguments)
    from microfer.compress.channels_session import prune_channels

    report = prune_channels(
        options.network,
        data=options.data,
        out=options.out,
        share=options.instructions,
        multiple=options.multiple,
        epochs=options.epochs,
        learning_rate=options.learning_rate,
        recipe_name=options.recipe,
        seed=options.seed,
        teachers=[options.network] if options.teacher is None else options.teacher,
        threads=options.threads,
        resume=options.resume,
        limit=options.limit,
        on_cut=_show,
        tell=command.say,
    )
    accuracy, spent = report["validation_accuracy"], report["instructions"]
    command.say(
        f"instructions {spent['after'] / spent['before']:.1%} of what they were; validation accuracy "
        f"{accuracy['before']:.2%} before, {accuracy['after']:.2%} after; wrote {options.out / 'best.keras'}"
    )
    if options.json:
        print(json.dumps(report))
    return 0


def _show(cut: "Cut") -> None:
    table = Table(title=f"what is left of {cut.config.name}")
    for title in ("", "before", "after"):
        table.add_column(title, justify="right" if title else "left")
    for name, old, new in cut.channels:
        table.add_row(name, str(old), str(new))
    table.add_section()
    for name, old, new in cut.costs:
        table.add_row(name.replace("_", " "), f"{old:,}", f"{new:,}")
    console.print(table)
