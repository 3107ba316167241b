"""What each frame costs on the board, step by step, from figures that other commands recorded, and who does it when.

Figures are instructions. Times are those instructions at one a cycle: a floor, which nobody measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from microfer.cost.estimate import estimate
from microfer.cost.memory import CLOCK_HZ
from microfer.cost.step import steps
from microfer.errors import MicroferError
from microfer.files import read_bytes
from microfer.json_reader import parse
from microfer.model.networks import network
from microfer.release import MEASUREMENTS, WORK
from microfer.studies.accuracy.recorded import releases
from microfer.studies.chip.firmware_facts import FirmwareFacts
from microfer.studies.chip.kernel_record import ESP_NN, KERNELS, KERNELS_FILE, record_of
from microfer.tflite import tflite_file

SCHEMA = "microfer.frame-budget/1"
CORE_FILE = "core-on-chip.json"
UNTRAINED = WORK / "runs" / "s3"
"""The folder of untrained networks."""

NETWORKS = ("thesis-bn", "s3", "nano")
FRAMES = 5
"""Which networks' frames docs/s3-presets.md shows, and how many of them its picture."""

FACE, NO_FACE = "lfw", "none"
"""Which frames of CORE_FILE stand for a face in sight, and for none."""


@dataclass(frozen=True)
class NetworkCost:
    """Instructions of one inference, everything around the operators included where they were counted.

    name: the preset's or the release's. kernels: a key of KERNELS. error: of an estimate, a share; None where counted.
    source: the file or the command that says so.
    """

    name: str
    kernels: str
    instructions: int
    error: float | None
    source: str


@dataclass(frozen=True)
class Part:
    """One step of one frame, done by the device's core. start, end: instructions since the first frame was taken."""

    frame: int
    step: str
    start: float
    end: float


def network_costs(name: str, measurements: Path, cache: Path) -> list[NetworkCost]:
    """Return what a network or release costs with each kernels: counted where kernels.json has it.

    Where it has not, there is the cost model's estimate for ESP-NN alone. cache: folder of untrained networks.

    Raises:
        MicroferError: the name is unknown, a record is damaged or of another network, or TensorFlow is missing.
    """
    path, release = find_model(name, cache)
    model = tflite_file.read(path)
    shown = release or name
    record = record_of(release, name, steps(model), measurements / KERNELS_FILE)
    if record is not None:
        source = f"{KERNELS_FILE}, {record.name}"
        return [NetworkCost(shown, kernels, record.instructions[kernels], None, source) for kernels in KERNELS]
    one = estimate(model)
    source = "cost model, microfer profile"
    return [NetworkCost(shown, ESP_NN, round(one.instructions), round(one.error, 4), source)]


def find_model(name: str, cache: Path) -> tuple[Path, str | None]:
    """Return the .tflite of a release and the release's name, or of an untrained preset and None.

    Raises:
        MicroferError: the name is unknown, or TensorFlow is missing to make an untrained one.
    """
    released = releases().get(name)
    if released is not None:
        return released.path, released.path.parent.name
    config = network(name)
    from microfer.studies.chip.untrained import untrained_tflite

    return untrained_tflite(config, cache), None


def read_core(path: Path) -> dict[tuple[str, str], int]:
    """Return (step, kind of input) -> mean instructions, as scripts/measure.py core recorded them.

    Raises:
        MicroferError: the file is missing, or no such record.
    """
    try:
        rows = parse(read_bytes(path))["instructions"]
        return {(row["step"], row["kind"]): int(row["mean"]) for row in rows}
    except (KeyError, TypeError, ValueError) as error:
        raise MicroferError(f"{path} is not what scripts/measure.py core writes: {error!r}") from error


def frame_steps(
    core: Mapping[tuple[str, str], int], facts: FirmwareFacts, inference: int, *, has_face: bool, detects: bool
) -> dict[str, int]:
    """Return step -> instructions of one frame, in the order of firmware/lib/pipeline/pipeline.cc.

    Raises:
        MicroferError: a step was not recorded.
    """
    size = f"{facts.frame_px[0]}x{facts.frame_px[1]}"
    found = {"halve": _cost(core, "halve", size)} if facts.halves else {}
    if not has_face:
        found["detect"] = _cost(core, "detect", NO_FACE)
        found["message"] = _cost(core, "message", "prediction")
        return found
    # The face is followed first, on every frame: only then the detector may correct it.
    found["follow"] = _cost(core, "follow_without_detector", FACE)
    if detects:
        found["detect"] = _cost(core, "detect", FACE)
    found["crop"] = _cost(core, "crop", "found_faces")
    found["tensor"] = _cost(core, "tensor", "crop")
    found["network"] = inference
    found["predict"] = _cost(core, "predict", "scores")
    found["message"] = _cost(core, "message", "prediction")
    return found


def _cost(core: Mapping[tuple[str, str], int], step: str, kind: str) -> int:
    if (step, kind) not in core:
        raise MicroferError(f"{CORE_FILE} has no {step} of {kind}: measure it with scripts/measure.py core")
    return core[step, kind]


@dataclass(frozen=True)
class Budget:
    """A network's frames. parts: of so many frames with a face, one after the other. The rest in instructions."""

    cost: NetworkCost
    parts: tuple[Part, ...]
    with_detector: int
    between: int
    without_face: int
    detect_every: int

    @property
    def mean(self) -> float:
        """Of a frame with a face, over the detector's turn."""
        return (self.with_detector + (self.detect_every - 1) * self.between) / self.detect_every

    @property
    def detector_share(self) -> float:
        """Of all the work while a face is in sight."""
        return (self.with_detector - self.between) / self.detect_every / self.mean

    def to_json(self) -> dict[str, Any]:
        """Return plain values; rates are at one instruction a cycle."""
        return asdict(self) | {
            "mean": round(self.mean),
            "detector_share": round(self.detector_share, 4),
            "frames_per_s": round(CLOCK_HZ / self.mean, 2),
            "frames_per_s_without_face": round(CLOCK_HZ / self.without_face, 2),
        }


def budget(
    core: Mapping[tuple[str, str], int], facts: FirmwareFacts, cost: NetworkCost, frames: int, camera_fps: float | None
) -> Budget:
    """Return what a network's frames cost and when each step runs.

    camera_fps: frames a second that the camera gives, of which the newest is taken; None where one always waits.
    """
    kinds = [
        frame_steps(core, facts, cost.instructions, has_face=has_face, detects=detects)
        for has_face, detects in ((True, True), (True, False), (False, True))
    ]
    with_detector, between, without_face = (sum(one.values()) for one in kinds)
    parts: list[Part] = []
    now, last = 0.0, -1
    for frame in range(frames):
        if camera_fps is not None:
            period = CLOCK_HZ / camera_fps
            # Rounding must not make a frame that has just come one that is still to come.
            last = max(last + 1, int(now / period + 1e-9))
            now = max(now, last * period)
        for step, instructions in kinds[0 if frame % facts.detect_every == 0 else 1].items():
            parts.append(Part(frame, step, now, now + instructions))
            now += instructions
    return Budget(cost, tuple(parts), with_detector, between, without_face, facts.detect_every)


def recorded_budgets(
    names: Sequence[str], facts: FirmwareFacts, frames: int, camera_fps: float | None, cache: Path = UNTRAINED
) -> list[Budget]:
    """Return the networks' budgets by what is on record in measurements/.

    Raises:
        MicroferError: as `network_costs` and `read_core`.
    """
    core = read_core(MEASUREMENTS / CORE_FILE)
    costs = [cost for name in names for cost in network_costs(name, MEASUREMENTS, cache)]
    return [budget(core, facts, cost, frames, camera_fps) for cost in costs]


HEADERS = (
    "network",
    "computed by",
    "network, instructions",
    "frame with the detector, ms",
    "frame between, ms",
    "frames a second",
    "of that the detector",
    "without a face, frames a second",
)


def cells(one: Budget) -> tuple[str, ...]:
    """Return a budget's row, one text for each of HEADERS."""
    how = "counted" if one.cost.error is None else f"±{100 * one.cost.error:.0f} %, estimated"
    return (
        one.cost.name,
        KERNELS[one.cost.kernels],
        f"{one.cost.instructions / 1e6:.2f} M, {how}",
        f"{1e3 * one.with_detector / CLOCK_HZ:.1f}",
        f"{1e3 * one.between / CLOCK_HZ:.1f}",
        f"{CLOCK_HZ / one.mean:.1f}",
        f"{100 * one.detector_share:.0f} %",
        f"{CLOCK_HZ / one.without_face:.0f}",
    )


def document(budgets: Sequence[Budget], facts: FirmwareFacts, camera_fps: float | None) -> dict[str, Any]:
    """Return everything as JSON values, `schema` first."""
    return {
        "schema": SCHEMA,
        "unit": "instructions; at one a cycle a floor of the time, which was not measured",
        "clock_hz": CLOCK_HZ,
        "not_counted": "the camera's task, the link's driver, interrupts, caches, waiting for memory",
        "firmware": asdict(facts),
        "camera_frames_per_s": camera_fps,
        "budgets": [one.to_json() for one in budgets],
    }
