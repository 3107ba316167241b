"""Make a data set of colour pictures of any size into one of 48x48 gray crops."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from microfer.cli import command
from microfer.console import Bar, console

EXAMPLES = """
  microfer convert --data photos/ --convert face                  the largest face in each picture
  microfer convert --data affectnet.zip --convert whole --out faces   pictures that show faces and nothing else
  microfer train --data photos/ --convert face                  the same before a training
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the options, convert, say what came of it."""
    options = _parse(arguments)
    from microfer.pictures.convert import convert

    out = options.out or Path("runs", "data", f"{options.data.name.split('.')[0]}-{options.convert}")
    with Bar("converting") as bar:
        result = convert(options.data, out, options.convert, bar.move)
    left_out = f"; no face was found in {len(result.without_face):,}, see {out / 'converted.json'}"
    console.print(
        f"wrote {out}: {result.images:,} crops of 48x48 gray pixels{left_out if result.without_face else ''}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    if options.json:
        print(json.dumps(asdict(result) | {"out": str(out)}, indent=2))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser(
        "Write each picture of a folder or zip, under its own folders, as a 48x48 gray PNG: colour becomes gray by the "
        "weights of ITU-R BT.601, and every size 48x48 as the board makes its crops. The new folder is a data set that "
        "every command takes.",
        EXAMPLES,
        verb="convert",
    )
    parser.add_argument("--data", type=Path, required=True, help="a folder with a folder for each class, or a zip")
    command.add_convert_option(parser, required=True)
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: runs/data/NAME-face or NAME-whole")
    parser.add_argument("--json", action="store_true", help="print what came of it as JSON")
    return parser.parse_args(arguments)
