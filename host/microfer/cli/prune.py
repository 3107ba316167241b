"""Prune a trained network by magnitude."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from microfer.cli import command
from microfer.console import console
from microfer.training.recipe import RECIPES

if TYPE_CHECKING:
    from microfer.compress.session import Pruned

EXAMPLES = """
  microfer prune runs/thesis-bn-strong-0/best.keras --data fer2013.zip
  microfer prune best.keras --data fer2013.zip --sparsity 0.8 --epochs 20 --out runs/pruned80
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = command.parser(
        "Set the smallest weights of a trained network to zero while training on, with "
        "tensorflow-model-optimization. The file compresses better; size in flash and latency stay as they are.",
        EXAMPLES,
        verb="prune",
    )
    parser.add_argument("network", type=Path, help="the .keras file to prune")
    command.add_data_options(parser, "train on")
    parser.add_argument(
        "--sparsity", type=command.share, default=0.5, help="share of zeros to reach, 0..1 (default: 0.5)"
    )
    parser.add_argument("--epochs", type=int, default=5, help="of pruning and healing together (default: 5)")
    parser.add_argument("--recipe", default="strong", choices=RECIPES, help="augmentation and loss (default: strong)")
    parser.add_argument("--seed", type=command.seed, default=0, help="of all random numbers (default: 0)")
    command.add_out_option(parser, "the pruned network and what a training writes", Path("runs/pruned"))
    parser.add_argument("--resume", action="store_true", help="continue from the last checkpoint in the folder")
    command.add_limit_option(parser)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    options = parser.parse_args(arguments)
    from microfer.compress.session import prune

    done = prune(
        options.network,
        data=options.data,
        out=options.out,
        sparsity_target=options.sparsity,
        epochs=options.epochs,
        recipe_name=options.recipe,
        seed=options.seed,
        resume=options.resume,
        limit=options.limit,
        tell=command.say,
    )
    show(done)
    if options.json:
        print(json.dumps(done.report))
    return 0


def show(done: "Pruned") -> None:
    """Print what pruning left."""
    table = Table(title="zeros in each convolution's kernel")
    for title in ("layer", "zeros", "of", "sparsity"):
        table.add_column(title, justify="left" if title == "layer" else "right")
    for row in done.layers:
        table.add_row(row.name, f"{row.zeros:,}", f"{row.weights:,}", f"{row.sparsity:.1%}")
    console.print(table)
    accuracy, packed = done.report["validation_accuracy"], done.report["float32_gzip_bytes"]
    command.say(
        f"sparsity {done.report['sparsity']:.1%}; validation accuracy {accuracy['before']:.2%} before, "
        f"{accuracy['after']:.2%} after; float32 weights after gzip {packed['before']:,} bytes before, "
        f"{packed['after']:,} after (plain size and latency stay: TFLM stores zeros like any other weight)"
    )
