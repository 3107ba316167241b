"""Check everything: `python scripts/test.py`. Makes `.venv` with dev.lock first; needs only Python 3.11 to start.

python scripts/test.py                     linters, the layers of the packages, types, all tests with coverage
python scripts/test.py -k faces            the same with only these tests; what it does not know goes to pytest
python scripts/test.py -n 0 -x --no-cov    tests one after the other, stop at the first failure
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
    ("pytest", ("-m", "pytest", "--cov", "--cov-report=term:skip-covered")),
)
"""Name and arguments of Python, fastest first; pytest last, so that its closing line ends the output."""

WORKERS = 2
"""Test processes. Each loads TensorFlow, about half a gigabyte, so more of them need more memory than they save."""

PROCESSES = ("-n", str(WORKERS), "--dist", "loadgroup", "--no-loadscope-reorder")
"""They are handed the groups that tests/conftest.py forms, in its order."""


def main() -> int:
    """Run every check, even after one failed; return 1 where any did."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--setup-only", action="store_true", help="make .venv with dev.lock and stop")
    options, for_pytest = parser.parse_known_args()
    environment.enter("dev")
    if options.setup_only:
        return 0
    results = []
    for name, arguments in CHECKS:
        extra = (*PROCESSES, *for_pytest) if name == "pytest" else ()
        print(f"--- {name}", flush=True)
        begin = time.monotonic()
        command = [sys.executable, *arguments, *extra]
        status = subprocess.run(command, cwd=environment.ROOT, env=_surroundings(), check=False).returncode
        results.append((name, status, time.monotonic() - begin))
    print("\n" + ", ".join(f"{name} {'FAILED' if status else 'ok'} ({took:.0f} s)" for name, status, took in results))
    return int(any(status for _, status, _ in results))


def _surroundings() -> dict[str, str]:
    """Return the environment of the checks: as many threads in each test process as there are cores for it."""
    threads = str(max(1, (os.cpu_count() or 1) // WORKERS))
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    return dict.fromkeys(names, threads) | {"TF_CPP_MIN_LOG_LEVEL": "2", "MPLBACKEND": "Agg"} | os.environ


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
