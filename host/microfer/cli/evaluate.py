"""Score a model on one split of FER-2013."""

import argparse
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from microfer.cli import command
from microfer.console import console

if TYPE_CHECKING:  # the worker processes import this file again, and need none of it
    from microfer.metrics.evaluation import Evaluation
    from microfer.parity.images import Images

EXAMPLES = """
  microfer evaluate models/NAME/model.tflite --data fer2013.csv                  the int8 model, on PublicTest
  microfer evaluate runs/mine/best.keras --data fer2013.zip --split PrivateTest  a float model
  microfer evaluate model.tflite --data fer2013.csv --runner tflm                in TFLM, as on the board
  microfer evaluate model.tflite --data fer2013.csv --out report --json          with plots, and JSON
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the options, run the model, print and write what was measured."""
    options = _parse(arguments)
    from microfer.data.fer2013 import load
    from microfer.data.splits import require_classes
    from microfer.files import write_json
    from microfer.metrics.evaluation import evaluate
    from microfer.metrics.metrics import classification_metrics
    from microfer.metrics.plots import plot_confusion, plot_reliability
    from microfer.parity.images import choose_images
    from microfer.pictures.classify import as_shown
    from microfer.runtimes.parallel import run_parallel
    from microfer.runtimes.runners import labels_of, open_model

    runner = open_model(options.model, options.runner)
    dataset = load(options.data)
    require_classes(dataset, labels_of(options.model), str(options.model))
    images = choose_images(dataset, options.split, options.limit)
    scores = run_parallel(runner, images.data.images, "scores", workers=options.threads)
    shown = as_shown(options.model, scores)
    result = evaluate(shown, images.data, dataset.take(dataset.usage == "Training"))
    document = _document(result, images, options.model, runner.name)
    document["ece_uncalibrated"] = classification_metrics(scores, images.data.labels, dataset.classes).ece
    if options.out:
        title = f"{options.model.name} ({runner.name}), {options.split}"
        write_json(options.out / "evaluation.json", document)
        plot_confusion(result.whole, options.out / "confusion.png", f"{title}: {100 * result.whole.accuracy:.2f} %")
        plot_reliability(result.whole, options.out / "reliability.png", title)
    if options.json:
        print(json.dumps(document, indent=2))
    else:
        _show(result, images, options.model, runner.name, document["ece_uncalibrated"])
    if options.out:
        console.print(
            f"wrote {escape(str(options.out))}: evaluation.json, confusion.png, reliability.png",
            highlight=False,
            soft_wrap=True,
        )


def _document(result: "Evaluation", images: "Images", model: Path, runner: str) -> dict[str, Any]:
    from microfer.files import read_bytes
    from microfer.versions import package_versions

    return result.to_json() | {
        "model": {"file": model.name, "sha256": hashlib.sha256(read_bytes(model)).hexdigest()},
        "runner": runner,
        "data": images.to_json(),
        "versions": package_versions(),
    }


def _show(result: "Evaluation", images: "Images", model: Path, runner: str, uncalibrated: float) -> None:
    whole = result.whole
    console.print(
        f"[bold]{escape(model.name)}[/] in {runner}, {escape(images.describe())}", highlight=False, soft_wrap=True
    )
    table = Table("class", box=None)
    for heading in ("precision", "recall", "F1", "images"):
        table.add_column(heading, justify="right")
    for one in whole.per_class:
        table.add_row(one.label, f"{one.precision:.3f}", f"{one.recall:.3f}", f"{one.f1:.3f}", f"{one.support:,}")
    console.print(table)
    lines = [
        f"accuracy           {100 * whole.accuracy:.2f} %  ({whole.correct:,} of {whole.count:,}; 95 % interval "
        f"{100 * whole.accuracy_low:.2f} to {100 * whole.accuracy_high:.2f} %)",
        f"  unseen images    {_unseen(result)}",
        f"macro-F1           {whole.macro_f1:.4f}",
        f"calibration error  {100 * whole.ece:.2f} %  ({len(whole.calibration)} bins; without the model's own "
        f"temperature {100 * uncalibrated:.2f} %)",
    ]
    console.print("\n".join(lines), highlight=False, soft_wrap=True)


def _unseen(result: "Evaluation") -> str:
    if result.repeated is None:
        return "unknown: the data has no Training images to compare with"
    if result.unseen is None:
        return "none: every image is also in Training"
    return f"{100 * result.unseen.accuracy:.2f} %  (without {result.repeated:,} exact copies of Training images)"


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser(__doc__ or "", EXAMPLES, verb="evaluate")
    parser.add_argument("model", type=Path, help="a .keras or a .tflite file")
    parser.add_argument("--data", type=Path, required=True, help="FER-2013: CSV, folder or zip")
    parser.add_argument("--split", default="PublicTest", help="which images of it (default: PublicTest)")
    parser.add_argument(
        "--runner",
        default="reference",
        choices=("reference", "optimized", "tflm"),
        help="what runs a .tflite: LiteRT's reference kernels, its optimized ones, TFLM (default: reference)",
    )
    parser.add_argument(
        "--limit", type=command.positive, metavar="N", help="only N images of the split, chosen by a fixed seed"
    )
    command.add_threads_option(parser)
    command.add_out_option(parser, "evaluation.json and the plots")
    parser.add_argument("--json", action="store_true", help="print the result as JSON on standard output")
    return parser.parse_args(arguments)
