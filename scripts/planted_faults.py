"""Plant faults, one at a time, and see whether the tests notice: `python scripts/planted_faults.py`.

Each list in tests/faults/*.json names faults of one line: the file, the text that stands there just once, what takes
its place, and the tests that must notice, or why nothing could. They are planted in a copy of the repository, never in
this one. A test is a pytest address, or one of the firmware's C++ programs, which are built step by step:
"cpp:unit_tests" and "cpp:golden_vectors"; "compiler": the fault must not compile.

python scripts/planted_faults.py --sample 30 --json faults.json    thirty of them, chosen by --seed
python scripts/planted_faults.py --only face_tracker               those whose file or text matches

Exit status: 0 at least 95 % are noticed, 1 fewer are, 2 a list is wrong or a test fails without a fault.
"""

import argparse
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "host"))

from microfer.errors import MicroferError
from microfer.files import write_json

ROOT = Path(__file__).resolve().parents[1]
LISTS = ROOT / "tests" / "faults"
LEAST_NOTICED = 0.95
TEST_TIMEOUT_S = 240
"""What hangs is noticed too."""

CPP_PROGRAMS = {
    "cpp:unit_tests": ("unit_tests",),
    "cpp:golden_vectors": ("probe", "--golden", "tests/golden/core.vectors"),
}
COMPILER = "compiler"


@dataclass(frozen=True)
class Fault:
    """One line that is wrong. `noticed_by` is empty just where `why` says that nothing can notice."""

    file: str
    old: str
    new: str
    noticed_by: tuple[str, ...] = ()
    why: str = ""

    @property
    def name(self) -> str:
        """The file's name and what changes, for people."""
        return f"{Path(self.file).name}: {self.old.strip()}  ->  {self.new.strip() or '(nothing)'}"


@dataclass(frozen=True)
class Result:
    """What became of a fault: by which test it was noticed, "" where by none; `seconds` is what that took.

    is_wrong: it does not compile, though its list names no "compiler": then it is no fault.
    """

    fault: Fault
    noticed_by: str
    seconds: float
    is_wrong: bool = False


def read_faults(folder: Path = LISTS) -> list[Fault]:
    """Return the faults of all lists in `folder`, in order.

    Raises:
        MicroferError: a list is no list of faults, or one neither names tests nor says why there are none.
    """
    faults: list[Fault] = []
    for path in sorted(folder.glob("*.json")):
        try:
            rows = json.loads(path.read_text(encoding="utf-8"))["faults"]
            faults += [Fault(**(row | {"noticed_by": tuple(row.get("noticed_by", ()))})) for row in rows]
        except (ValueError, KeyError, TypeError) as error:
            raise MicroferError(f"{path} is no list of faults: {error}") from error
    for fault in faults:
        if bool(fault.noticed_by) == bool(fault.why):
            raise MicroferError(f"{fault.name}: name the tests that must notice, or say why none can; not both")
    return faults


def planted(content: str, fault: Fault) -> str:
    """Return a file's content with the fault in it.

    Raises:
        MicroferError: the fault's text does not stand there just once, or nothing changes.
    """
    if content.count(fault.old) != 1 or fault.old == fault.new or "\n" in fault.old.strip("\n"):
        raise MicroferError(
            f"{fault.file} has {fault.old!r} {content.count(fault.old)} times, expected one line that is there once; "
            "bring tests/faults up to date"
        )
    return content.replace(fault.old, fault.new)


class Workshop:
    """A copy of the repository, with the firmware's tests built in it."""

    def __init__(self, folder: Path) -> None:
        """Copy what git knows of, as it is in the working tree."""
        self.root = folder / "microfer"
        self._build = folder / "build"
        self._sound: set[str] = set()
        """Tests that pass without a fault."""
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
        for name in filter(None, listed.decode().split("\0")):
            if (ROOT / name).is_file():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.root / name)

    def first_to_notice(self, tests: Sequence[str]) -> str:
        """Return the first test that fails, "" where none does."""
        if needs := sorted({CPP_PROGRAMS[test][0] for test in tests if test in CPP_PROGRAMS}):
            if not self._builds(needs):
                return COMPILER
        elif COMPILER in tests and not self._builds(["core"]):
            return COMPILER
        return next((test for test in tests if test != COMPILER and not self._passes(test)), "")

    def _builds(self, targets: Sequence[str]) -> bool:
        if not (self._build / "CMakeCache.txt").is_file():
            # Without the sanitizers, which would double the time; what only they see names a pytest address.
            options = ["-DMICROFER_SANITIZE=OFF", f"-DPython3_EXECUTABLE={sys.executable}"]
            options += [*(["-G", "Ninja"] if shutil.which("ninja") else [])]
            sources = str(self.root / "tests" / "firmware")
            made = ["cmake", "-S", sources, "-B", str(self._build), *options]
            subprocess.run(made, check=True, capture_output=True)
        command = ["cmake", "--build", str(self._build), "--parallel", "2", "--target", *targets]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def _passes(self, test: str) -> bool:
        if test in CPP_PROGRAMS:
            program, *arguments = CPP_PROGRAMS[test]
            command = [self._build / program, *arguments]
        else:
            command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", test]
        try:
            done = subprocess.run(
                list(map(str, command)), cwd=self.root, capture_output=True, check=False, timeout=TEST_TIMEOUT_S
            )
        except subprocess.TimeoutExpired:
            return False
        if done.returncode in (4, 5) and test not in CPP_PROGRAMS:
            raise MicroferError(f"pytest knows no test {test}; bring tests/faults up to date")
        return done.returncode == 0

    def try_fault(self, fault: Fault) -> Result:
        """Plant a fault, run its tests until one notices, and take it out again.

        Raises:
            MicroferError: a test fails without the fault.
        """
        if failed := self.first_to_notice([test for test in fault.noticed_by if test not in self._sound]):
            raise MicroferError(f"{failed} fails without any fault: mend that first")
        self._sound.update(fault.noticed_by)
        path = self.root / fault.file
        content = path.read_text(encoding="utf-8")
        begin = time.monotonic()
        path.write_text(planted(content, fault), encoding="utf-8")
        try:
            noticed_by = self.first_to_notice(fault.noticed_by)
        finally:
            path.write_text(content, encoding="utf-8")
        is_wrong = noticed_by == COMPILER and COMPILER not in fault.noticed_by
        return Result(fault, "" if is_wrong else noticed_by, time.monotonic() - begin, is_wrong)


def try_all(faults: Sequence[Fault], progress: bool) -> list[Result]:
    """Return what became of each fault that something can notice, the quickest first.

    Raises:
        MicroferError: a test fails without any fault, or a list is out of date.
    """
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        workshop = Workshop(Path(folder))
        results = []
        quickest_first = sorted(
            faults, key=lambda fault: (not set(fault.noticed_by) <= set(CPP_PROGRAMS), not fault.file.endswith(".cc"))
        )
        for number, fault in enumerate(quickest_first, 1):
            results.append(workshop.try_fault(fault))
            if progress:
                print(f"{number:3} of {len(faults)}  {_verdict(results[-1])}", file=sys.stderr, flush=True)
        return results


def _verdict(result: Result) -> str:
    verdict = f"noticed by {result.noticed_by}" if result.noticed_by else _gone_wrong(result)
    return f"{verdict}  ({result.seconds:.0f} s)  {result.fault.name}"


def _gone_wrong(result: Result) -> str:
    return "DOES NOT COMPILE" if result.is_wrong else "NOT NOTICED"


def report(results: Sequence[Result], explained: Sequence[Fault]) -> str:
    """Return the table for people: the faults of each file, those that went unnoticed, those that change nothing."""
    noticed = [result for result in results if result.noticed_by]
    counts = Counter(result.fault.file for result in results)
    found = Counter(result.fault.file for result in noticed)
    width = max((len(file) for file in counts), default=4)
    lines = [f"{'file':{width}}  planted  noticed"]
    lines += [f"{file:{width}}  {counts[file]:7}  {found[file]:7}" for file in sorted(counts)]
    lines += [f"{'all':{width}}  {len(results):7}  {len(noticed):7}", ""]
    lines += [f"{_gone_wrong(result)}  {result.fault.name}" for result in results if not result.noticed_by]
    lines += [f"changes nothing  {fault.name}\n    {fault.why}" for fault in explained]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="PATTERN", default="", help="those whose file or text matches")
    parser.add_argument("--sample", type=int, metavar="N", help="so many of them, chosen by chance (default: all)")
    parser.add_argument("--seed", type=int, default=1, help="of that choice (default: 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what became of each fault there")
    parser.add_argument("--quiet", action="store_true", help="say nothing before the end")
    options = parser.parse_args(arguments)
    try:
        chosen = [fault for fault in read_faults() if re.search(options.only, f"{fault.file} {fault.old}")]
        for fault in chosen:  # a list that is out of date is found before anything is built
            planted((ROOT / fault.file).read_text(encoding="utf-8"), fault)
        to_try = [fault for fault in chosen if fault.noticed_by]
        if options.sample is not None and options.sample < len(to_try):
            to_try = random.Random(options.seed).sample(to_try, options.sample)
        results = try_all(to_try, progress=not options.quiet)
    except (MicroferError, OSError, re.error) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    explained = [fault for fault in chosen if fault.why]
    print(report(results, explained))
    if options.json:
        rows = [asdict(result.fault) | {"noticed_first_by": result.noticed_by} for result in results]
        write_json(options.json, {"schema": "microfer-planted-faults-1", "faults": rows})
    if any(result.is_wrong for result in results):
        return 2
    noticed = sum(bool(result.noticed_by) for result in results)
    return 0 if noticed >= LEAST_NOTICED * len(results) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
