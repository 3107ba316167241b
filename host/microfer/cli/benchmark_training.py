"""Measure training speed beside the usual Keras way."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict

from rich.table import Table

from microfer.cli import command
from microfer.console import Console, console
from microfer.model.networks import NETWORKS, network
from microfer.training.recipe import RECIPES, recipe

EXAMPLES = """
  microfer benchmark-training
  microfer benchmark-training --preset squeezenet --steps 40 --json
"""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command.parser(
        "Print images a second of one training step, augmentation included, for each backend that is installed, and "
        "the ratio to tf_keras' fit with an ImageDataGenerator, measured in the same run. Needs no data.",
        EXAMPLES,
        verb="benchmark-training",
    )
    parser.add_argument("--preset", default="thesis-bn", choices=NETWORKS, help="the network (default: thesis-bn)")
    parser.add_argument("--recipe", default="strong", choices=RECIPES, help="batch and augmentation (default: strong)")
    parser.add_argument("--steps", type=command.positive, default=20, help="timed steps of each way (default: 20)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    options = parser.parse_args(arguments)
    from microfer.studies.training_speed import PEER, measure
    from microfer.versions import package_versions

    def show(way: str) -> None:
        console.print(f"running {options.steps} steps: {way}")

    results, missing = measure(network(options.preset), recipe(options.recipe), options.steps, show)
    for way in missing:
        console.print(f"[yellow]not measured, its package is not installed: {way}[/]")
    if options.json:
        document = {
            "preset": options.preset,
            "recipe": options.recipe,
            "steps": options.steps,
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "versions": package_versions(),
            "peer": PEER,
            "results": [asdict(row) for row in results],
        }
        print(json.dumps(document, indent=2))
        return
    table = Table(title=f"training {options.preset}, recipe {options.recipe}")
    table.add_column("way")
    table.add_column("images/s", justify="right")
    table.add_column("ratio", justify="right")
    for row in results:
        table.add_row(row.way, f"{row.images_per_second:,.0f}", f"{row.ratio:.2f}x")
    Console().print(table)
