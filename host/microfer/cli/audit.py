"""Show what is in a FER-2013 data set, and what is wrong with it."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
from rich.table import Table

from microfer.cli.command import parser
from microfer.console import Console, console
from microfer.data import fer2013
from microfer.data.audit import NOT_FOUND, Audit, DuplicateCount, SplitCount, audit, contact_sheet
from microfer.files import write_bytes, write_json

EXAMPLES = """
  microfer audit --data fer2013.zip
  microfer audit --data fer2013.csv --out runs/audit-csv
  microfer audit --data fer2013/ --json | jq .leaks
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the data set, look it through, print tables or JSON, save the report and the contact sheet."""
    wanted = parser(__doc__ or "", EXAMPLES, verb="audit")
    wanted.add_argument(
        "--data", type=Path, required=True, help="the Kaggle CSV, a folder of images, or a zip of either"
    )
    wanted.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        default=Path("runs/audit"),
        help="where audit.json and contact_sheet.png go (default: runs/audit); the sheet shows the data set's images, "
        "so keep it where the data set may be",
    )
    wanted.add_argument("--json", action="store_true", help="print the report as JSON instead of tables")
    options = wanted.parse_args(arguments)

    dataset = fer2013.load(options.data)
    with console.status("comparing images"):
        report = audit(dataset)
    sheet = contact_sheet(dataset, f"{Path(dataset.source).name}: {len(dataset):,} images, do not pass on")
    write_json(options.out / "audit.json", report.as_json())
    write_bytes(options.out / "contact_sheet.png", cv2.imencode(".png", sheet)[1].tobytes())
    if options.json:
        json.dump(report.as_json(), sys.stdout, indent=2)
        print()
    else:
        show(report, Console())
    console.print(f"saved: {options.out / 'audit.json'}, {options.out / 'contact_sheet.png'}", highlight=False)


def show(report: Audit, out: Console) -> None:
    """Print the report as tables."""
    out.print(f"{report.images:,} images in {report.source}", highlight=False, markup=False)
    out.print(counts_table(report))
    if report.splits[-1].usage == "unknown":
        unknown = sum(report.splits[-1].classes)
        out.print(f"[yellow]{unknown:,} images do not tell PublicTest from PrivateTest; their usage is unknown.")
    out.print(duplicates_table("Exact duplicates: byte-identical images", report.exact))
    out.print(duplicates_table("Near duplicates: one photograph in several forms", report.near))
    out.print(duplicates_table("Mirrored: one photograph and its mirror image", report.mirrored))
    for leak in report.leaks:
        out.print(
            f"Of {leak.images:,} {leak.usage} images, {leak.exact:,} ({leak.exact / leak.images:.1%}) are also in "
            f"Training exactly, {leak.near:,} ({leak.near / leak.images:.1%}) exactly or nearly, and "
            f"{leak.mirrored:,} ({leak.mirrored / leak.images:.1%}) in the mirror alone."
        )
    out.print(NOT_FOUND, style="dim")
    out.print(f"{len(report.blank)} images are blank: {', '.join(report.blank) or 'none'}", markup=False)


def counts_table(report: Audit) -> Table:
    """Return the images per class and split, with what differs from the official counts marked."""
    table = Table(title="Images per class", title_justify="left")
    table.add_column("class")
    for split in report.splits:
        table.add_column(split.usage, justify="right")
    for index, name in enumerate(report.classes):
        cells = []
        for split in report.splits:
            here, official = split.classes[index], split.official and split.official[index]
            flagged = split.differs and here != official
            cells.append(f"[red]{here:,} (official {official:,})" if flagged else f"{here:,}")
        table.add_row(name, *cells)
    table.add_section()
    table.add_row("all", *(f"{sum(split.classes):,}" for split in report.splits))
    table.add_row("", *(verdict(split) for split in report.splits))
    return table


def verdict(split: SplitCount) -> str:
    """Return how a split's counts stand to the official ones, in rich's markup."""
    if split.official is None:
        return ""
    if not any(split.classes):
        return "[yellow]absent"
    return "[red]not the official counts" if split.differs else "[green]as published"


def duplicates_table(title: str, counts: tuple[DuplicateCount, ...]) -> Table:
    """Return the duplicates, a row for each set of splits that they span."""
    table = Table(title=title, title_justify="left")
    table.add_column("found in")
    for heading in ("groups", "images", "groups with\nseveral labels", "images\nin them"):
        table.add_column(heading, justify="right")
    columns = [(c.groups, c.images, c.conflicting_groups, c.conflicting_images) for c in counts]
    for count, numbers in zip(counts, columns, strict=True):
        where = " and ".join(count.splits) if len(count.splits) > 1 else f"{count.splits[0]} alone"
        table.add_row(where, *(f"{number:,}" for number in numbers))
    table.add_section()
    table.add_row("all", *(f"{sum(column):,}" for column in zip(*columns, strict=True)) if columns else "0")
    return table
