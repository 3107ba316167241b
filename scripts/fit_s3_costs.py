"""Fit the ESP32-S3 cost model to the measured sweep: docs/s3-sweep.json to host/microfer/cost/fitted.json.

For each path (the code that computes an operator) the instructions are a sum: how often each part of its loops runs,
which the path counts, times what one turn costs, which is found here by least squares, relative to the measured value
and not below 0. The error that every estimate carries is twice the root mean square of what leaving one case out of the
fit does to the estimate of that case.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY / "host"))

from microfer import command  # noqa: E402
from microfer.cost.costs import FITTED  # noqa: E402
from microfer.cost.dispatch import path_of  # noqa: E402
from microfer.cost.step import Step  # noqa: E402
from microfer.files import read_bytes, write_json  # noqa: E402

SWEEP = REPOSITORY / "docs" / "s3-sweep.json"

Row = tuple[dict[str, float], float]


def main() -> None:
    """Read the sweep, fit each path, write the costs."""
    parser = command.parser(__doc__ or "")
    parser.add_argument("--sweep", type=Path, default=SWEEP, help="measured cases (default: docs/s3-sweep.json)")
    parser.add_argument("--out", type=Path, default=FITTED, help="where to write (default: beside the cost model)")
    options = parser.parse_args()
    sweep = json.loads(read_bytes(options.sweep))
    rows: dict[str, list[Row]] = defaultdict(list)
    for case in sweep["cases"]:
        path = path_of(Step.from_json(case["step"]))
        if path.work:
            rows[path.name].append((path.work, case["instructions"]))
    paths = {name: fit(cases) for name, cases in sorted(rows.items())}
    write_json(options.out, {"format_version": 1, "versions": sweep["versions"], "paths": paths})
    for name, found in paths.items():
        print(f"{name:32} {found['cases']:3} cases, error {100 * found['error']:5.1f} %")


def fit(rows: list[Row]) -> dict[str, object]:
    """Return the costs of one path's parts, its error as a share, and how many cases there were."""
    parts = sorted({part for work, _ in rows for part in work})
    counts = np.array([[work.get(part, 0.0) for part in parts] for work, _ in rows])
    measured = np.array([instructions for _, instructions in rows])
    costs = _solve(counts, measured)
    left_out = []
    for number in range(len(rows)):
        keep = np.arange(len(rows)) != number
        if keep.any():
            guess = counts[number] @ _solve(counts[keep], measured[keep])
            left_out.append(guess / measured[number] - 1)
    error = 2 * float(np.sqrt(np.mean(np.square(left_out)))) if left_out else 1.0
    return {
        "cases": len(rows),
        "error": round(max(error, 0.01), 4),
        "costs": {part: round(float(cost), 4) for part, cost in zip(parts, costs, strict=True) if cost > 0},
    }


def _solve(counts: npt.NDArray[np.float64], measured: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    relative = counts / measured[:, np.newaxis]
    # Columns of like length keep the solver's steps sane.
    lengths = np.linalg.norm(relative, axis=0)
    lengths[lengths == 0] = 1.0
    found: npt.NDArray[np.float64] = nnls(relative / lengths, np.ones(len(measured)))[0] / lengths
    return found


if __name__ == "__main__":
    command.run(main)
