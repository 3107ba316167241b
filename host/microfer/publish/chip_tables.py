"""Tables of docs/ about the detector, the kernels and the core, from the JSON of measurements/."""

from collections.abc import Iterable
from typing import Any

from microfer.markdown import table
from microfer.studies.chip import frame_budget, kernel_report
from microfer.studies.chip.firmware_facts import read_firmware
from microfer.studies.detector.report import EVERY_WINDOW, FIRMWARE, OPENCV

FINDERS = (FIRMWARE, EVERY_WINDOW, OPENCV)


def found_lines(detector: dict[str, Any]) -> list[str]:
    """Return what each detector finds, from detector.json."""
    same, shared = ({OPENCV: 1.0} | detector[key] for key in ("same_answer", "shared_boxes"))
    speed = detector["speed_against_opencv"] | {OPENCV: 1.0}
    rows = [
        ("LFW faces found", *_rates(detector["lfw"])),
        ("FER-2013 faces found", *_rates(detector["fer"])),
        ("false boxes a frame", *(f"{detector['false_boxes_a_frame'][name]:.4f}" for name in FINDERS)),
        ("frames answered just as OpenCV does", *(f"{100 * same[name]:.2f} %" for name in FINDERS)),
        ("OpenCV's boxes that it has too", *(f"{100 * shared[name]:.2f} %" for name in FINDERS)),
        ("times as fast as OpenCV", *(f"{speed[name]:.2f}" for name in FINDERS)),
    ]
    version = detector["settings"]["opencv"]
    return table(("", FIRMWARE, EVERY_WINDOW, f"{OPENCV} {version}"), rows)


def _rates(found: dict[str, Any]) -> Iterable[str]:
    for one in (found[name] for name in FINDERS):
        yield f"{100 * one['rate']:.1f} % ({100 * one['low']:.1f}..{100 * one['high']:.1f})"


def cascade_lines(choice: dict[str, Any]) -> list[str]:
    """Return the cascades and settings that were tried with OpenCV, from detector-choice.json."""
    rows = []
    for one in choice["cascades"]:
        cells = [
            one["cascade"],
            f"{one['scale_step']:g}",
            str(one["neighbours"]),
            f"{100 * one['fer']:.1f} %",
            f"{100 * one['lfw']:.1f} %",
            f"{one['false_boxes_a_frame']:.3f}",
        ]
        rows.append(_bold(cells, one["chosen"]))
    return table(("cascade", "scale step", "neighbours", "FER-2013", "LFW", "false boxes a frame"), rows)


def limit_lines(choice: dict[str, Any]) -> list[str]:
    """Return the two limits of the detector's work that were tried, from detector-choice.json."""
    rows = []
    for one in choice["limits"]:
        most = "" if one["most_trees"] is None else f" ({one['most_trees']:,})"
        cells = [
            str(one["look_closer_from_stage"]),
            f"{one['limit']:,}" if one["limit"] else "none",
            f"{100 * one['lfw']:.1f} %",
            f"{100 * one['fer']:.1f} %",
            f"{one['overlap']:.3f}",
            f"{one['false_boxes_a_frame']:.4f}",
            f"{one['trees_with_face']:,}, {one['trees_without']:,}{most}",
        ]
        rows.append(_bold(cells, one["chosen"]))
    headers = ("stage", "limit", "LFW", "FER-2013", "overlap with LFW's square", "false boxes a frame",
               "trees on LFW frames, without a face (most)")  # fmt: skip
    return table(headers, rows, left=())


def trial_lines(trials: dict[str, Any]) -> list[str]:
    """Return the shapes of `s3` that were trained to the end, from preset-trials.json."""
    rows = [
        _bold([one["fires"], str(one["stem"]), f"{100 * one['accuracy']:.1f} %"], one["chosen"])
        for one in trials["trials"]
    ]
    return table(("fires (squeezed, expanded)", "stem", "accuracy"), rows)


def _bold(cells: list[str], is_chosen: bool) -> list[str]:
    return [f"**{cell}**" for cell in cells] if is_chosen else cells


def budget_lines() -> list[str]:
    """Return what a frame costs, with the networks of the page."""
    facts = read_firmware()
    budgets = frame_budget.recorded_budgets(frame_budget.NETWORKS, facts, frame_budget.FRAMES, None)
    return table(frame_budget.HEADERS, [frame_budget.cells(one) for one in budgets], left=(0, 1))


def kernel_lines(kernels: dict[str, Any]) -> list[str]:
    """Return the default release's operators, from kernels.json."""
    return kernel_report.table(kernel_report.rows_in(kernels))


def model_lines(kernels: dict[str, Any]) -> list[str]:
    """Return each measured model, from kernels.json."""
    return kernel_report.others_table(kernels)


def detector_cost_lines(core: dict[str, Any]) -> list[str]:
    """Return what a run of the detector costs, in millions of instructions, from core-on-chip.json."""
    spent = _spent(core)
    rows = []
    for kind, called in (
        ("none", "{} without a face"),
        ("lfw", "{} with an LFW face of 48 to 100 pixels"),
        ("drawn", "{} with a drawn face"),
        ("golden", "the {} golden pictures"),
    ):
        run = spent["detect", kind]
        followed = spent.get(("follow", kind))
        tracker = "the same: the detector runs on each" if followed is None else f"{followed['mean'] / 1e6:.2f}"
        rows.append((called.format(run["runs"]), f"{run['mean'] / 1e6:.2f}", f"{run['most'] / 1e6:.2f}", tracker))
    return table(("frames", "one run of the detector", "most", "tracker, a frame"), rows)


def core_lines(core: dict[str, Any]) -> list[str]:
    """Return what each step of a frame costs, in instructions of three digits, from core-on-chip.json."""
    spent = _spent(core)
    steps = (
        ("halving a 320x240 frame", ("halve", "320x240")),
        ("finding and following, a frame without a face", ("detect", "none")),
        ("finding and following, a frame with one ([why](../docs/face.md))", ("follow", "lfw")),
        ("crop", ("crop", "found_faces")),
        ("filling the tensor, in the plain layout", ("tensor", "crop")),
        ("calibrating, smoothing, deciding", ("predict", "scores")),
        ("a prediction as a frame of the link, CRC and COBS", ("message", "prediction")),
    )
    rows = [(called, _rounded(spent[step]["mean"]), _rounded(spent[step]["most"])) for called, step in steps]
    return table(("step", "mean", "most"), rows)


def _spent(core: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["step"], row["kind"]): row for row in core["instructions"]}


def _rounded(count: int) -> str:
    return f"{round(count, 3 - len(str(count))):,}"
