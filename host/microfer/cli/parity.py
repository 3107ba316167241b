"""Prove that the int8 model equals its float model closely, and TFLM bit for bit; and a board TFLM, with --port."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from microfer.cli import command
from microfer.console import console
from microfer.errors import MicroferError

if TYPE_CHECKING:  # the worker processes import this file again, and need none of it
    from microfer.parity.board_level import BoardLevel
    from microfer.parity.certificate import Certificate, Model
    from microfer.parity.compare import ScoreComparison
    from microfer.parity.images import Images
    from microfer.parity.limits import Limits

EXAMPLES = """
  microfer parity                                     the release, on drawn faces: bits alone
  microfer parity --data fer2013.csv                  the release, on the whole of PublicTest
  microfer parity --data fer2013.csv --limit 200      a quick look, marked as a subset
  microfer parity --float runs/mine/best.keras --int8 runs/mine/model.tflite --data fer2013.csv
  microfer parity --port auto --data fer2013.csv      the board on USB against TFLM, on PublicTest
  microfer parity --port socket://127.0.0.1:7777      the virtual board or an emulated chip, drawn faces
  microfer parity --page models/s3-1                  the release's certificate, measured before, as a page
With --port each crop goes to the board, and its raw int8 output is compared. If the link is lost, it waits. A check
that was stopped continues when it is started again. The report is added to levels 2 and 3 of the same model.
exit status: 0 every limit that was judged is kept, 1 one is exceeded, 2 something could not be read or run
"""

RETURN_WITHIN_S = 60.0
"""How long a lost board is waited for."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the options, run what they ask for, print, write the report."""
    options = _parse(arguments)
    if options.page:
        from microfer.parity import certificate_file

        console.print(
            f"wrote {escape(str(certificate_file.write_page(options.page)))}", highlight=False, soft_wrap=True
        )
        return 0
    int8_model = command.chosen_model(options.int8)
    return _check_board(options, int8_model) if options.port else _check_model(options, int8_model)


def _check_model(options: argparse.Namespace, int8_model: Path) -> int:
    """Run levels 2 and 3."""
    from microfer.parity import certificate_file
    from microfer.parity.certificate import certify, float_beside

    float_model, missing = (options.float, "") if options.float else float_beside(int8_model)
    certificate = certify(
        int8_model,
        float_model,
        _images(options, int8_model),
        _limits(options),
        float_missing=missing,
        workers=options.threads,
    )
    if options.out:
        certificate = certificate_file.keep_boards(certificate, options.out)
        certificate_file.write(certificate, options.out)
    if options.json:
        print(json.dumps(certificate.to_json(), indent=2))
    else:
        _show(certificate)
    if options.out:
        _show_written(options.out)
    return 1 if certificate.failed else 0


def _check_board(options: argparse.Namespace, int8_model: Path) -> int:
    """Run level 4 and add it to the model's certificate."""
    from microfer.cli import board_parity
    from microfer.parity import certificate_file
    from microfer.parity.board import STATE_NAME
    from microfer.parity.board_level import save_picture
    from microfer.parity.certificate import model_of

    model, images = model_of(int8_model), _images(options, int8_model)
    folder = options.out or Path("runs", "parity", model.model_id or model.sha256[:16])
    base = certificate_file.base_of(folder, int8_model, images, _limits(options))
    level = _ask_board(options, int8_model, model, images, folder / STATE_NAME)
    certificate = base.with_board(level)
    certificate_file.write(certificate, folder)
    picture = save_picture(level, folder)
    (folder / STATE_NAME).unlink(missing_ok=True)
    if options.json:
        print(json.dumps(certificate.to_json(), indent=2))
    else:
        board_parity.show(level)
    _show_written(folder, picture)
    return 1 if level.verdict == "failed" else 0


def _ask_board(
    options: argparse.Namespace, int8_model: Path, model: "Model", images: "Images", state: Path
) -> "BoardLevel":
    """Return level 4; where that is stopped, say how to go on."""
    from microfer.cli import board_parity
    from microfer.link.connection import Connection
    from microfer.link.infer_session import InferSession
    from microfer.link.ports import find_ports, only_port
    from microfer.parity.board import compare_board
    from microfer.runtimes.parallel import run_parallel
    from microfer.runtimes.runners import has_tflm, open_tflite

    runner = open_tflite(int8_model, "tflm" if has_tflm() else "reference", need_int8=True)
    port = only_port(find_ports()).device if options.port == "auto" else options.port
    session = InferSession(Connection(port, options.baud, give_up_after_s=RETURN_WITHIN_S))
    try:
        with session.connection, board_parity.progress(port) as on_step:
            return compare_board(
                session,
                model,
                images,
                lambda crops: run_parallel(runner, crops, "raw", title=f"in {runner.name}", workers=options.threads),
                runner.name,
                state,
                allowed=options.max_mismatches,
                restart=options.restart,
                on_step=on_step,
            )
    except (KeyboardInterrupt, MicroferError):
        if state.is_file():
            console.print(
                f"{escape(str(state))} keeps the answers so far: run the same command again to continue", soft_wrap=True
            )
        raise
    finally:
        if session.is_left_quiet:
            console.print("[yellow]the board may still be silent: restart it[/]", soft_wrap=True)


def _images(options: argparse.Namespace, int8_model: Path) -> "Images":
    from microfer.data.fer2013 import load
    from microfer.data.splits import require_classes
    from microfer.parity.images import choose_images, synthetic_images
    from microfer.runtimes.runners import labels_of

    if options.data is None:
        console.print("[yellow]no --data: drawn faces are used, which prove nothing about accuracy[/]", soft_wrap=True)
        return synthetic_images(options.limit, labels_of(int8_model))
    dataset = load(options.data)
    require_classes(dataset, labels_of(int8_model), str(int8_model))
    return choose_images(dataset, options.split, options.limit)


def _limits(options: argparse.Namespace) -> "Limits":
    from microfer.parity.limits import Limits

    return Limits(options.max_drop, options.min_agreement, options.max_mismatches)


def _show_written(folder: Path, picture: Path | None = None) -> None:
    names = "parity.json and parity.html" if picture is None else f"parity.json, parity.html and {picture.name}"
    console.print(f"wrote {escape(str(folder))}: {escape(names)}", highlight=False, soft_wrap=True)


def _show(certificate: "Certificate") -> None:
    """Print the verdicts, with what was measured under each."""
    from microfer.parity.compare import BitComparison, ScoreComparison

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


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    from microfer.parity.limits import Limits

    parser = command.parser(__doc__ or "", EXAMPLES, verb="parity")
    parser.add_argument("--int8", type=Path, metavar="MODEL.tflite", help="the int8 model (default: the current one)")
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
    command.add_gate_options(parser, Limits().drop_points, Limits().agreement)
    parser.add_argument(
        "--max-mismatches", type=int, default=0, metavar="IMAGES", help="limit for TFLM and for the board (default: 0)"
    )
    command.add_threads_option(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="write parity.json and parity.html there (default: nothing is written; with --port runs/parity/MODEL)",
    )
    parser.add_argument("--page", type=Path, metavar="DIR", help="only make DIR/parity.html of the parity.json there")
    command.add_port_options(parser, "compare this board alone")
    parser.add_argument("--restart", action="store_true", help="with --port: forget a check that was stopped")
    parser.add_argument("--json", action="store_true", help="print the report as JSON on standard output")
    options = parser.parse_args(arguments)
    if options.port and options.float:
        parser.error("--port compares a board alone; --float belongs to a run without it")
    if options.restart and not options.port:
        parser.error("--restart is about a check of a board; name it with --port")
    return options
