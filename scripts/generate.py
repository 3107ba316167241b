"""Write the files that the repository generates from others: `python scripts/generate.py`. For maintainers.

python scripts/generate.py                 all of them; a file that is right already is not touched
python scripts/generate.py costs golden    only these
python scripts/generate.py --check         writes nothing; exit status 1 where a file is not what it should be
python scripts/generate.py scores runs/int8/model.tflite
                                           a model's answers to the golden pictures, computed anew

cascade     firmware/lib/face/frontal_face.cc, from OpenCV's frontal face cascade
prediction  firmware/lib/prediction/tables.h, the tables by which confidences are calibrated
costs       host/microfer/cost/fitted.json and own_fitted.json, the cost model's fits to measurements/s3-sweep.json
            and kernels.json
golden      firmware/golden/, the pictures of the boot self-test

Every model carries its answers to the golden pictures. After a change of those, run `scores` for the model that
`microfer quantize` wrote, tests/golden/make_tiny_scores.py for the tests' tiny model, and scripts/release.py: the new
file has a new hash, which card, certificate and README quote.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import environment

Files = dict[Path, bytes]
"""Path -> what the file should hold."""


def main() -> int:
    """Compare or write."""
    options = _parse()
    from microfer.console import console

    if options.targets[:1] == ["scores"]:
        return _renew_scores(Path(options.targets[1]))
    wrong = 0
    for name in options.targets or GENERATORS:
        for path, content in GENERATORS[name]().items():
            is_right = path.is_file() and path.read_bytes() == content
            wrong += not is_right
            shown = path.relative_to(environment.ROOT)
            if is_right or options.check:
                console.print(f"{shown}: {'is right' if is_right else 'is out of date'}", highlight=False)
            else:
                _write(path, content)
                console.print(f"{shown}: written", highlight=False)
    return int(options.check and wrong > 0)


def cascade() -> Files:
    """Return the face detector's table."""
    from microfer.export.cascade_table import table
    from microfer.pictures.faces import cascade_path

    return {environment.ROOT / "firmware" / "lib" / "face" / "frontal_face.cc": table(cascade_path()).encode()}


def prediction() -> Files:
    """Return the tables of the calibration."""
    from microfer.oracle.tables import header

    return {environment.ROOT / "firmware" / "lib" / "prediction" / "tables.h": header().encode()}


def costs() -> Files:
    """Return the cost model's fits: to the sweep, and to the networks counted with the firmware's own kernels."""
    from microfer.cost import own_kernels
    from microfer.cost.costs import FITTED
    from microfer.cost.step import steps
    from microfer.files import json_text
    from microfer.json_reader import read_json
    from microfer.release import MEASUREMENTS, MODEL_FILE, MODELS
    from microfer.studies.chip.cost_fit import fitted, own_fitted
    from microfer.studies.chip.kernel_record import KERNELS_FILE, read_kernels
    from microfer.tflite import tflite_file

    before = read_json(FITTED, dict[str, Any]) if FITTED.is_file() else {}
    fits = fitted(read_json(MEASUREMENTS / "s3-sweep.json", dict[str, Any]), before)
    records = {
        name: record
        for name, record in read_kernels(MEASUREMENTS / KERNELS_FILE).items()
        if (MODELS / name / MODEL_FILE).is_file()
    }
    networks = {name: steps(tflite_file.read(MODELS / name / MODEL_FILE)) for name in records}
    counted = own_fitted(records, networks)
    return {FITTED: json_text(fits).encode(), own_kernels.FITTED: json_text(counted).encode()}


def golden() -> Files:
    """Return the pictures of the self-test and their index."""
    from microfer.export.golden import FOLDER, INDEX_FILE, pgm_bytes
    from microfer.files import json_text
    from microfer.pictures.golden_pictures import golden_pictures

    made = golden_pictures()
    entries = [{"file": f"{one.name}.pgm", "box": asdict(one.box), "source": one.source} for one in made]
    pictures = {FOLDER / f"{one.name}.pgm": pgm_bytes(one.picture) for one in made}
    return pictures | {FOLDER / INDEX_FILE: json_text({"pictures": entries}).encode()}


GENERATORS: dict[str, Callable[[], Files]] = {
    "cascade": cascade,
    "prediction": prediction,
    "costs": costs,
    "golden": golden,
}


def _renew_scores(model: Path) -> int:
    """Compute a model's golden scores anew and write it in its old place, as a whole; its network stays."""
    from microfer.console import console
    from microfer.files import read_bytes, write_bytes
    from microfer.oracle.golden import with_golden_scores

    before = read_bytes(model)
    after = with_golden_scores(before)
    if after != before:
        write_bytes(model, after)
    said = "is right" if after == before else "golden scores renewed"
    console.print(f"{model}: {said}", highlight=False, markup=False)
    return 0


def _write(path: Path, content: bytes) -> None:
    from microfer.files import write_bytes

    write_bytes(path, content)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="WHAT", help="which of the above (default: all but scores)")
    parser.add_argument("--check", action="store_true", help="write nothing, say what is out of date")
    options = parser.parse_args()
    if options.targets[:1] == ["scores"]:
        if len(options.targets) != 2 or options.check:
            parser.error("scores takes the path of one .tflite")
    elif unknown := set(options.targets) - GENERATORS.keys():
        parser.error(f"there is no {', '.join(sorted(unknown))}; choose of {', '.join(GENERATORS)}, scores")
    return options


if __name__ == "__main__":
    environment.enter("run")
    sys.path.insert(0, str(environment.ROOT / "host"))
    from microfer.cli.command import run

    run(main)
