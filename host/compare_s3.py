"""Put what every network costs on an ESP32-S3 side by side, and its accuracy where a release has it."""

import json
from pathlib import Path

from microfer import command

EXAMPLES = """
  python host/compare_s3.py                          all networks; untrained ones are made once, in runs/s3/
  python host/compare_s3.py thesis-bn mini-xception  some
  python host/compare_s3.py --json
"""


def main() -> None:
    """Parse the options, estimate each network, print."""
    parser = command.parser(
        "Compare networks on an ESP32-S3 with ESP-NN: accuracy, weights, arena, instructions, time and frames a second "
        "of the network alone, all but the accuracy by the cost model of docs/cost-model.md.",
        EXAMPLES,
    )
    parser.add_argument("networks", nargs="*", help="names (default: all that fit the flash of a board)")
    parser.add_argument(
        "--cache", type=Path, default=Path("runs/s3"), help="folder for untrained networks (default: runs/s3)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    options = parser.parse_args()
    from rich.console import Console

    from microfer.bench.chip import compare, deployable, rows_table

    names, left_out = (options.networks, []) if options.networks else deployable()
    for line in left_out:
        command.console.print(line, highlight=False)
    rows = compare(names, options.cache)
    if options.json:
        print(json.dumps([row.to_json() for row in rows], indent=2))
    else:
        Console().print(rows_table(rows))


if __name__ == "__main__":
    command.run(main)
