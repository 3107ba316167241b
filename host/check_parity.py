"""Prove that the int8 model equals its float model closely, and TFLM bit for bit."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from microfer import command
from microfer.command import console

if TYPE_CHECKING:  # the worker processes import this file again, and need none of it
    from microfer.simulate.certificate import Certificate
    from microfer.simulate.images import Images
    from microfer.simulate.parity import ScoreComparison

EXAMPLES = """
  python host/check_parity.py                                     the release, on drawn faces: bits alone
  python host/check_parity.py --data fer2013.csv                  the release, on the whole of PublicTest
  python host/check_parity.py --data fer2013.csv --limit 200      a quick look, marked as a subset
  python host/check_parity.py --float runs/mine/best.keras --int8 runs/mine/model.tflite --data fer2013.csv
exit status: 0 every limit that was judged is kept, 1 one is exceeded, 2 something could not be read or run
"""


def main() -> int:
    """Parse the options, run both levels, print, write the report."""
    options = _parse()
    from microfer.deploy.release import default_model
    from microfer.files import write_json, write_text
    from microfer.simulate.certificate import certify, float_beside
    from microfer.simulate.page import render
    from microfer.simulate.parity import Limits

    int8_model = options.int8 or default_model()
    float_model, missing = (options.float, "") if options.float else float_beside(int8_model)
    limits = Limits(options.max_drop, options.min_agreement / 100, options.max_mismatches)
    certificate = certify(
        int8_model, float_model, _images(options), limits, float_missing=missing, workers=options.workers
    )
    if options.out:
        write_json(options.out / "parity.json", certificate.to_json())
        write_text(options.out / "parity.html", render(certificate))
    if options.json:
        print(json.dumps(certificate.to_json(), indent=2))
    else:
        _show(certificate)
    if options.out:
        console.print(
            f"wrote {escape(str(options.out / 'parity.json'))} and parity.html", highlight=False, soft_wrap=True
        )
    return 1 if certificate.failed else 0


def _images(options: argparse.Namespace) -> "Images":
    from microfer.data.fer2013 import load
    from microfer.simulate.images import choose_images, synthetic_images

    if options.data is None:
        console.print("[yellow]no --data: drawn faces are used, which prove nothing about accuracy[/]", soft_wrap=True)
        return synthetic_images(options.limit)
    return choose_images(load(options.data), options.split, options.limit)


def _show(certificate: "Certificate") -> None:
    """Print the verdicts, with what was measured under each."""
    from microfer.simulate.parity import BitComparison, ScoreComparison

    model = certificate.model
    console.print(
        f"[bold]{escape(model.model_id or model.file)}[/] on {escape(certificate.images.describe())}",
        highlight=False,
        soft_wrap=True,
    )
    console.print(f"SHA-256 {model.sha256}", highlight=False, soft_wrap=True)
    titles = ("float against int8", "LiteRT reference against TFLM")
    for title, level in zip(titles, certificate.levels, strict=True):
        colour = {"passed": "green", "failed": "bold red"}.get(level.verdict, "bold yellow")
        console.print(f"\n[bold]{title}[/]: [{colour}]{level.verdict}[/]")
        for reason in level.reasons:
            console.print(f"  {escape(reason)}", highlight=False, soft_wrap=True)
        match level.result:
            case ScoreComparison():
                _show_scores(level.result)
            case BitComparison():
                console.print(
                    f"  equal on {level.result.equal:,} of {level.result.count:,} images, largest difference "
                    f"{level.result.largest_difference} steps",
                    highlight=False,
                    soft_wrap=True,
                )
    if certificate.noise:
        name, decibel = min(certificate.noise, key=lambda layer: layer[1])
        console.print(f"  the most noise is in {escape(name)}: {decibel:.1f} dB", highlight=False, soft_wrap=True)


def _show_scores(result: "ScoreComparison") -> None:
    console.print(
        f"  accuracy {100 * result.float_accuracy.rate:.2f} % float, {100 * result.int8_accuracy.rate:.2f} % int8 "
        f"(drop {result.drop_points:+.2f} points)\n  top-1 agreement {100 * result.agreement:.2f} %\n"
        f"  probability difference {result.mean_difference:.5f} mean, {result.largest_difference:.4f} at most "
        f"({escape(result.largest_name)})",
        highlight=False,
        soft_wrap=True,
    )
    table = Table("true class", box=None, pad_edge=True)
    for heading in ("images", "float recall", "int8 recall", "agreement", "mean difference"):
        table.add_column(heading, justify="right")
    for one in result.per_class:
        if one.mean_difference is None:
            table.add_row(one.label, "0")
            continue
        rates = (f"{100 * (rate or 0):.1f} %" for rate in (one.float_recall, one.int8_recall, one.agreement))
        table.add_row(one.label, f"{one.support:,}", *rates, f"{one.mean_difference:.5f}")
    console.print(table)


def _parse() -> argparse.Namespace:
    parser = command.parser(__doc__ or "", EXAMPLES)
    parser.add_argument("--int8", type=Path, metavar="MODEL.tflite", help="the int8 model (default: the release)")
    parser.add_argument(
        "--float",
        type=Path,
        metavar="MODEL",
        help="the float model, .keras or .tflite (default: float.keras or float.tflite beside the int8 model)",
    )
    parser.add_argument("--data", type=Path, help="FER-2013: CSV, folder or zip (default: drawn faces)")
    parser.add_argument("--split", default="PublicTest", help="which images of it (default: PublicTest)")
    parser.add_argument(
        "--limit", type=command.positive, metavar="N", help="only N images of the split, chosen by a fixed seed"
    )
    parser.add_argument("--max-drop", type=float, default=0.5, metavar="POINTS", help="limit (default: 0.5 points)")
    parser.add_argument("--min-agreement", type=float, default=98, metavar="PERCENT", help="limit (default: 98 %%)")
    parser.add_argument("--max-mismatches", type=int, default=0, metavar="IMAGES", help="limit for TFLM (default: 0)")
    parser.add_argument("--workers", type=command.positive, metavar="N", help="processes (default: one per CPU)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write parity.json and parity.html there")
    parser.add_argument("--json", action="store_true", help="print the report as JSON on standard output")
    return parser.parse_args()


if __name__ == "__main__":
    command.run(main)
