"""The C++ core proved and measured on the emulated chip: what tests/firmware/chip_core printed, read.

The program compares its answers with the golden vectors, and the faces that it finds with those of this computer and of
OpenCV. Instructions are counted, 4 ns each, so the figures are the same on every computer; the emulator knows no caches
and no waiting for memory, so they are no times.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from microfer.errors import MicroferError
from microfer.studies.chip.emulator import INSTRUCTIONS_PER_US, flash_of, run_until_end
from microfer.studies.detector import chip_frames
from microfer.virtual_board.firmware_core import open_core

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
    """Return what the lines say; raises MicroferError where they are not the program's."""
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
        raise MicroferError("these lines hold no suites and costs; is it what tests/firmware/chip_core prints?")
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
