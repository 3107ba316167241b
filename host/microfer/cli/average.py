"""Average a trained network's weights with those that its training began with."""

import json
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from microfer.cli import command
from microfer.console import console

EXAMPLES = """
  microfer train --data fer2013.zip --preset s3 --recipe continued --start models/s3-1/float.keras --out runs/on
  microfer average runs/on --start models/s3-1/float.keras --data fer2013.zip --out runs/mean
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = command.parser(
        "Take the mean of two networks' weights: of one that `microfer train` went on with, and of the one that it "
        "started from. Sometimes that is more accurate than both, and it costs no training. The folder that is written "
        "is like a training's, for `microfer prune`, `microfer quantize` and scripts/release.py.",
        EXAMPLES,
        verb="average",
    )
    parser.add_argument("run", type=Path, help="folder of a finished microfer train --start")
    parser.add_argument("--start", type=Path, required=True, help="the .keras that it started from")
    command.add_data_options(parser, "score on")
    parser.add_argument(
        "--share", type=command.share, default=0.5, help="of the run's weights in the mean (default: 0.5)"
    )
    command.add_out_option(parser, "the averaged network, like a training's", Path("runs/mean"))
    command.add_limit_option(parser)
    parser.add_argument("--json", action="store_true", help="print the accuracies as JSON")
    options = parser.parse_args(arguments)
    from microfer.training.average import average

    done = average(
        options.run,
        options.start,
        data=None if options.synthetic else options.data,
        out=options.out,
        share=options.share,
        limit=options.limit,
        tell=command.say,
    )
    table = Table("weights", "accuracy", "macro-F1", title="on the validation split")
    for name, metrics in done.metrics.items():
        table.add_row(name, f"{metrics.accuracy:.2%}", f"{metrics.macro_f1:.3f}")
    console.print(table)
    command.say(f"wrote {done.best_model}")
    if options.json:
        print(json.dumps(done.to_json()))
    return 0
