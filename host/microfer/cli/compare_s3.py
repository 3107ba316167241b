"""Put what every network costs on an ESP32-S3 side by side, and its accuracy where one was recorded."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from microfer.cli import command
from microfer.console import Console, console

EXAMPLES = """
  microfer compare-s3                          all networks; untrained ones are made once, in runs/s3/
  microfer compare-s3 thesis-bn mini-xception  some
  microfer compare-s3 --out runs/front         the picture of accuracy against cost too, and the rows as JSON
  microfer compare-s3 --results runs/compare/compare.json --out runs/front
                                                     with the accuracies that microfer compare measured in one budget
  microfer compare-s3 --json
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the options, estimate each network, print, draw."""
    options = _options(arguments)
    from microfer.files import write_json
    from microfer.studies.accuracy.recorded import read_results
    from microfer.studies.chip.networks import compare, deployable, notes, rows_table

    results = read_results(options.results) if options.results else {}
    names, left_out = (options.networks, []) if options.networks else deployable()
    left_out += [f"{name}: in {options.results}, and not among these networks" for name in results if name not in names]
    for line in left_out:
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    rows = compare(names, options.cache, results)
    document = [row.to_json() for row in rows]
    if options.out:
        from microfer.metrics.plots import save
        from microfer.studies.chip.front import front_figure

        save(front_figure(rows), options.out / "front.png")
        write_json(options.out / "networks.json", document)
        console.print(f"wrote {options.out}: front.png, networks.json", highlight=False, soft_wrap=True)
    if options.json:
        print(json.dumps(document, indent=2))
    else:
        Console().print(rows_table(rows))
        for line in notes(rows):
            console.print(line, highlight=False)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser(
        "Compare networks on an ESP32-S3 with ESP-NN: accuracy, weights, arena, instructions, time and frames a second "
        "of the network alone, all but the accuracy by the cost model of docs/cost-model.md.",
        EXAMPLES,
        verb="compare-s3",
    )
    parser.add_argument("networks", nargs="*", help="names (default: all that fit the flash of a board)")
    parser.add_argument(
        "--cache", type=Path, default=Path("runs/s3"), help="folder for untrained networks (default: runs/s3)"
    )
    parser.add_argument("--results", type=Path, metavar="FILE", help="a compare.json of microfer compare")
    command.add_out_option(parser, "front.png and networks.json")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    return parser.parse_args(arguments)
