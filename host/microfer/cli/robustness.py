"""Measure how much accuracy a model keeps when its crops get worse, and behind the board's own camera chain."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.markup import escape
from rich.table import Table

from microfer.cli import command
from microfer.console import console

if TYPE_CHECKING:  # the worker processes import this file again, and need none of it
    from microfer.studies.robustness.measure import Robustness

EXAMPLES = """
  microfer robustness models/NAME/model.tflite --data fer2013.csv                   everything, on PublicTest
  microfer robustness model.tflite --data fer2013.csv --limit 600                   a quick look
  microfer robustness model.tflite --data fer2013.csv --only blur darkness --json   some of it, as JSON
  microfer robustness model.tflite --data fer2013.csv --out report                  with plot and table as files
  microfer robustness model.tflite --data fer2013.csv --detector opencv             no C++ compiler needed

The same seed and data give the same pixels. A drop is measured on the same images, so its interval is narrower
than those of the two accuracies. A .tflite runs in LiteRT's optimized kernels by default: 37 conditions take long in
the reference ones, whose bits differ a little and whose accuracy does not.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the options, measure, print and write."""
    options = _parse(arguments)
    from microfer.data.fer2013 import load
    from microfer.data.splits import require_classes
    from microfer.files import write_json, write_text
    from microfer.metrics.plots import save
    from microfer.parity.images import choose_images
    from microfer.runtimes.parallel import run_parallel
    from microfer.runtimes.runners import labels_of, open_model
    from microfer.studies.robustness.camera_chain import crop_finder
    from microfer.studies.robustness.corruptions import CORRUPTIONS, corruption
    from microfer.studies.robustness.measure import CAMERA, measure
    from microfer.studies.robustness.page import markdown, robustness_figure

    runner = open_model(options.model, options.runner)
    dataset = load(options.data)
    require_classes(dataset, labels_of(options.model), str(options.model))
    images = choose_images(dataset, options.split, options.limit)
    wanted = [name for name in options.only if name != CAMERA]
    finder = crop_finder(options.detector) if CAMERA in options.only or not options.only else None

    def score(crops: np.ndarray, title: str) -> np.ndarray:
        return run_parallel(runner, crops, "scores", title=title, workers=options.threads)

    chosen = [corruption(name) for name in wanted] if options.only else CORRUPTIONS
    result = measure(score, images.data, options.seed, corruptions=chosen, finder=finder)
    document = result.to_json() | {"model": options.model.name, "runner": runner.name, "data": images.to_json()}
    if options.out:
        title = f"{options.model.name} ({runner.name}), {options.split}"
        write_json(options.out / "robustness.json", document)
        write_text(options.out / "robustness.md", "\n".join(markdown(result)) + "\n")
        save(robustness_figure(result, title), options.out / "robustness.png")
    if options.json:
        print(json.dumps(document, indent=2))
    else:
        console.print(
            f"[bold]{escape(options.model.name)}[/] in {runner.name}, {escape(images.describe())}",
            highlight=False,
            soft_wrap=True,
        )
        _show(result)


def _show(result: "Robustness") -> None:
    clean = f"clean {100 * result.accuracy:.2f} % ({100 * result.low:.1f} to {100 * result.high:.1f} %)"
    camera = f"; camera chain: {result.camera}" if result.camera else ""
    console.print(clean + camera, highlight=False, soft_wrap=True)
    table = Table("what", box=None)
    table.add_column("strength", justify="right")
    table.add_column("unit")
    for heading in ("accuracy", "drop, points", "found"):
        table.add_column(heading, justify="right")
    for row in result.rows:
        table.add_row(
            row.kind,
            f"{row.strength:g}",
            row.unit,
            f"{100 * row.accuracy:.1f} % ({100 * row.low:.0f}-{100 * row.high:.0f})",
            f"{row.drop_points:+.1f} ({row.drop_low:+.1f} to {row.drop_high:+.1f})",
            f"{row.found:.1%}" if row.kind == "camera" else "",
        )
    console.print(table)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    from microfer.studies.robustness.corruptions import CORRUPTIONS
    from microfer.studies.robustness.measure import CAMERA

    parser = command.parser(__doc__ or "", EXAMPLES, verb="robustness")
    parser.add_argument("model", type=Path, help="a .tflite or a .keras file")
    parser.add_argument("--data", type=Path, required=True, help="FER-2013: CSV, folder or zip")
    parser.add_argument("--split", default="PublicTest", help="which images of it (default: PublicTest)")
    parser.add_argument(
        "--only", nargs="+", default=[], choices=[*(one.name for one in CORRUPTIONS), CAMERA], help="these alone"
    )
    parser.add_argument(
        "--detector",
        default="firmware",
        choices=("firmware", "opencv"),
        help="what finds the face for the camera chain: the firmware, compiled here, or OpenCV (default: firmware)",
    )
    parser.add_argument("--seed", type=command.seed, default=0, help="of all random numbers (default: 0)")
    parser.add_argument(
        "--limit", type=command.positive, metavar="N", help="only N images of the split, chosen by a fixed seed"
    )
    parser.add_argument(
        "--runner",
        default="optimized",
        choices=("reference", "optimized", "tflm"),
        help="what runs a .tflite (default: optimized)",
    )
    command.add_threads_option(parser)
    command.add_out_option(parser, "robustness.json, .md and .png")
    parser.add_argument("--json", action="store_true", help="print the result as JSON on standard output")
    return parser.parse_args(arguments)
