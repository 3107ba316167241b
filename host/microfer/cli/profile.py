"""Say what a .tflite costs on an ESP32-S3 before it is flashed, or what it takes on a board."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from microfer.cli import command
from microfer.console import Console, console

if TYPE_CHECKING:
    from microfer.tflite.graph import TfliteModel

EXAMPLES = """
  microfer profile                              the default release: a table, and what could be better
  microfer profile runs/int8/model.tflite --out runs/int8   with a chart, profile.png
  microfer profile mine.tflite --json           everything, with the code that computes each operator and why
  microfer profile mine.tflite --arena psram --weights psram
  microfer profile mine.tflite --strict         fail where anything could be better
  microfer profile mine.tflite --profile board.json --refit factors.json
                                                         take measured times, and keep what they say for other models
  microfer profile --port auto --save-profile board.json
                                                         time the default release on the board on USB, and keep it
  microfer profile mine.tflite --port socket://localhost:5555
                                                         the emulated chip: whether it works, not how fast a chip is
With --port the board must run that same .tflite. Meanwhile it sends nothing, so its picture stands still in a viewer.
"""

RETURN_WITHIN_S = 30.0
"""How long a lost board is waited for."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the options, estimate, report; 1 where --strict finds something."""
    options = _options(arguments)
    from microfer.cost import report
    from microfer.cost.document import document
    from microfer.cost.estimate import estimate
    from microfer.cost.faults import pinned
    from microfer.cost.lint import lint
    from microfer.cost.memory import Placement
    from microfer.cost.own_kernels import estimated
    from microfer.cost.profile import corrected, profile_in, write_factors
    from microfer.cost.step import steps
    from microfer.release import MANIFEST, MEASUREMENTS
    from microfer.runtimes.judge import judge
    from microfer.studies.chip.kernel_record import KERNELS_FILE, own_kernels
    from microfer.tflite import tflite_file

    model = tflite_file.read(command.chosen_model(options.model))
    components, verdict = pinned(MANIFEST), judge(model)
    network = estimate(model, components=components, verdict=verdict)
    if options.arena or options.weights != "flash":
        placement = Placement(options.arena or network.placement.arena, options.weights)
        network = estimate(model, placement, components, verdict)
    own = own_kernels(steps(model), MEASUREMENTS / KERNELS_FILE, options.weights, _model_id(model))
    if own is None:
        own = estimated(network)
    profile = None
    if found := _profile(options, model):
        profile = profile_in(found, options.port or str(options.profile))
        if options.refit:
            write_factors(found, profile, network, options.refit)
        network = corrected(network, model, profile)
    findings = lint(network, components, verdict)
    if options.out:
        report.chart(network, options.out / "profile.png")
    if options.json:
        values = document(network, findings, own, verdict)
        if profile and profile.measured_on:
            values["measured_on"] = dict(profile.measured_on)
        print(json.dumps(values, indent=2))
        return 1 if options.strict and findings else 0
    out = Console(width=report.WIDE_COLUMNS if options.wide else None)
    out.print(report.table(network, own, wide=options.wide))
    for line in report.summary(network, own, verdict) + (report.origin(profile) if profile else []):
        # In a pipe a line stays one, for those who search it.
        text = report.wrapped(line, out.width) if out.is_terminal else line
        out.print(text, highlight=False, soft_wrap=True, markup=False)
    for line in report.finding_lines(findings):
        out.print(line, highlight=False, soft_wrap=not out.is_terminal)
    return 1 if options.strict and findings else 0


def _model_id(model: "TfliteModel") -> str:
    """Return the name that the model carries, "" where it is not microfer's."""
    from microfer.errors import MicroferError
    from microfer.tflite.metadata import read_metadata

    try:
        return read_metadata(model).model_id
    except MicroferError:
        return ""


def _profile(options: argparse.Namespace, model: "TfliteModel") -> dict[str, Any] | None:
    """Return the profile that was asked for, measured now or read; None where none was."""
    from microfer.cost.profile import read_document
    from microfer.files import write_json
    from microfer.link.board_profile import measure
    from microfer.link.connection import Connection
    from microfer.link.infer_session import InferSession
    from microfer.link.ports import find_ports, only_port

    if options.profile:
        return read_document(options.profile)
    if not options.port:
        return None
    port = only_port(find_ports()).device if options.port == "auto" else options.port
    session = InferSession(Connection(port, options.baud, give_up_after_s=RETURN_WITHIN_S))
    console.print(f"the board on {port} runs the network {options.runs} times", markup=False, highlight=False)
    try:
        with session.connection:
            document = measure(session, model, options.runs).document()
    finally:
        if session.is_left_quiet:
            console.print("[yellow]the board may still be silent: restart it[/]", soft_wrap=True)
    if options.save_profile:
        write_json(options.save_profile, document)
    return document


def _runs(text: str) -> int:
    from microfer.link.board_profile import MOST_RUNS

    number = command.positive(text)
    if number > MOST_RUNS:
        raise argparse.ArgumentTypeError(f"{number} is above {MOST_RUNS}, the most that the firmware takes")
    return number


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser(
        "Say what a .tflite costs on an ESP32-S3: instructions, arena, flash and time, operator by operator, with the "
        "firmware's own kernels where that was counted and with ESP-NN by estimate, and what could be better. Not "
        "known is not known, at least is at least. docs/cost-model.md says how, and how exact it is.",
        EXAMPLES,
        verb="profile",
    )
    parser.add_argument("model", nargs="?", type=Path, help="the .tflite (default: the release of models/DEFAULT)")
    parser.add_argument(
        "--arena", choices=("internal", "psram"), help="where the arena lies (default: internal RAM if it fits)"
    )
    parser.add_argument(
        "--weights", choices=("flash", "psram"), default="flash", help="where the weights lie (default: flash)"
    )
    measured = parser.add_mutually_exclusive_group()
    measured.add_argument("--profile", type=Path, help="times measured on a board, which replace or correct estimates")
    command.add_port_options(parser, "measure them now", measured)
    parser.add_argument("--runs", type=_runs, default=10, help="with --port: of the network, up to 100 (default: 10)")
    parser.add_argument("--save-profile", type=Path, metavar="FILE", help="with --port: keep the profile, JSON")
    parser.add_argument("--refit", type=Path, help="write the profile here with factors for other models")
    command.add_out_option(parser, "a chart, profile.png")
    parser.add_argument("--strict", action="store_true", help="exit with status 1 where there is a finding")
    parser.add_argument(
        "--wide", action="store_true", help="all columns, 150 characters: code, weights, scratch, reads"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    options = parser.parse_args(arguments)
    if options.refit and not (options.profile or options.port):
        parser.error("--refit needs --profile or --port")
    if options.save_profile and not options.port:
        parser.error("--save-profile keeps what is measured: name the board with --port")
    return options
