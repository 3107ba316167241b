"""Write every measured table of docs/, models/ and the READMEs from its JSON: `python scripts/pages.py`.

python scripts/pages.py                      all of them; a page that is right already is not touched
python scripts/pages.py --check              writes nothing; exit status 1 where a page is out of date
python scripts/pages.py --take runs/compare  copies what a command left there to measurements/ and docs/ first

The figures lie in measurements/ and in models/*/metrics.json. --take knows what `microfer compare`, `ablate`,
`compression-curves`, `compare-s3` and `evaluate-detector` write, and `microfer benchmark-training --json` in a file
training-speed.json. scripts/measure.py and scripts/release.py write theirs in place.
"""

import argparse
import sys
from pathlib import Path

import environment


def main() -> int:
    """Take what is to be taken, then compare or write."""
    options = _parse()
    from microfer.console import console
    from microfer.publish import measured

    for folder in options.take:
        console.print(f"took {', '.join(measured.take(folder))} from {folder}", highlight=False, markup=False)
    stale = [part.name for part in measured.parts() if not part.is_current()]
    for part in measured.parts():
        if part.name in stale and not options.check:
            part.write()
    for name in stale:
        said = "out of date: python scripts/pages.py" if options.check else "written"
        console.print(f"{name}: {said}", highlight=False, soft_wrap=True)
    if not stale:
        console.print("every page is up to date")
    return int(options.check and bool(stale))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, say what is out of date")
    parser.add_argument("--take", type=Path, nargs="+", default=[], metavar="FOLDER", help="copy its figures first")
    options = parser.parse_args()
    if options.check and options.take:
        parser.error("--check writes nothing, and --take does: give one of them")
    return options


if __name__ == "__main__":
    environment.enter("run")
    sys.path.insert(0, str(environment.ROOT / "host"))
    from microfer.cli.command import run

    run(main)
