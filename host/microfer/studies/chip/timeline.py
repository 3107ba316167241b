"""The frame budget as a picture: what both cores do, frame after frame."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from microfer.cost.memory import CLOCK_HZ
from microfer.errors import MicroferError
from microfer.metrics.plots import BLUE, FAINT, GRID, INK, ORANGE, plain
from microfer.studies.chip.firmware_facts import FirmwareFacts
from microfer.studies.chip.frame_budget import Budget, Part
from microfer.studies.chip.kernel_record import KERNELS

GREEN = "#5b9a6f"
PURPLE = "#8a6fb3"

COLOURS = {"halve": GREEN, "detect": ORANGE, "crop": PURPLE, "network": BLUE}
TITLES = {"halve": "halve the frame", "detect": "find the face", "crop": "cut it out", "network": "network"}
OTHERS = "follow the face, tensor, scores, message"

LANE = 0.62


def timeline_figure(budgets: Sequence[Budget], facts: FirmwareFacts, camera_fps: float | None) -> Figure:
    """Draw a panel for each budget: a row for each network, a column for each kernels, all of a column to one scale.

    Raises:
        MicroferError: there is nothing to draw.
    """
    columns = [one for one in KERNELS if any(budget.cost.kernels == one for budget in budgets)]
    names = list(dict.fromkeys(budget.cost.name for budget in budgets))
    if not columns:
        raise MicroferError("there is no budget to draw: name at least one network")
    figure = Figure(figsize=(6.9 * len(columns), 1.55 + 1.6 * len(names)), layout="constrained", facecolor="white")
    frames = budgets[0].parts[-1].frame + 1
    figure.suptitle(
        f"{frames} frames with a face, at one instruction a cycle and {CLOCK_HZ // 1_000_000} MHz: "
        "instructions, no measured times",
        x=0.01, ha="left", color=INK, fontsize=13, fontweight="bold",
    )  # fmt: skip
    grid = figure.subplots(len(names), len(columns), squeeze=False, sharex="col")
    for column, kernels in enumerate(columns):
        for row, name in enumerate(names):
            found = [one for one in budgets if (one.cost.name, one.cost.kernels) == (name, kernels)]
            if found:
                _panel(grid[row][column], found[0], facts, camera_fps)
            else:
                _empty(grid[row][column], f"{name}, {KERNELS[kernels]}: not measured")
        longest = max(one.parts[-1].end for one in budgets if one.cost.kernels == kernels)
        grid[0][column].set_xlim(0, 1.01 * _ms(longest))
        grid[-1][column].set_xlabel("milliseconds, each column to a scale of its own")
    camera = "A new frame is always waiting." if camera_fps is None else f"The camera gives {camera_fps:g} a second."
    patches = [Patch(color=COLOURS[step], label=title) for step, title in TITLES.items()]
    patches.append(Patch(color=FAINT, label=OTHERS))
    patches.append(Patch(facecolor="white", edgecolor=FAINT, hatch="////", label="camera's task: not counted"))
    figure.legend(
        handles=patches, loc="outside lower left", ncols=6, frameon=False, fontsize=9, alignment="left",
        title=f"* the detector runs, on one frame of {facts.detect_every}. {camera} "
        "Without caches and waiting for memory.", title_fontsize=9,
    )  # fmt: skip
    return figure


def _panel(axes: Axes, one: Budget, facts: FirmwareFacts, camera_fps: float | None) -> None:
    device, camera = float(facts.device_core), float(facts.capture_core)
    end = one.parts[-1].end
    axes.barh(camera, _ms(end), LANE, facecolor="white", edgecolor=GRID, hatch="////", zorder=2)
    for part in one.parts:
        axes.barh(device, _ms(part.end - part.start), LANE, left=_ms(part.start),
                  color=COLOURS.get(part.step, FAINT), zorder=2)  # fmt: skip
    for frame in range(one.parts[-1].frame + 1):
        _mark(axes, [part for part in one.parts if part.frame == frame], device, camera)
    if camera_fps is not None:
        arrivals = range(int(end * camera_fps / CLOCK_HZ) + 1)
        axes.plot([1e3 * arrival / camera_fps for arrival in arrivals], [camera] * len(arrivals), "|", color=INK,
                  markersize=14, zorder=4)  # fmt: skip
    how = "counted" if one.cost.error is None else f"estimated, ±{100 * one.cost.error:.0f} %"
    axes.set_title(
        f"{one.cost.name}, {KERNELS[one.cost.kernels]}: network {one.cost.instructions / 1e6:.1f} M ({how}), "
        f"frame {one.between / 1e6:.1f} or {one.with_detector / 1e6:.1f} M",
        loc="left", fontsize=10, color=INK,
    )  # fmt: skip
    _finish(axes, facts)


def _mark(axes: Axes, parts: list[Part], device: float, camera: float) -> None:
    """Draw where a frame is handed over, and its number where the frame is wide enough."""
    begin = _ms(parts[0].start)
    up = 1 if device > camera else -1
    arrow = {"arrowstyle": "->", "color": INK, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (begin, device - up * LANE / 2), (begin, camera), zorder=5, arrowprops=arrow)
    name = f"{parts[0].frame + 1}" + ("*" if any(part.step == "detect" for part in parts) else "")
    axes.annotate(name, (begin, device + up * LANE / 2), xytext=(1, 2), textcoords="offset points", fontsize=8,
                  color=INK, va="bottom")  # fmt: skip
    axes.plot([begin] * 2, [device - LANE / 2, device + LANE / 2], color="white", linewidth=1.2, zorder=3)


def _empty(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=10, color=FAINT)
    axes.set_axis_off()


def _finish(axes: Axes, facts: FirmwareFacts) -> None:
    plain(axes)
    axes.grid(visible=False, axis="y")
    axes.set_ylim(-0.55, 1.75)
    cores = [(facts.capture_core, "camera"), (facts.device_core, "all else")]
    axes.set_yticks([core for core, _ in cores], [f"core {core}: {what}" for core, what in cores], fontsize=9)
    axes.tick_params(labelbottom=True, labelsize=9)


def _ms(instructions: float) -> float:
    return 1e3 * instructions / CLOCK_HZ
