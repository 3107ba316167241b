"""Look at everything that microfer needs: this computer, the port, the board, the light. Says what to do next."""

import argparse
import json
from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from microfer.cli import command
from microfer.cli.invocation import typed
from microfer.console import console
from microfer.doctor.examine import examine
from microfer.doctor.finding import Finding, Outcome, is_healthy, to_json

EXAMPLES = """
  microfer doctor                                   this computer, and the board on USB if there is one
  microfer doctor --port /dev/ttyACM0               that port
  microfer doctor --port socket://127.0.0.1:5333    the virtual board
  microfer doctor --look                            the light, too: the board sends some crops of your face
  microfer doctor --json                            for programs
Private: without --look, no pixel leaves the board. With it, some crops come to this computer and are not stored.
exit status: 0 no problem (perhaps warnings), 1 a problem, 2 the options are wrong
"""

MARKS = {
    Outcome.OK: "[green]ok[/]",
    Outcome.WARNING: "[yellow]warning[/]",
    Outcome.PROBLEM: "[bold red]problem[/]",
    Outcome.SKIPPED: "[dim]skipped[/]",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the options, look at everything, print."""
    options = _parse(arguments)
    findings = examine(
        None if options.port == "auto" else options.port,
        options.baud,
        seconds=options.seconds,
        look=options.look,
        note=lambda text: console.print(escape(text), highlight=False, soft_wrap=True),
    )
    if options.json:
        print(json.dumps(to_json(findings), indent=2))
    else:
        _show(findings)
    return 0 if is_healthy(findings) else 1


def _show(findings: list[Finding]) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for is_text in (False, False, False, True):
        table.add_column(overflow="fold", no_wrap=not is_text)
    group = ""
    for finding in findings:
        table.add_row(
            "" if finding.group == group else f"[bold]{finding.group}[/]",
            MARKS[finding.outcome],
            finding.check,
            escape(finding.text) + (f"\n[bold]→[/] {escape(typed(finding.next_step))}" if finding.next_step else ""),
        )
        group = finding.group
    console.print(table, highlight=False)
    counts = {outcome: sum(finding.outcome == outcome for finding in findings) for outcome in MARKS}
    console.print(
        f"\nproblems: {counts[Outcome.PROBLEM]}, warnings: {counts[Outcome.WARNING]}, not checked: "
        f"{counts[Outcome.SKIPPED]}, well: {counts[Outcome.OK]}",
        highlight=False,
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser(__doc__ or "", EXAMPLES, verb="doctor")
    command.add_port_options(parser, "look at this one, by default the board on USB")
    parser.add_argument(
        "--seconds", type=command.positive, default=5, metavar="N", help="watch the board that long (default: 5)"
    )
    parser.add_argument("--look", action="store_true", help="look at the light: lets the board send crops of your face")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON on standard output")
    return parser.parse_args(arguments)
