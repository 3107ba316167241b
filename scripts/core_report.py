"""Prove and measure the C++ core on the emulated chip: `python scripts/core_report.py build/core`.

idf.py -C tests/firmware/chip_core -B build/core build   builds the program first
python scripts/core_report.py build/core                 runs it, prints its suites and what each step costs
python scripts/core_report.py build/core --out docs      writes core-on-chip.json there too
python scripts/core_report.py --log run.txt              reads what an earlier run printed

It puts frames into the program's flash, with the boxes that the core finds on this computer and those of OpenCV; the
program compares them with its own, as it does with the golden vectors. QEMU (qemu-system-xtensa, see
firmware_qemu.py) counts instructions, 4 ns each, so the figures are the same on every computer; it knows no caches and
no waiting for memory, so they are no times. Exit status 1: the chip answers otherwise than the host.
"""

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "host"), str(ROOT / "scripts")]

from emulated_chip import INSTRUCTIONS_PER_US, flash_of, run_until_end  # noqa: E402
from firmware_qemu import RunError  # noqa: E402
from microfer.errors import MicroferError  # noqa: E402
from microfer.files import write_json  # noqa: E402
from microfer.studies.detector import chip_frames  # noqa: E402
from microfer.virtual_board.firmware_core import open_core  # noqa: E402

FRAMES_OFFSET = 0x200000
"""Of the partition `frames` in tests/firmware/chip_core/partitions.csv."""

SUITES = (
    *("crop", "encode", "predictor", "calibrate", "protocol_encode", "protocol_decode"),
    *("detector_as_on_the_host", "detector_as_opencv"),
)


@dataclass(frozen=True)
class Cost:
    """Instructions of one step on one kind of input: of so many runs the mean, and the dearest run's."""

    step: str
    kind: str
    runs: int
    mean: int
    most: int


@dataclass(frozen=True)
class Report:
    """What a run printed: of each suite passed and total, the costs, and facts about the program."""

    suites: dict[str, tuple[int, int]]
    costs: list[Cost]
    facts: dict[str, str]

    @property
    def is_passed(self) -> bool:
        """Whether every suite ran and had something to compare, and nothing differed."""
        return all(self.suites.get(name, (0, 0))[1] > 0 for name in SUITES) and all(
            passed == total for passed, total in self.suites.values()
        )


def read_log(text: str) -> Report:
    """Return what the lines say; raises RunError where they are not the program's."""
    report = Report({}, [], {})
    for line in text.splitlines():
        match line.split():
            case ["suite", name, "passed", passed, "of", total]:
                report.suites[name] = int(passed), int(total)
            case ["cost", step, kind, runs, total, most]:
                mean = round(int(total) * INSTRUCTIONS_PER_US / int(runs))
                report.costs.append(Cost(step, kind, int(runs), mean, max(mean, int(most) * INSTRUCTIONS_PER_US)))
            case ["compiler" | "esp_idf" | "stack_left" | "frames" as name, *rest]:
                report.facts[name] = " ".join(rest)
    if not report.suites or not report.costs:
        raise RunError("these lines hold no suites and costs; is it what tests/firmware/chip_core prints?")
    return report


def as_json(report: Report) -> dict[str, Any]:
    """Return the report as core-on-chip.json holds it."""
    return {
        "chip": "ESP32-S3 emulated by QEMU, instructions counted",
        **report.facts,
        "kinds": chip_frames.KINDS,
        "suites": {name: {"passed": passed, "total": total} for name, (passed, total) in report.suites.items()},
        "instructions": [asdict(cost) for cost in report.costs],
    }


def table(report: Report) -> str:
    """Return the report for people."""
    lines = [f"{name:26} {passed:>4} of {total}" for name, (passed, total) in report.suites.items()]
    lines += ["", f"{'instructions':26} {'on':14} {'runs':>6} {'mean':>12} {'most':>12}"]
    lines += [f"{c.step:26} {c.kind:14} {c.runs:>6} {c.mean:>12,} {c.most:>12,}" for c in report.costs]
    return "\n".join([*lines, "", *(f"{name} {fact}" for name, fact in report.facts.items())])


def run(build: Path, seconds: int) -> str:
    """Return what the program in `build` prints on the emulated chip."""
    content = chip_frames.partition(list(chip_frames.frames()), open_core())
    return run_until_end(flash_of(build, {FRAMES_OFFSET: content}), build, seconds)


def main() -> int:
    """Run or read, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("build", type=Path, nargs="?", help="build folder of tests/firmware/chip_core")
    what.add_argument("--log", type=Path, help="read this instead of running")
    parser.add_argument("--out", type=Path, help="folder for core-on-chip.json")
    parser.add_argument("--seconds", type=int, default=600, help="patience (default: 600)")
    parser.add_argument("--json", action="store_true", help="print a JSON document")
    options = parser.parse_args()
    try:
        report = read_log(options.log.read_text() if options.log else run(options.build, options.seconds))
        if options.out:
            write_json(options.out / "core-on-chip.json", as_json(report))
    except (RunError, MicroferError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(json.dumps(as_json(report), indent=2) if options.json else table(report))
    return 0 if report.is_passed else 1


if __name__ == "__main__":
    sys.exit(main())
