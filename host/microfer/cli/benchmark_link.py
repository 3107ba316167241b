"""Measure how fast the link's frames are written and read."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.table import Table

from microfer.cli import command
from microfer.console import Console, console
from microfer.studies.link_speed import Latency, Speed, measure_cpp, measure_latency, measure_python

EXAMPLES = """
  microfer benchmark-link
  microfer benchmark-link --frames 20000 --json
"""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command.parser(
        "Print megabytes a second of the host's codec and, where a C++ compiler is installed, of the board's, compiled "
        "for this computer, and how long the viewer takes from a packet's arrival to the screen. A serial line of "
        "921,600 baud carries 0.092 MB/s. Needs no board.",
        EXAMPLES,
        verb="benchmark-link",
    )
    parser.add_argument(
        "--frames", type=command.positive, default=5000, help="frames of each message for the host's (default: 5000)"
    )
    parser.add_argument(
        "--shown", type=command.positive, default=200, help="frames that the viewer shows, 20 a second (default: 200)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    options = parser.parse_args(arguments)
    speeds = measure_python(options.frames) + measure_cpp()
    if not any(speed.codec == "C++" for speed in speeds):
        console.print("[yellow]the board's codec is not measured: no C++ compiler is installed[/]")
    latencies = measure_latency(options.shown)
    if options.json:
        content = {"codec": [asdict(speed) for speed in speeds], "viewer": [asdict(latency) for latency in latencies]}
        print(json.dumps(content, indent=2))
    else:
        _show(speeds)
        _show_latencies(latencies)


def _show(speeds: list[Speed]) -> None:
    table = Table(title="codec of the link, MB/s")
    table.add_column("codec")
    table.add_column("message")
    table.add_column("write", justify="right")
    table.add_column("read", justify="right")
    for speed in speeds:
        table.add_row(speed.codec, speed.message, f"{speed.encode_mb_s:,.1f}", f"{speed.decode_mb_s:,.1f}")
    Console().print(table)


def _show_latencies(latencies: list[Latency]) -> None:
    table = Table(title="viewer, milliseconds from a frame's last byte")
    table.add_column("until")
    table.add_column("frames", justify="right")
    table.add_column("median", justify="right")
    table.add_column("99 % are below", justify="right")
    for latency in latencies:
        table.add_row(latency.until, f"{latency.frames}", f"{latency.median_ms:.2f}", f"{latency.p99_ms:.2f}")
    Console().print(table)
