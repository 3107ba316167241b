"""Measure what pages and the cost model quote, beside what commands of host/ measure. For maintainers.

python scripts/measure.py core build/core          the C++ core on the emulated chip: its suites, and what steps cost
python scripts/measure.py kernels build/kernels    the kernels there, operator by operator, beside ESP-NN
python scripts/measure.py budget                   what a frame costs on the board, from those two; the picture too
python scripts/measure.py size build/microfer.map  flash and RAM of each part of the firmware, the largest stack frames
python scripts/measure.py runs --data fer2013.zip --runs runs/a runs/b
                                                   long trainings, scored for models/ABLATION.md
python scripts/measure.py public --tflm ../tflite-micro --tiny ../tiny
                                                   what the cost model says of networks that others publish
python scripts/measure.py attacks --readers fuzz/*.json --kills kills/*.json --watch watch.log --faults faults.json
                                                   what attacks came to, from what they printed
python scripts/measure.py light --data fer2013.zip what the doctor's limits for light and sharpness come from

Each has a --help of its own. `core`, `kernels`, `budget`, `runs`, `public` and `attacks` write a file in measurements/;
`python scripts/pages.py` then writes the pages. The programs of the first two are built with ESP-IDF 5.5 and run in
QEMU (see firmware_qemu.py), which counts instructions, so the figures are the same on every computer:

idf.py -C tests/firmware/chip_core -B build/core build
idf.py -C tests/firmware/chip -B build/kernels build    for another model than the default release: MICROFER_MODEL=...
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import environment

PATIENCE_S = 600


def main() -> int:
    """Hand over to what is named."""
    options = _parser().parse_args()
    return int(options.run(options))


def core(options: argparse.Namespace) -> int:
    """Prove and measure the core; exit status 1 where the chip answers otherwise than the host."""
    from microfer.files import write_json
    from microfer.studies.chip import core_report

    text = _log(options.log) if options.log else core_report.run(options.build, options.seconds)
    report = core_report.read_log(text)
    document = core_report.as_json(report)
    if report.is_passed:
        write_json(options.out / "core-on-chip.json", document)
    print(json.dumps(document, indent=2) if options.json else core_report.table(report))
    return 0 if report.is_passed else 1


def kernels(options: argparse.Namespace) -> int:
    """Measure the kernels of one model; the default release's are drawn, too."""
    from microfer.files import write_json
    from microfer.metrics.plots import save
    from microfer.release import default_model
    from microfer.studies.chip import kernel_report
    from microfer.studies.chip.emulator import flash_of, run_until_end

    if options.log:
        text = _log(options.log)
    else:
        text = run_until_end(flash_of(options.build, {}), options.build, options.seconds)
    model = options.model or default_model()
    path = options.out / "kernels.json"
    report = kernel_report.report_with(path, model, text)
    write_json(path, report)
    if model.resolve() == default_model().resolve():
        save(kernel_report.roofline(kernel_report.rows_in(report)), options.pictures / "kernels.png")
    counts, networks, cases = kernel_report.read_log(text)
    lines = kernel_report.table(kernel_report.rows_of(model, counts))
    print("\n".join([*lines, "", *(f"{name}: {found}" for name, found in networks.items()), *cases]))
    return 0


def budget(options: argparse.Namespace) -> int:
    """Draw and write what frames cost: steps as `core` counted them, networks as `kernels` did or as estimated."""
    from microfer.files import write_json
    from microfer.markdown import table
    from microfer.metrics.plots import save
    from microfer.studies.chip import frame_budget
    from microfer.studies.chip.firmware_facts import read_firmware
    from microfer.studies.chip.timeline import timeline_figure

    facts, fps = read_firmware(), options.camera_fps
    names, frames = options.networks or frame_budget.NETWORKS, options.frames or frame_budget.FRAMES
    budgets = frame_budget.recorded_budgets(names, facts, frames, fps)
    document = frame_budget.document(budgets, facts, fps)
    picture = options.pictures if options.out == _measurements() else options.out
    save(timeline_figure(budgets, facts, fps), picture / "frame-budget.png")
    write_json(options.out / "frame-budget.json", document)
    lines = table(frame_budget.HEADERS, [frame_budget.cells(one) for one in budgets], left=(0, 1))
    print(json.dumps(document, indent=2) if options.json else "\n".join(lines))
    return 0


def size(options: argparse.Namespace) -> int:
    """Say what each part of the firmware takes of flash and RAM, and which stack frames are the largest."""
    from microfer.errors import MicroferError
    from microfer.studies.chip.firmware_size import FLASH, sizes, stack_frames, table

    if not options.map.is_file():
        raise MicroferError(f"{options.map} is missing; build the firmware first: pio run")
    with options.map.open(encoding="utf-8", errors="replace") as lines:
        totals = sizes(lines)
    if not any(part[FLASH] for part in totals.values()):
        raise MicroferError(f"{options.map} is not a map file of an ESP32-S3 firmware")
    frames = stack_frames(options.map.parent)[: options.frames]
    if options.json:
        print(json.dumps({"parts": totals, "stack_frames": [vars(frame) for frame in frames]}, indent=2))
        return 0
    print(table(totals))
    if frames:
        print("\nlargest stack frames of microfer's own functions")
    for frame in frames:
        print(f"  {frame.bytes:>6} bytes{' and more' if frame.grows else ''}  {frame.file}: {frame.function}")
    return 0


def runs(options: argparse.Namespace) -> int:
    """Score finished trainings, and put them on record."""
    from microfer.data.training_data import load_splits
    from microfer.files import write_json
    from microfer.publish.measured import recorded_runs
    from microfer.studies.accuracy.tried import markdown, merged, tried
    from microfer.versions import package_versions

    rows = tried(options.runs, *load_splits(options.data), options.reference)
    if options.reference:
        rows = merged(recorded_runs(), rows)
    document = {"schema": "microfer.runs/1", "runs": [asdict(row) for row in rows], "versions": package_versions()}
    write_json(options.out / "runs.json", document)
    print("\n".join(markdown(rows)))
    return 0


def light(options: argparse.Namespace) -> int:
    """Print a line for each way of making crops worse: accuracy, and percentiles of what the doctor measures."""
    from microfer.data.fer2013 import load
    from microfer.release import default_model
    from microfer.runtimes.runners import open_tflite
    from microfer.studies.robustness.light import MEASURES, rows

    data = load(options.data).split(options.split)
    # The optimized kernels round differently on some images, and are ten times as fast.
    runner = open_tflite(options.model or default_model(), "optimized")
    print(f"{len(data)} images; 1st, 50th and 99th percentile of each")
    print(f"{'':32}{'accuracy':>9}" + "".join(f"{name:>24}" for name in MEASURES))
    for row in rows(data, runner):
        shown = "".join(f"{one:8.2f}" for name in MEASURES for one in row.measured[name])
        print(f"{row.way:32}{100 * row.accuracy:8.1f}%{shown}", flush=True)
    return 0


def public(options: argparse.Namespace) -> int:
    """Estimate the networks that TFLM's repository and MLPerf Tiny carry, from clones of them."""
    from microfer.files import write_json
    from microfer.studies.chip.public_networks import measure

    rows = measure({"tflm": options.tflm, "tiny": options.tiny})
    write_json(options.out / "public-networks.json", {"networks": rows})
    print(f"wrote {options.out / 'public-networks.json'}: {len(rows)} networks")
    return 0


def attacks(options: argparse.Namespace) -> int:
    """Gather what attacks on the product printed, for docs/security.md."""
    from microfer.files import write_json
    from microfer.publish.attack_tables import document

    found = document(
        [_log(path) for path in options.readers],
        "".join(_log(path) for path in options.core),
        [_log(path) for path in options.kills],
        _log(options.watch) if options.watch else "",
        _log(options.faults) if options.faults else "",
    )
    write_json(options.out / "attacks.json", found)
    print(f"wrote {options.out / 'attacks.json'}")
    return 0


def _log(path: Path) -> str:
    from microfer.files import read_bytes

    return read_bytes(path).decode(errors="replace")


def _measurements() -> Path:
    return environment.ROOT / "measurements"


def _parser() -> argparse.ArgumentParser:
    from microfer.studies.chip.public_networks import REPOSITORIES

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(required=True, metavar="WHAT", title="what to measure")

    def verb(run: Any, *, writes: bool = False, prints_json: bool = False) -> argparse.ArgumentParser:
        one = verbs.add_parser(run.__name__, help=run.__doc__.splitlines()[0], description=run.__doc__)
        one.set_defaults(run=run)
        if writes:
            one.add_argument("--out", type=Path, default=_measurements(), help="folder (default: measurements)")
        if prints_json:
            one.add_argument("--json", action="store_true", help="print JSON in place of the table")
        return one

    for run, program in ((core, "tests/firmware/chip_core"), (kernels, "tests/firmware/chip")):
        one = verb(run, writes=True, prints_json=run is core)
        source = one.add_mutually_exclusive_group(required=True)
        source.add_argument("build", type=Path, nargs="?", help=f"build folder of {program}")
        source.add_argument("--log", type=Path, help="read what an earlier run, or a real chip, printed")
        one.add_argument("--seconds", type=int, default=PATIENCE_S, help=f"give up after (default: {PATIENCE_S})")
        if run is kernels:
            one.add_argument("--model", type=Path, help="the .tflite that it was built with (default: the release)")
            _add_pictures(one)
    one = verb(budget, writes=True, prints_json=True)
    one.add_argument("networks", nargs="*", help="presets or releases (default: thesis-bn, s3 and nano)")
    one.add_argument("--frames", type=_count, help="to draw (default: 5)")
    one.add_argument("--camera-fps", type=_rate, metavar="N", help="of the camera (default: a frame always waits)")
    _add_pictures(one)
    one = verb(size, prints_json=True)
    one.add_argument("map", type=Path, help="the linker's map file, in the build folder")
    one.add_argument("--frames", type=_count, default=8, help="how many stack frames to list (default: 8)")
    one = verb(runs, writes=True)
    one.add_argument("--data", type=Path, required=True, help="FER-2013: CSV, folder or zip")
    one.add_argument("--runs", type=Path, nargs="+", required=True, metavar="FOLDER", help="the first is the reference")
    one.add_argument("--reference", type=Path, metavar="FILE", help="add to those on record, whose first .keras it is")
    one = verb(public, writes=True)
    for name in ("tflm", "tiny"):
        one.add_argument(f"--{name}", type=Path, required=True, metavar="FOLDER", help=f"clone of {REPOSITORIES[name]}")
    one = verb(attacks, writes=True)
    for name, said in (
        ("readers", "printed by tests/fuzz/python_fuzz.py, one a reader"),
        ("core", "printed by pytest tests/fuzz -s"),
        ("kills", "printed by tests/host/kills.py"),
    ):
        one.add_argument(f"--{name}", type=Path, nargs="+", default=[], metavar="FILE", help=said)
    one.add_argument("--watch", type=Path, metavar="FILE", help="printed by tests/host/test_viewer_soak.py --soak -s")
    one.add_argument("--faults", type=Path, metavar="FILE", help="written by scripts/planted_faults.py --json")
    one = verb(light)
    one.add_argument("--data", type=Path, required=True, help="FER-2013: CSV, folder or zip")
    one.add_argument("--split", default="PublicTest", help="which images of it (default: PublicTest)")
    one.add_argument("--model", type=Path, help="an int8 .tflite (default: the default release)")
    return parser


def _add_pictures(parser: argparse.ArgumentParser) -> None:
    docs = environment.ROOT / "docs"
    parser.add_argument("--pictures", type=Path, default=docs, help="folder of the picture (default: docs)")


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return number


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 < rate < 1000:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1000")
    return rate


if __name__ == "__main__":
    environment.enter("run")
    sys.path.insert(0, str(environment.ROOT / "host"))
    from microfer.cli.command import run

    run(main)
