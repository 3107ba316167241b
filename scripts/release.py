"""Gather a trained, pruned and quantized model into models/NAME, with everything measured anew.

For maintainers, after microfer train, microfer prune if wanted, and microfer quantize:

    python scripts/release.py --data fer2013.zip --run runs/thesis-bn-strong-0 --pruned runs/pruned --int8 runs/int8
    python scripts/release.py --data fer2013.zip --run runs/s3-strong-0 --int8 runs/s3-int8 --beside
"""

import argparse
import sys
from pathlib import Path

import environment


def main() -> None:
    """Make the release; it becomes the default one unless told otherwise."""
    options = _parse()
    from microfer.console import console
    from microfer.publish.make_release import Sources, make_release

    folder, accuracy = make_release(Sources(**vars(options)))
    shown = folder.relative_to(environment.ROOT)
    console.print(f"released {shown}: {100 * accuracy:.2f} % on PublicTest", highlight=False)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="FER-2013: CSV, folder or zip")
    parser.add_argument(
        "--run", type=Path, required=True, help="folder that microfer train or microfer prune-channels wrote"
    )
    parser.add_argument("--pruned", type=Path, help="folder that microfer prune wrote, where it was used")
    parser.add_argument(
        "--label-smoothing",
        type=float,
        help="of the labels behind a network that was taught: its own and its teachers', where they are alike",
    )
    parser.add_argument("--int8", type=Path, required=True, help="folder that microfer quantize wrote")
    parser.add_argument("--beside", action="store_true", help="leave the default release and its figures as they are")
    return parser.parse_args()


if __name__ == "__main__":
    environment.enter("train")
    sys.path.insert(0, str(environment.ROOT / "host"))
    from microfer.cli.command import run

    run(main)
