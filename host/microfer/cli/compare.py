"""Train networks under one recipe and budget, score them on the same images, write one table and a plot."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from microfer.cli import command
from microfer.console import Console, console, warn
from microfer.model.networks import NETWORKS
from microfer.training.recipe import RECIPES

if TYPE_CHECKING:  # the worker processes import this file again, and need none of it
    from collections.abc import Iterable

    from microfer.studies.accuracy.smoke import Smoke
    from microfer.studies.accuracy.table import Comparison

EXAMPLES = """
  microfer compare --data fer2013.csv --presets thesis thesis-bn mini-xception mobilenet-v2 --epochs 40
  microfer compare --data fer2013.csv --epochs 120 --seeds 0 1 2        everything, three times: for a GPU
  microfer compare --data fer2013.csv --epochs 40 --also models/NAME/float.keras    beside a trained network
  microfer compare --data fer2013.csv --epochs 20 --presets s3 thesis --smoke vgg16 resnet50     big ones aside
  microfer compare --synthetic --limit 200 --epochs 1 --presets mini-xception thesis-bn     a first look

If it is stopped, run it again with the same options, and it continues: finished runs are not trained again. On two
cores, choose networks of up to a few million parameters. Large ones need a GPU; --smoke trains them for one epoch on a
few images, which only proves that they work. Each run is one `microfer train` in a folder of its own,
--out/PRESET-SEED. ResNet50 and EfficientNet-B0 start from scratch here; to start from
ImageNet weights of your own, use `microfer train --imagenet FILE`, and add the result with
--also. Int8 accuracy is of LiteRT's optimized kernels.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the options, train and score every run, print and write."""
    options = _parse(arguments)
    from microfer.data.training_data import load_splits
    from microfer.files import write_json, write_text
    from microfer.metrics.plots import save
    from microfer.studies.accuracy import smoke
    from microfer.studies.accuracy.runs import Budget, score, score_file, train
    from microfer.studies.accuracy.table import compare, comparison_figure, markdown

    budget = Budget(options.recipe, options.epochs, options.data, options.limit, options.precision, options.threads)
    training, validation = load_splits(budget.data, budget.limit, tell=warn)
    folders = [
        (train(name, seed, budget, options.out), seed)
        for name in options.presets
        for seed in dict.fromkeys(options.seeds)
    ]
    quantized = not options.no_int8
    smokes = [smoke.smoke(name, budget, options.smoke_images, options.out) for name in options.smoke]
    runs = [score(folder, seed, training, validation, quantized=quantized) for folder, seed in folders]
    runs += [score_file(path, training, validation, quantized=quantized) for path in options.also]
    reference = options.reference or ("thesis-bn" if "thesis-bn" in options.presets else runs[0].name)
    result = compare(runs, validation.labels, reference, budget)
    document = result.to_json() | {"smoke": [asdict(one) for one in smokes]}
    write_json(options.out / "compare.json", document)
    write_text(options.out / "compare.md", "\n".join(markdown(result) + smoke.markdown(smokes)) + "\n")
    split = "PublicTest" if budget.data else "drawn faces"
    save(comparison_figure(result, f"{split}, {budget.epochs} epochs"), options.out / "compare.png")
    if options.json:
        print(json.dumps(document, indent=2))
    else:
        _show(result, smokes)
    console.print(f"wrote {options.out}: compare.md, compare.json, compare.png", highlight=False, soft_wrap=True)


def _show(result: "Comparison", smokes: "Sequence[Smoke]") -> None:
    from microfer.studies.accuracy import smoke
    from microfer.studies.accuracy.table import PRIVATE_TEST, SHORT, short_cells

    _print(SHORT, map(short_cells, result.rows))
    widest = max(50 * (row.high - row.low) for row in result.rows)
    console.print(
        f"float accuracy, 95 % intervals up to +-{widest:.1f} points; p: McNemar's against {result.reference}",
        highlight=False,
    )
    if smokes:
        console.print("one epoch on a few images, to show that they train; their accuracies need a GPU")
        _print(("network", "parameters", "MMACs", "images", "loss", "seconds"), map(smoke.cells, smokes))
    console.print(PRIVATE_TEST, highlight=False, soft_wrap=True)


def _print(headings: "Sequence[str]", rows: "Iterable[Sequence[str]]") -> None:
    table = Table(box=None)
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "network" else "right")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser(__doc__ or "", EXAMPLES, verb="compare")
    command.add_data_options(parser, "train on")
    parser.add_argument("--presets", nargs="+", default=list(NETWORKS), choices=NETWORKS, help="default: all")
    parser.add_argument("--recipe", default="strong", choices=RECIPES, help="for all of them (default: strong)")
    parser.add_argument("--epochs", type=command.positive, required=True, help="of every run")
    parser.add_argument(
        "--seeds", type=command.seed, nargs="+", default=[0], help="a run of each preset for each (default: 0)"
    )
    parser.add_argument("--also", type=Path, nargs="+", default=[], metavar="FILE", help="trained .keras files beside")
    parser.add_argument("--smoke", nargs="+", default=[], choices=NETWORKS, help="train these for one epoch only")
    parser.add_argument("--smoke-images", type=command.positive, default=512, help="on this many (default: 512)")
    parser.add_argument("--reference", help="what the others are tested against (default: thesis-bn, or the first)")
    parser.add_argument("--no-int8", action="store_true", help="do not quantize")
    command.add_out_option(parser, "compare.json, .md and .png, and the runs", Path("runs/compare"))
    command.add_limit_option(parser)
    command.add_precision_option(parser)
    command.add_threads_option(parser)
    parser.add_argument("--json", action="store_true", help="print the comparison as JSON on standard output")
    return parser.parse_args(arguments)
