"""A frame's cost on the board: where its figures come from, what adds up, when it runs, and what is refused."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from scripts import measure

from microfer.cost.memory import CLOCK_HZ
from microfer.cost.step import steps
from microfer.errors import MicroferError
from microfer.release import MEASUREMENTS, MODEL_FILE, MODELS, default_model
from microfer.studies.chip.firmware_facts import BOARD, MAIN, TRACKER, FirmwareFacts, read_firmware
from microfer.studies.chip.frame_budget import (
    NetworkCost,
    budget,
    cells,
    document,
    frame_steps,
    network_costs,
    read_core,
)
from microfer.studies.chip.kernel_record import ESP_NN, KERNELS_FILE, OWN, read_kernels, record_of
from microfer.studies.chip.timeline import timeline_figure
from microfer.tflite import tflite_file

ROOT = Path(__file__).parents[2]

FACTS = FirmwareFacts(detect_every=4, capture_core=0, device_core=1, frame_px=(320, 240), search_px=(160, 120))
CORE = {
    ("halve", "320x240"): 300, ("follow_without_detector", "lfw"): 30,
    ("detect", "lfw"): 5000, ("detect", "none"): 3000, ("crop", "found_faces"): 200,
    ("tensor", "crop"): 20, ("predict", "scores"): 1, ("message", "prediction"): 5,
}  # fmt: skip
COST = NetworkCost("a-1", OWN, 7000, None, "somewhere")


def sources(folder: Path) -> Path:
    for name in (MAIN, TRACKER, BOARD):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "firmware" / name, folder / name)
    return folder


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_firmwares_own_settings_are_read(tmp_path: Path) -> None:
    facts = read_firmware()
    assert facts.detect_every >= 1
    assert {facts.capture_core, facts.device_core} == {0, 1}
    folder = sources(tmp_path)
    change(folder / TRACKER, f"detect_every = {facts.detect_every};", "detect_every = 7;")
    changed = read_firmware(folder)
    assert changed == replace(facts, detect_every=7)
    assert (facts.halves, replace(facts, frame_px=(160, 120)).halves) == (True, False)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (BOARD, "kTrackerSettings;", "kTrackerSettings{.detect_every = 8};"),
        (MAIN, '{"device",', '{"other",'),
        (TRACKER, "int detect_every =", "int every ="),
        (TRACKER, "detect_every = 4;", "detect_every = 0;"),
    ],
)
def test_a_source_that_says_it_otherwise_is_named(name: str, old: str, new: str, tmp_path: Path) -> None:
    change(sources(tmp_path) / name, old, new)
    with pytest.raises(MicroferError, match=Path(name).name):
        read_firmware(tmp_path)


def test_a_frame_is_what_the_pipeline_does_in_its_order() -> None:
    with_detector = frame_steps(CORE, FACTS, 7000, has_face=True, detects=True)
    assert list(with_detector) == ["halve", "follow", "detect", "crop", "tensor", "network", "predict", "message"]
    between = frame_steps(CORE, FACTS, 7000, has_face=True, detects=False)
    assert set(with_detector) - set(between) == {"detect"}
    assert frame_steps(CORE, FACTS, 7000, has_face=False, detects=True) == {"halve": 300, "detect": 3000, "message": 5}
    small = frame_steps(CORE, replace(FACTS, frame_px=(160, 120)), 7000, has_face=False, detects=True)
    assert "halve" not in small


def test_a_step_that_nobody_counted_is_named() -> None:
    core = {key: value for key, value in CORE.items() if key[0] != "crop"}
    with pytest.raises(MicroferError, match=r"no crop of found_faces.*scripts/measure.py core"):
        frame_steps(core, FACTS, 7000, has_face=True, detects=True)
    with pytest.raises(MicroferError, match="no halve of 640x480"):
        frame_steps(CORE, replace(FACTS, frame_px=(640, 480)), 7000, has_face=False, detects=True)


def test_the_recorded_tracker_costs_what_its_parts_do() -> None:
    core = read_core(MEASUREMENTS / "core-on-chip.json")
    every = read_firmware().detect_every
    parts = core["follow_without_detector", "lfw"] + core["detect", "lfw"] / every
    assert parts == pytest.approx(core["follow", "lfw"], rel=0.01)


def test_frames_follow_each_other_and_the_detector_takes_its_turn() -> None:
    one = budget(CORE, FACTS, COST, frames=6, camera_fps=None)
    assert (one.with_detector, one.between, one.without_face) == (12556, 7556, 3305)
    assert [part.frame for part in one.parts if part.step == "detect"] == [0, 4]
    assert all(first.end == second.start for first, second in zip(one.parts, one.parts[1:], strict=False))
    assert one.parts[-1].end == 2 * 12556 + 4 * 7556
    assert one.mean == 12556 / 4 + 7556 * 3 / 4
    assert one.detector_share == pytest.approx(5000 / 4 / one.mean)
    assert one.to_json()["frames_per_s"] == round(CLOCK_HZ / one.mean, 2)


def test_a_slow_camera_is_waited_for_and_a_fast_one_leaves_frames_out() -> None:
    def starts(period: float) -> list[float]:
        parts = budget(CORE, FACTS, COST, frames=4, camera_fps=CLOCK_HZ / period).parts
        return [part.start for part in parts if part.step == "halve"]

    assert starts(20_000) == pytest.approx([0, 20_000, 40_000, 60_000])
    # After the first frame, which takes 12,556, the second has long come; then each must be waited for.
    assert starts(8_000) == pytest.approx([0, 12_556, 20_112, 27_668])
    assert starts(10_000) == pytest.approx([0, 12_556, 20_112, 30_000])


def test_the_default_release_is_counted_and_a_network_without_a_record_is_estimated(tmp_path: Path) -> None:
    own, other = network_costs("thesis-bn", MEASUREMENTS, tmp_path)
    records = read_kernels(MEASUREMENTS / KERNELS_FILE)
    assert default_model().parent.name in records
    assert own.instructions == records["thesis-bn-1"].instructions[OWN]
    assert (other.kernels, other.error) == (ESP_NN, None)
    record = json.loads((MEASUREMENTS / KERNELS_FILE).read_text())
    (tmp_path / KERNELS_FILE).write_text(json.dumps(record | {"model": "another-1", "others": {}}))
    (estimated,) = network_costs("thesis-bn", tmp_path, tmp_path)
    assert estimated.kernels == ESP_NN
    assert estimated.error is not None
    assert estimated.instructions == pytest.approx(other.instructions, rel=0.02)
    assert "estimated" in " ".join(cells(budget(CORE, FACTS, estimated, 5, None)))


def test_a_record_of_other_operators_is_refused(tmp_path: Path) -> None:
    taken = steps(tflite_file.read(MODELS / "thesis-bn-1" / MODEL_FILE))
    name = read_kernels(MEASUREMENTS / KERNELS_FILE)
    found = record_of("thesis-bn-1", "thesis-bn", taken, MEASUREMENTS / KERNELS_FILE)
    assert found is not None
    assert found.of_kind(None, OWN) == sum(found.of_kind(kind, OWN) for kind in {one[0] for one in found.operators})
    assert found == name[found.name]
    with pytest.raises(MicroferError, match="was counted on other operators"):
        record_of("thesis-bn-1", "thesis-bn", taken[1:], MEASUREMENTS / KERNELS_FILE)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"model": "a"}'])
def test_damaged_records_are_named(content: str, tmp_path: Path) -> None:
    for name in (KERNELS_FILE, "core.json"):
        (tmp_path / name).write_text(content)
    with pytest.raises(MicroferError, match=r"kernels.json is not what scripts/measure.py kernels writes"):
        read_kernels(tmp_path / KERNELS_FILE)
    with pytest.raises(MicroferError, match=r"core.json is not what scripts/measure.py core writes"):
        read_core(tmp_path / "core.json")


def test_the_picture_has_a_panel_for_each_and_says_that_nothing_was_measured_in_time() -> None:
    other = replace(COST, name="b", kernels=ESP_NN, error=0.03)
    ones = [budget(CORE, FACTS, cost, 5, None) for cost in (COST, replace(COST, kernels=ESP_NN), other)]
    figure = timeline_figure(ones, FACTS, None)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[0].startswith("a-1, own kernels: network 0.0 M (counted)")
    assert titles[2] == "b, own kernels: not measured"
    assert "(estimated, ±3 %)" in titles[3]
    assert "no measured times" in figure.get_suptitle()
    assert [text.get_text() for text in figure.axes[0].texts if text.get_text()] == ["1*", "2", "3", "4", "5*"]
    assert document(ones, FACTS, None)["firmware"]["detect_every"] == 4
    with pytest.raises(MicroferError, match="no budget to draw"):
        timeline_figure([], FACTS, None)


def test_the_command_writes_picture_and_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["measure.py", "budget", "thesis-bn", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", arguments)
    measure.main()
    assert capsys.readouterr().out.count("thesis-bn") == 2
    assert (tmp_path / "frame-budget.png").read_bytes().startswith(b"\x89PNG")
    written = json.loads((tmp_path / "frame-budget.json").read_text())
    assert "not measured" in written["unit"]
    assert len(written["budgets"]) == 2
    monkeypatch.setattr(sys, "argv", [*arguments, "--camera-fps", "0"])
    with pytest.raises(SystemExit):
        measure.main()
    assert "0 is not between 0 and 1000" in capsys.readouterr().err
