"""Measure training speed and put it into the README: `python scripts/training_speed.py`, for maintainers."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "host"))

from microfer import command  # noqa: E402
from microfer.files import write_json  # noqa: E402
from microfer.publish.pages import update_block  # noqa: E402
from microfer.studies.training_speed import table_lines  # noqa: E402


def main() -> None:
    """Run the benchmark, keep its JSON in docs/, and write the README's table from it."""
    command.parser(__doc__ or "").parse_args()
    benchmark = [sys.executable, str(ROOT / "host" / "benchmark_training.py"), "--json"]
    output = subprocess.run(benchmark, stdout=subprocess.PIPE, text=True, check=True).stdout
    document = json.loads(output)
    write_json(ROOT / "docs" / "training-speed.json", document)
    update_block(ROOT / "README.md", "speed", table_lines(document))


if __name__ == "__main__":
    command.run(main)
