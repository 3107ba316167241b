"""Draw what a frame costs on the board, from figures that other commands recorded: instructions, no measured times.

python scripts/frame_budget.py                     the presets thesis-bn, s3 and nano; writes the picture
                                                   and JSON in docs/, and the table of docs/s3-presets.md
python scripts/frame_budget.py thesis-bn mini-xception --out runs/budget
                                                   other networks, in a folder of their own
python scripts/frame_budget.py --camera-fps 25     with a camera of so many frames a second, not one always ready

Steps around the network come from core-on-chip.json (scripts/core_report.py); the network from kernels.json
(scripts/kernel_report.py), or from the cost model where there is none; how often the detector runs, which core does
what and how large frames are, from the firmware's sources.
"""

import argparse
import json
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY / "host"))

from microfer import command  # noqa: E402
from microfer.files import write_json  # noqa: E402
from microfer.metrics.plots import save  # noqa: E402
from microfer.publish.pages import update_block  # noqa: E402
from microfer.studies.chip import frame_budget  # noqa: E402
from microfer.studies.chip.firmware_facts import read_firmware  # noqa: E402
from microfer.studies.chip.timeline import timeline_figure  # noqa: E402

DOCS = REPOSITORY / "docs"
PAGE = "s3-presets.md"
FRAMES = 5


def main() -> None:
    """Collect, draw, write."""
    options = _options()
    facts = read_firmware()
    core = frame_budget.read_core(DOCS / frame_budget.CORE_FILE)
    costs = [cost for name in options.networks for cost in frame_budget.network_costs(name, DOCS, options.cache)]
    fps = options.camera_fps
    budgets = [frame_budget.budget(core, facts, cost, options.frames, fps) for cost in costs]
    document = frame_budget.document(budgets, facts, fps)
    save(timeline_figure(budgets, facts, fps), options.out / "frame-budget.png")
    write_json(options.out / "frame-budget.json", document)
    lines = table(budgets)
    if (page := options.out / PAGE).is_file():
        update_block(page, "frame budget", lines)
    print(json.dumps(document, indent=2) if options.json else "\n".join(lines))


def table(budgets: list[frame_budget.Budget]) -> list[str]:
    """Return the lines of a Markdown table."""
    rule = "|".join(["---", "---", *["---:"] * (len(frame_budget.HEADERS) - 2)])
    rows = [frame_budget.HEADERS, *(frame_budget.cells(one) for one in budgets)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [lines[0], f"|{rule}|", *lines[1:]]


def _options() -> argparse.Namespace:
    parser = command.parser(__doc__ or "")
    parser.add_argument(
        "networks",
        nargs="*",
        default=["thesis-bn", "s3", "nano"],
        help="presets or releases (default: thesis-bn, s3 and nano)",
    )
    parser.add_argument("--frames", type=command.positive, default=FRAMES, help=f"to draw (default: {FRAMES})")
    parser.add_argument(
        "--camera-fps", type=_rate, metavar="N", help="frames a second of the camera (default: one is always ready)"
    )
    parser.add_argument("--cache", type=Path, default=REPOSITORY / "runs" / "s3", help="folder of untrained networks")
    parser.add_argument("--out", type=Path, default=DOCS, help="folder (default: docs)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    return parser.parse_args()


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 < rate < 1000:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1000")
    return rate


if __name__ == "__main__":
    command.run(main)
