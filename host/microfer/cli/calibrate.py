"""Fit an int8 model's temperature and its threshold for "uncertain", and write them into the .tflite."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from microfer.cli import command
from microfer.console import console
from microfer.contract import MAX_SCORE_FLOOR

if TYPE_CHECKING:  # the worker processes import this file again, and need none of it
    from microfer.calibrate.calibrate import Calibration, ChooseThreshold
    from microfer.tflite.metadata import ModelMetadata

EXAMPLES = """
  microfer calibrate model.tflite --data fer2013.csv                      measure, write nothing
  microfer calibrate runs/int8/model.tflite --data fer2013.csv --out runs/int8    rewrite the model, whole or not at all
  microfer calibrate model.tflite --data fer2013.csv --min-accuracy 0.8   answer as often as 80 % are right
  microfer calibrate model.tflite --data fer2013.csv --label-smoothing 0.1 --out runs/calibrated    trained on labels \
smoothed by 0.1

The temperature T is the one with the smallest Brier score of the shown confidence, on the int8 scores and by the
board's formula: (p - floor)^(1/T), at least 0, scaled to add up to one. The floor is what smoothed labels gave to each
of the n scores in training, 256 * smoothing / n levels; name the smoothing once, and the model then carries the floor.
Neither changes which label comes first. The threshold decides whether it is shown: below it the answer is "uncertain".
By default 80 % of the images are answered: a board looks several times a second and can wait for a better look, and
80 % is where this project states its aim for the accuracy of the answers.
exit status: 0 done, 2 something could not be read or fitted
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the options, run the model, fit, print and write."""
    options = _parse(arguments)
    from microfer.calibrate.calibrate import calibrate
    from microfer.calibrate.plots import coverage_figure, reliability_figure
    from microfer.data.fer2013 import load
    from microfer.data.splits import require_classes
    from microfer.files import write_bytes, write_json
    from microfer.metrics.plots import save
    from microfer.parity.images import choose_images
    from microfer.runtimes.parallel import run_parallel
    from microfer.runtimes.runners import has_tflm, open_tflite
    from microfer.tflite import tflite_file
    from microfer.tflite.metadata import embed_metadata, read_metadata

    model = tflite_file.read(options.model)
    metadata = read_metadata(model)
    runner = open_tflite(options.model, "tflm" if has_tflm() else "reference", need_int8=True)
    dataset = load(options.data)
    require_classes(dataset, metadata.labels, str(options.model))
    images = choose_images(dataset, options.split)
    raw = run_parallel(runner, images.data.images, "raw", workers=options.threads)
    result = calibrate(
        raw,
        images.data.labels,
        _choice(options),
        score_floor=_floor(options, metadata),
        precision=options.precision,
        classes=metadata.labels,
    )
    new = replace(
        metadata,
        temperature=result.temperature,
        uncertain_below=result.uncertain_below,
        score_floor=result.score_floor,
    )
    document = result.to_json() | {"model_id": metadata.model_id, "runner": runner.name, "data": images.to_json()}
    if options.out:
        title = f"{metadata.model_id}, int8, {options.split}"
        write_json(options.out / "calibration.json", document)
        save(reliability_figure(result, title), options.out / "calibration.png")
        save(coverage_figure(result, title), options.out / "coverage.png")
        write_bytes(options.out / options.model.name, embed_metadata(model.content, new))
    if options.json:
        print(json.dumps(document, indent=2))
    else:
        _show(result, metadata.model_id, images.describe())
    console.print(
        f"wrote {escape(str(options.out / options.model.name))}, calibration.json, calibration.png, coverage.png"
        if options.out
        else "nothing written: --out writes the calibrated model, its report and plots",
        highlight=False,
        soft_wrap=True,
    )


def _choice(options: argparse.Namespace) -> "ChooseThreshold":
    from microfer.calibrate.coverage import for_accuracy, for_coverage

    if options.min_accuracy is not None:
        return lambda images: for_accuracy(images, options.min_accuracy)
    return lambda images: for_coverage(images, options.coverage)


def _floor(options: argparse.Namespace, metadata: "ModelMetadata") -> int:
    """Return the floor that was asked for, or else the one that the model carries."""
    from microfer.calibrate.temperature import natural_floor

    if options.label_smoothing is not None:
        return natural_floor(options.label_smoothing, len(metadata.labels))
    return metadata.score_floor if options.score_floor is None else int(options.score_floor)


def _show(result: "Calibration", model_id: str, images: str) -> None:
    before, after, alone = result.before, result.after, result.without_floor
    ece, low, high = result.spread("ece")
    lines = [
        f"[bold]{escape(model_id)}[/], {escape(images)}",
        f"temperature, floor   {result.temperature:g}, {result.score_floor} of 256",
        f"calibration error    {100 * before.ece:.2f} % before, {100 * after.ece:.2f} % after, {100 * ece:.2f} % "
        f"cross-fitted ({100 * low:.2f} to {100 * high:.2f} % over {len(result.cross_fits)} ways of halving)",
        f"  without the floor  {100 * alone.ece:.2f} % at temperature {alone.temperature:g}, "
        f"{100 * result.spread('ece_without_floor')[0]:.2f} % cross-fitted",
        f"  with the floor     {after.lost_truths:.1%} of the true labels are left without confidence",
        f"  a perfect model has {100 * after.perfect_ece:.2f} % by chance, 97.5 % of the time under "
        f"{100 * after.perfect_ece_high:.2f} %",
        f"mean confidence      {100 * before.mean_confidence:.2f} % before, {100 * after.mean_confidence:.2f} % after, "
        f"accuracy {100 * result.accuracy:.2f} %",
        f"uncertain below      {result.uncertain_below:g}",
    ]
    console.print("\n".join(lines), highlight=False, soft_wrap=True)
    table = Table("uncertain below", box=None)
    for heading in ("answered", "right", "95 % interval"):
        table.add_column(heading, justify="right")
    for point in result.table:
        interval = f"{100 * point.low:.1f} to {100 * point.high:.1f} %"
        table.add_row(f"{point.threshold:.3f}", f"{point.coverage:.1%}", f"{100 * point.accuracy:.2f} %", interval)
    console.print(table)
    console.print(_class_table(result))
    for sentence in result.misses():
        console.print(f"[yellow]missed:[/] {escape(sentence)}", highlight=False, soft_wrap=True)


def _class_table(result: "Calibration") -> Table:
    wanted = f"{100 * result.wanted_precision:g} %"
    table = Table("class", box=None)
    for heading in ("precision", "recall", f"precision {wanted} from", "recall there"):
        table.add_column(heading, justify="right")
    for point, other in zip(result.classes, result.classes_at_precision, strict=True):
        reached = (f"{other.threshold:.3f}", _rate(other.recall)) if other else ("never", "-")
        table.add_row(point.label, _rate(point.precision), _rate(point.recall), *reached)
    return table


def _rate(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.3f}"


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser(__doc__ or "", EXAMPLES, verb="calibrate")
    parser.add_argument("model", type=Path, help="the int8 .tflite that microfer quantize wrote")
    parser.add_argument("--data", type=Path, required=True, help="FER-2013: CSV, folder or zip")
    parser.add_argument("--split", default="PublicTest", help="which images to fit on (default: PublicTest)")
    floor = parser.add_mutually_exclusive_group()
    floor.add_argument(
        "--label-smoothing", type=float, metavar="E", help="what the network was trained with, which gives the floor"
    )
    floor.add_argument(
        "--score-floor",
        type=_levels,
        metavar="N",
        help=f"the floor itself, 0..{MAX_SCORE_FLOOR} of 256 levels (default: the model's own)",
    )
    threshold = parser.add_mutually_exclusive_group()
    threshold.add_argument(
        "--coverage", type=_share, default=0.8, help="share of the images to answer, 0..1 (default: 0.8)"
    )
    threshold.add_argument("--min-accuracy", type=_share, help="answer as often as this share of answers is right")
    parser.add_argument(
        "--precision", type=_share, default=0.8, help="what the per-class report aims at, 0..1 (default: 0.8)"
    )
    command.add_out_option(parser, "the calibrated .tflite, under its own name, calibration.json and two plots")
    command.add_threads_option(parser)
    parser.add_argument("--json", action="store_true", help="print the result as JSON on standard output")
    return parser.parse_args(arguments)


def _levels(text: str) -> int:
    number = int(text)
    if not 0 <= number <= MAX_SCORE_FLOOR:
        raise argparse.ArgumentTypeError(f"{number} is not from 0 to {MAX_SCORE_FLOOR}")
    return number


def _share(text: str) -> float:
    number = float(text)
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError(f"{number:g} is not above 0 and at most 1")
    return number
