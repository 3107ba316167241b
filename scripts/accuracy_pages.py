"""Write models/ABLATION.md, docs/accuracy.md and docs/compression.md from what commands under host/ left behind.

python scripts/accuracy_pages.py --ablation runs/ablation --compare runs/compare --curves runs/curves
python scripts/accuracy_pages.py --data fer2013.zip --runs runs/s3-strong-0 runs/s3-plain    the first is the reference
python scripts/accuracy_pages.py --data fer2013.zip --runs runs/s3-again --reference models/s3-1/float.keras
    adds to the runs on record, whose reference that is

Each option writes its own part, and copies the JSON document and the picture to docs/accuracy/; the rest stays.
"""

import argparse
import json
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY / "host"))

from microfer import command  # noqa: E402
from microfer.errors import MicroferError  # noqa: E402
from microfer.files import read_bytes, write_bytes, write_json, write_text  # noqa: E402
from microfer.publish.pages import update_block  # noqa: E402
from microfer.release import with_releases  # noqa: E402
from microfer.studies.accuracy.recorded import DRAWN_FACES  # noqa: E402

ABLATION_PAGE = REPOSITORY / "models" / "ABLATION.md"
ACCURACY_PAGE = REPOSITORY / "docs" / "accuracy.md"
COMPRESSION_PAGE = REPOSITORY / "docs" / "compression.md"
RECORDS = REPOSITORY / "docs" / "accuracy"


def main() -> None:
    """Write the parts that were asked for."""
    options = _parse()
    if options.ablation:
        update_block(ABLATION_PAGE, "ablation", _record(options.ablation, "ablation"))
    if options.compare:
        update_block(ACCURACY_PAGE, "compare", _record(options.compare, "compare"))
    if options.curves:
        picture = "![accuracy and packed size against zeros and against few values](accuracy/curves.png)"
        lines = _record(options.curves, "curves")
        write_text(COMPRESSION_PAGE, "\n".join([*lines, "", picture, "", _how_curves_were_made(options.curves), ""]))
    if options.runs:
        _runs(options.runs, options.data, options.reference)


def _record(folder: Path, name: str) -> list[str]:
    """Copy NAME.json and NAME.png of a command's folder to the others, and return the lines of its NAME.md."""
    document = read_bytes(folder / f"{name}.json")
    if DRAWN_FACES.encode() in document.lower():
        raise MicroferError(f"{folder} was made with drawn faces, which say nothing about real ones")
    lines = read_bytes(folder / f"{name}.md").decode().splitlines()
    picture = read_bytes(folder / f"{name}.png")
    write_bytes(RECORDS / f"{name}.json", document)
    write_bytes(RECORDS / f"{name}.png", picture)
    return lines


def _how_curves_were_made(folder: Path) -> str:
    document = json.loads(read_bytes(folder / "curves.json"))
    (network,) = with_releases([{"file": document["source"], "sha256": document["origin"]["network_sha256"]}])
    healing = f" --epochs {document['epochs']}" if document["epochs"] else ""
    return f"Made by `python host/compression_curves.py {network['file']} --data PATH{healing}`."


def _runs(folders: list[Path], data: Path, reference: Path | None) -> None:
    from microfer.data.training_data import load_splits
    from microfer.studies.accuracy.tried import Tried, markdown, merged, tried
    from microfer.versions import package_versions

    rows = tried(folders, *load_splits(data, tell=command.warn), reference)
    if reference:
        recorded = json.loads(read_bytes(RECORDS / "runs.json"))["runs"]
        rows = merged([Tried(**one) for one in recorded], rows)
    update_block(ABLATION_PAGE, "runs", markdown(rows))
    document = {"schema": "microfer.runs/1", "runs": [row.to_json() for row in rows], "versions": package_versions()}
    write_json(RECORDS / "runs.json", document)


def _parse() -> argparse.Namespace:
    parser = command.parser(__doc__ or "")
    parser.add_argument("--ablation", type=Path, metavar="FOLDER", help="of host/ablate.py")
    parser.add_argument("--compare", type=Path, metavar="FOLDER", help="of host/compare.py")
    parser.add_argument("--curves", type=Path, metavar="FOLDER", help="of host/compression_curves.py")
    parser.add_argument("--runs", type=Path, nargs="+", metavar="FOLDER", help="of host/train.py and its like")
    parser.add_argument(
        "--reference",
        type=Path,
        metavar="FILE",
        help="with --runs: the .keras of the first run on record, to add to it",
    )
    parser.add_argument("--data", type=Path, help="FER-2013, for --runs")
    options = parser.parse_args()
    if options.runs and not options.data:
        parser.error("--runs are scored on FER-2013: give --data")
    return options


if __name__ == "__main__":
    command.run(main)
