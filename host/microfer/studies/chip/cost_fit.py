"""The ESP32-S3 cost model fitted to the measured sweep: measurements/s3-sweep.json to host/microfer/cost/fitted.json.

For each path (the code that computes an operator) the instructions are a sum: how often each part of its loops runs,
which the path counts, times what one turn costs, which is found here by least squares, relative to the measured value
and not below 0. The error that every estimate carries is twice the root mean square of what leaving one case out of the
fit does to the estimate of that case.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from microfer.cost.costs import FORMAT_VERSION, KEYED_BY
from microfer.cost.dispatch import path_of
from microfer.cost.own_kernels import FORMAT_VERSION as OWN_VERSION
from microfer.cost.own_kernels import work
from microfer.cost.step import Step
from microfer.studies.chip.kernel_record import OWN, KernelRecord

Row = tuple[Mapping[str, float], float]


def fitted(sweep: dict[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """Return what fitted.json holds, from the measured cases of s3-sweep.json; other releases' fits stay."""
    rows: dict[str, list[Row]] = defaultdict(list)
    for case in sweep["cases"]:
        path = path_of(Step.from_json(case["step"]))
        if path.work:
            rows[path.name].append((path.work, case["instructions"]))
    paths = {name: fit_path(cases) for name, cases in sorted(rows.items())}
    fit = {"versions": sweep["versions"], "paths": paths}
    return {"format_version": FORMAT_VERSION, "fits": [*_others(before, fit["versions"]), fit]}


def _others(before: Mapping[str, Any], versions: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the fits of other releases that `before` has, which stay."""
    if before.get("format_version") != FORMAT_VERSION:
        return []
    return [one for one in before["fits"] if any(one["versions"][name] != versions[name] for name in KEYED_BY)]


def fit_path(rows: list[Row]) -> dict[str, object]:
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
        "largest": round(float(measured.max())),
        "costs": {part: round(float(cost), 4) for part, cost in zip(parts, costs, strict=True) if cost > 0},
    }


def _solve(counts: npt.NDArray[np.float64], measured: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    relative = counts / measured[:, np.newaxis]
    # Columns of like length keep the solver's steps sane.
    lengths = np.linalg.norm(relative, axis=0)
    lengths[lengths == 0] = 1.0
    found: npt.NDArray[np.float64] = nnls(relative / lengths, np.ones(len(measured)))[0] / lengths
    return found


def own_fitted(records: Mapping[str, KernelRecord], steps: Mapping[str, Sequence[Step]]) -> dict[str, Any]:
    """Return what own_fitted.json holds: what the parts of the firmware's own kernels cost, fitted to counted networks.

    records, steps: name -> what was counted of a network, and its operators. The error is twice the root mean square of
    what leaving a whole network out does to the estimates of its operators.
    """
    largest: dict[str, int] = defaultdict(int)
    rows: dict[str, list[Row]] = defaultdict(list)
    for name, record in records.items():
        for step, spent in zip(steps[name], record.spent[OWN], strict=True):
            if parts := work(step):
                rows[name].append((parts, spent))
                largest[step.kind] = max(largest[step.kind], spent)
    left_out = []
    for name, mine in rows.items():
        costs = _costs([row for other, found in rows.items() if other != name for row in found])
        left_out += [_sum(costs, parts) / spent - 1 for parts, spent in mine]
    around = [record.instructions[OWN] - sum(record.spent[OWN]) for record in records.values()]
    every = [row for found in rows.values() for row in found]
    return {
        "format_version": OWN_VERSION,
        "networks": sorted(rows),
        "cases": len(every),
        "error": round(2 * float(np.sqrt(np.mean(np.square(left_out)))), 4),
        "around": round(float(np.mean(around))),
        "largest": dict(sorted(largest.items())),
        "costs": {part: round(cost, 4) for part, cost in _costs(every).items() if cost > 0},
    }


def _costs(rows: Sequence[Row]) -> dict[str, float]:
    parts = sorted({part for work_of_one, _ in rows for part in work_of_one})
    counts = np.array([[one.get(part, 0.0) for part in parts] for one, _ in rows])
    found = _solve(counts, np.array([spent for _, spent in rows], np.float64))
    return {part: float(cost) for part, cost in zip(parts, found, strict=True)}


def _sum(costs: Mapping[str, float], parts: Mapping[str, float]) -> float:
    return sum(costs.get(part, 0.0) * times for part, times in parts.items())
