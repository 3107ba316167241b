"""Show what each layer of a network costs."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from rich import box
from rich.table import Table

from microfer.cli import command
from microfer.console import Console
from microfer.errors import MicroferError
from microfer.model import networks, saved
from microfer.model.networks import NETWORKS, Network, network
from microfer.model.table import Layer, layers

EXAMPLES = """
  microfer describe thesis-bn
  microfer describe models/thesis-bn-1/float.keras
  microfer describe thesis --json
"""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = command.parser(
        "Show the layers of a network: output shape, parameters, KiB as float32 and as int8, multiply-accumulates.",
        EXAMPLES,
        verb="describe",
    )
    parser.add_argument("network", help=f"a preset ({', '.join(NETWORKS)}) or a .keras file")
    parser.add_argument("--all", action="store_true", help="show layers without parameters too")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    options = parser.parse_args(arguments)
    config = _config(options.network)
    if options.json:
        rows = [asdict(layer) for layer in layers(config)]
        print(json.dumps({"network": networks.to_json(config), "layers": rows}, indent=2))
    else:
        Console().print(_table(config, every_layer=options.all))


def _config(name: str) -> Network:
    if name.endswith(".keras"):
        return saved.read_config(name)[0]
    if name.endswith(".tflite"):
        raise MicroferError(
            f"{name} is a converted network, which no longer has the layers; name what it was made of, a preset or a "
            f".keras file. What a .tflite costs: microfer profile {name}"
        )
    return network(name)


def _table(config: Network, *, every_layer: bool) -> Table:
    rows = layers(config)
    table = Table(title=f"{config.name}: one 48x48 gray crop", box=box.SIMPLE_HEAD, show_footer=True, pad_edge=False)
    table.add_column("layer", footer="total")
    table.add_column("output", justify="right")
    for title, number in (
        ("parameters", "parameters"),
        ("float32 KiB", "float32"),
        ("int8 KiB", "int8"),
        ("kMACs", "macs"),
    ):
        table.add_column(title, justify="right", footer=_cell(sum(_numbers(row)[number] for row in rows)))
    for row in rows:
        if every_layer or row.parameters or row.op in ("input", "max_pool", "add", "global_average"):
            shape = "x".join(map(str, row.shape))
            table.add_row(row.name, shape, *(_cell(number) for number in _numbers(row).values()))
    return table


def _numbers(row: Layer) -> dict[str, float]:
    return {
        "parameters": row.parameters,
        "float32": row.parameters * 4 / 1024,
        "int8": row.int8_bytes / 1024,
        "macs": row.macs / 1000,
    }


def _cell(number: float) -> str:
    if isinstance(number, int):
        return f"{number:,}" if number else ""
    return f"{number:,.1f}" if number else ""
