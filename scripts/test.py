"""Check the checkout: `python scripts/test.py`. Makes `.venv` with dev.lock first; needs only Python 3.11 to start.

python scripts/test.py --fast              while writing: linters, types, tests without TensorFlow or long work
python scripts/test.py                     before a commit: all that a change needs
python scripts/test.py --soak              the long fault runs and the large fuzzing as well
python scripts/test.py -k faces            only these tests; what it does not know goes to pytest
python scripts/test.py -n 0 -x             tests one after the other, stop at the first failure
python scripts/test.py --coverage          say which lines no test reaches; takes a third longer
python scripts/test.py --costs 40          say which files take most CPU seconds
python scripts/test.py --setup-only        only make the environment
"""

import argparse
import os
import subprocess
import sys
import time

import environment

LAYERS = """
import sys
from importlinter.cli import lint_imports
sys.path.insert(0, "host")
sys.exit(lint_imports(cache_dir=".cache/import_linter", no_logo=True))
"""
"""What `lint-imports` does; import-linter cannot be started by `python -m`."""

CHECKS = (
    ("ruff check", ("-m", "ruff", "check", ".")),
    ("ruff format", ("-m", "ruff", "format", "--check", ".")),
    ("layers", ("-c", LAYERS)),
    ("mypy", ("-m", "mypy")),
    ("pytest", ("-m", "pytest")),
)
"""Name and arguments of Python, fastest first; pytest last, so that its closing line ends the output."""

CORES = os.cpu_count() or 1

HEAVY = 2
"""Test processes that load TensorFlow, about half a gigabyte each: more of them need more memory than they save."""

WAITING = 4
"""Those for all other tests, which wait for boards, pages and programs more than they compute."""

PROCESSES = ("-n", str(HEAVY + WAITING), "--dist", "loadgroup", "--no-loadscope-reorder")
"""They are handed the groups that tests/running.py forms, in its order."""

FAST = ("-m", "not slow and not tensorflow", "-n", "3")
"""Each process needs seconds to find all tests, which is much of this tier's time."""

COVERAGE = ("--cov", "--cov-report=term:skip-covered")


def main() -> int:
    """Run every check, even after one failed; return 1 where any did."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--setup-only", action="store_true", help="make .venv with dev.lock and stop")
    parser.add_argument("--fast", action="store_true", help="leave out what loads TensorFlow or takes long")
    parser.add_argument("--coverage", action="store_true", help="say which lines no test reaches")
    options, for_pytest = parser.parse_known_args()
    environment.enter("dev")
    if options.setup_only:
        return 0
    results = []
    for name, arguments in CHECKS:
        chosen = (*(FAST if options.fast else ()), *(COVERAGE if options.coverage else ()))
        extra = (*PROCESSES, *chosen, *for_pytest) if name == "pytest" else ()
        print(f"--- {name}", flush=True)
        begin = time.monotonic()
        command = [sys.executable, *arguments, *extra]
        status = subprocess.run(command, cwd=environment.ROOT, env=_surroundings(), check=False).returncode
        results.append((name, status, time.monotonic() - begin))
    print("\n" + ", ".join(f"{name} {'FAILED' if status else 'ok'} ({took:.0f} s)" for name, status, took in results))
    return int(any(status for _, status, _ in results))


def _surroundings() -> dict[str, str]:
    """Return the environment of the checks: as many threads in each test process as there are cores for it."""
    threads = str(max(1, CORES // HEAVY))
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    return dict.fromkeys(names, threads) | {"TF_CPP_MIN_LOG_LEVEL": "2", "MPLBACKEND": "Agg"} | os.environ


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
