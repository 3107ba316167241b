"""Average a trained network's weights with those that its training began with."""

from pathlib import Path

from microfer.cli import command

EXAMPLES = """
  python host/train.py --data fer2013.zip --preset s3 --recipe continued --start models/s3-1/float.keras --out runs/on
  python host/average.py runs/on --start models/s3-1/float.keras --data fer2013.zip --out runs/mean
"""


def main() -> int:
    parser = command.parser(
        "Take the mean of two networks' weights: of one that train.py went on with, and of the one that it started "
        "from. Sometimes that is more accurate than both, and it costs no training. The folder that is written is like "
        "train.py's, for prune.py, quantize.py and scripts/release.py.",
        EXAMPLES,
    )
    parser.add_argument("run", type=Path, help="folder of a finished train.py --start")
    parser.add_argument("--start", type=Path, required=True, help="the .keras that it started from")
    command.add_data_options(parser, "score on")
    parser.add_argument("--share", type=float, default=0.5, help="of the run's weights in the mean (default: 0.5)")
    parser.add_argument("--out", type=Path, default=Path("runs/mean"), help="folder to write (default: runs/mean)")
    command.add_limit_option(parser)
    parser.add_argument("--json", action="store_true", help="print the accuracies as JSON")
    options = parser.parse_args()
    from microfer.training.average import average

    return average(
        options.run,
        options.start,
        data=None if options.synthetic else options.data,
        out=options.out,
        share=options.share,
        limit=options.limit,
        as_json=options.json,
    )


if __name__ == "__main__":
    command.run(main)
