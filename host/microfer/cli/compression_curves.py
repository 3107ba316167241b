"""Measure how accuracy and size change with pruning and with weight sharing."""

import json
from collections.abc import Sequence
from pathlib import Path

from microfer.cli import command
from microfer.console import Console

EXAMPLES = """
  microfer compression-curves models/s3-1/float.keras --data fer2013.zip      nothing is trained: minutes
  microfer compression-curves best.keras --data fer2013.zip --epochs 10       heal as microfer prune does: hours
  microfer compression-curves best.keras --synthetic --limit 210 --out runs/trial       a first look

If it is stopped, run it again with the same options, and it continues: measured points are kept in --out/points, and
each healing run in its own folder, --out/sparsity-NN. Adding --epochs later only adds the healed points. Zeros and few
values make the packed file smaller, but the network neither faster nor smaller in flash: for that, use
microfer prune-channels. int8 accuracy is of LiteRT's optimized kernels.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = command.parser(
        "Compress a trained network further and further and measure it each time, as float and as int8, with the size "
        "after gzip: the smallest weights cut at 0, 10 ... 90 % of all, and every convolution's values replaced by 2, "
        "4 ... 256 that k-means finds. Writes curves.md, curves.json and curves.png.",
        EXAMPLES,
        verb="compression-curves",
    )
    parser.add_argument("network", type=Path, help="the .keras file to compress")
    command.add_data_options(parser, "measure and heal on")
    parser.add_argument(
        "--epochs", type=int, default=0, metavar="N", help="heal each sparsity for N epochs, 2 or more (default: none)"
    )
    parser.add_argument(
        "--heal-from",
        type=command.share,
        default=0.5,
        metavar="S",
        help="with --epochs: heal sparsities of S, 0 to 1, and more, for less is cut without a loss (default: 0.5)",
    )
    parser.add_argument("--seed", type=command.seed, default=0, help="of all random numbers (default: 0)")
    command.add_out_option(parser, "curves.json, .md and .png", Path("runs/curves"))
    command.add_threads_option(parser)
    command.add_limit_option(parser)
    parser.add_argument("--json", action="store_true", help="print the curves as JSON on standard output")
    options = parser.parse_args(arguments)
    from microfer.studies.compression.page import tables
    from microfer.studies.compression.session import compression_curves
    from microfer.versions import package_versions

    result = compression_curves(
        options.network,
        data=options.data,
        out=options.out,
        epochs=options.epochs,
        heal_from=options.heal_from,
        seed=options.seed,
        threads=options.threads,
        limit=options.limit,
        tell=command.say,
    )
    if options.json:
        print(json.dumps(result.to_json() | {"versions": package_versions()}))
    else:
        for table in tables(result):
            Console().print(table)
    command.say(f"wrote {options.out}: curves.md, curves.json, curves.png")
    return 0
