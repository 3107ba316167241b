"""Measure the board's face detector: what it finds, what it takes for a face, OpenCV beside it."""

import argparse
import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from microfer.cli import command
from microfer.console import Console, console

if TYPE_CHECKING:  # the worker processes import this file again, and need none of it
    from microfer.data.dataset import Dataset
    from microfer.studies.detector.report import DetectorReport
    from microfer.virtual_board.firmware_core import FirmwareCore

EXAMPLES = """
  microfer evaluate-detector                                    faces of LFW, and frames without a face
  microfer evaluate-detector --data fer2013.csv                 faces of FER-2013's PublicTest as well
  microfer evaluate-detector --data fer2013.csv --json          the same as JSON
  microfer evaluate-detector --data fer2013.csv --box           which box around a face suits the network
  microfer evaluate-detector --data fer2013.csv --box --out docs   and write its curve, as JSON and as a plot

The detector is the firmware's C++, compiled for this computer. What it costs on the chip is in docs/face.md.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the options, measure, print."""
    options = _parse(arguments)
    from microfer.data.fer2013 import load
    from microfer.virtual_board.firmware_core import open_core

    data = load(options.data) if options.data else None
    core = open_core(progress=console.print)
    document = _box(options, core, data) if options.box else _detector(options, core, data)
    if options.json:
        print(json.dumps(document, indent=2))


def _detector(options: argparse.Namespace, core: "FirmwareCore", data: "Dataset | None") -> dict[str, Any]:
    from microfer.files import write_json
    from microfer.parity.images import choose_images
    from microfer.studies.detector.report import measure

    faces = choose_images(data, "PublicTest", options.scenes).data.images if data else None
    report = measure(
        core,
        faces,
        scene_count=options.scenes,
        faceless_count=options.faceless,
        seed=options.seed,
        progress=lambda what: console.print(what, style="dim"),
    )
    if not options.json:
        _show(report)
    document = report.to_json() | {"processor": platform.processor() or platform.machine()}
    if options.out:
        write_json(options.out / "detector.json", document)
    return document


def _show(report: "DetectorReport") -> None:
    from microfer.studies.detector.report import OPENCV

    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for name in report.lfw:
        table.add_column(name, justify="right")
    rates = {"LFW faces found": report.lfw} | ({"FER-2013 faces found": report.fer} if report.fer else {})
    for title, row in rates.items():
        cells = (f"{100 * one.rate:.1f} % ({100 * one.low:.1f}..{100 * one.high:.1f})" for one in row.values())
        table.add_row(title, *cells)
    table.add_row("false boxes a frame", *(f"{count / report.faceless:.4f}" for count in report.false_boxes.values()))
    same, shared = report.same_answer | {OPENCV: 1.0}, report.shared_boxes | {OPENCV: 1.0}
    table.add_row("frames answered just as OpenCV does", *(f"{100 * same[name]:.2f} %" for name in report.lfw))
    table.add_row("OpenCV's boxes that it has too", *(f"{100 * shared[name]:.2f} %" for name in report.lfw))
    table.add_row("milliseconds a frame", *(f"{spent:.3f}" for spent in report.milliseconds.values()))
    speeds = (report.milliseconds[OPENCV] / spent for spent in report.milliseconds.values())
    table.add_row("times as fast as OpenCV, one thread", *(f"{speed:.2f}" for speed in speeds))
    Console().print(table)


def _box(options: argparse.Namespace, core: "FirmwareCore", data: "Dataset | None") -> dict[str, Any]:
    import numpy as np

    from microfer.errors import MicroferError
    from microfer.files import write_json
    from microfer.metrics.plots import save
    from microfer.parity.images import choose_images
    from microfer.runtimes.parallel import run_parallel
    from microfer.runtimes.runners import open_model
    from microfer.studies.detector.box import curve_figure, measure

    if data is None:
        raise MicroferError("--box measures the network's accuracy, which needs FER-2013: add --data")
    images = choose_images(data, "PublicTest", options.scenes)
    model = command.chosen_model(options.model)
    runner = open_model(model, "optimized")

    def score(crops: np.ndarray, title: str) -> np.ndarray:
        return run_parallel(runner, crops, "scores", title=title, workers=options.threads)

    curve = measure(core, score, images.data.images, images.data.labels, options.seed)
    document = {"schema": "microfer.detector-box/1", "model": model.parent.name, "runner": runner.name}
    document |= {"data": images.to_json()} | curve.to_json()
    if options.out:
        write_json(options.out / "face-box.json", document)
        save(
            curve_figure(curve, f"Which box around a found face suits {model.parent.name}"),
            options.out / "face-box.png",
        )
    if not options.json:
        best = curve.best
        console.print(
            f"{curve.found:,} of {curve.faces:,} faces found; accuracy on their own images "
            f"{100 * curve.uncropped:.1f} %\n"
            f"best box: {best.side_q8}/256 of the found side, moved down by {best.down_q8}/256: "
            f"{100 * best.accuracy:.1f} %; the found box itself: "
            f"{100 * next(r.accuracy for r in curve.rows if (r.side_q8, r.down_q8) == (256, 0)):.1f} %",
            highlight=False,
        )
    return document


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser(__doc__ or "", EXAMPLES, verb="evaluate-detector")
    parser.add_argument("--data", type=Path, help="FER-2013: CSV, folder or zip (default: LFW's faces alone)")
    parser.add_argument("--scenes", type=command.positive, default=1000, metavar="N", help="scenes of a kind (1000)")
    parser.add_argument("--faceless", type=command.positive, default=2000, metavar="N", help="frames without (2000)")
    parser.add_argument("--seed", type=command.seed, default=0, help="of all scenes (0)")
    parser.add_argument("--box", action="store_true", help="measure which box around a found face suits the network")
    parser.add_argument("--model", type=Path, help="with --box: another .tflite than the release")
    command.add_threads_option(parser)
    command.add_out_option(parser, "the figures: detector.json, or face-box.*")
    parser.add_argument("--json", action="store_true", help="print JSON on standard output")
    return parser.parse_args(arguments)
