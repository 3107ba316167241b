"""What is shipped: the model, its card, the figures that the README quotes."""

import hashlib
import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microfer.compress.calibrate import MAX_ECE
from microfer.compress.temperature import natural_floor
from microfer.data.synthetic import synthetic_dataset
from microfer.deploy import model_card, tflite_file
from microfer.deploy.contract_check import check_deployable
from microfer.deploy.metadata import read_metadata
from microfer.deploy.release import default_model
from microfer.model.presets import preset
from microfer.model.saved import read_config
from microfer.model.table import macs, parameters
from microfer.simulate.corruptions import CORRUPTIONS
from microfer.simulate.robustness import CAMERA
from microfer.simulate.runners import has_tflm, open_tflite

ROOT = Path(__file__).parents[2]
FOLDER = default_model().parent


@pytest.fixture(scope="module")
def metrics() -> dict[str, Any]:
    return json.loads((FOLDER / "metrics.json").read_text())  # type: ignore[no-any-return]


def test_the_default_release_can_be_deployed_and_names_its_folder() -> None:
    model = tflite_file.read(default_model())
    check_deployable(model)
    assert read_metadata(model).model_id == FOLDER.name


def test_the_figures_belong_to_the_files_beside_them(metrics: dict[str, Any]) -> None:
    content = default_model().read_bytes()
    assert metrics["sha256"] == hashlib.sha256(content).hexdigest()
    assert metrics["bytes"]["int8"] == len(content)
    parity = json.loads((FOLDER / "parity.json").read_text())
    assert parity["model"]["sha256"] == metrics["sha256"]
    assert parity["passed"]
    assert parity["complete"]
    config, _ = read_config(FOLDER / "float.keras")
    assert config == preset(metrics["preset"])
    assert (metrics["parameters"], metrics["macs"]) == (parameters(config), macs(config))


def test_the_release_keeps_what_was_promised(metrics: dict[str, Any]) -> None:
    assert metrics["int8"]["accuracy"] >= 0.65
    assert metrics["int8"]["count"] == 3_589
    scores, bits = metrics["parity"]["scores"], metrics["parity"]["bits"]
    assert scores["drop_points"] <= 0.5
    assert scores["agreement"] >= 0.98
    assert (bits["equal"], bits["count"]) == (3_589, 3_589)
    pruning = metrics["pruning"]
    assert pruning["sparsity"] >= 0.5
    accuracy = pruning["validation_accuracy"]
    assert accuracy["before"] - accuracy["after"] <= 0.005


def test_the_model_carries_the_calibration_that_its_card_reports(metrics: dict[str, Any]) -> None:
    metadata, calibration = read_metadata(tflite_file.read(default_model())), metrics["calibration"]
    fitted = (calibration["temperature"], calibration["uncertain_below"], calibration["score_floor"])
    assert (metadata.temperature, metadata.uncertain_below, metadata.score_floor) == fitted
    assert metadata.score_floor == natural_floor(metrics["training"]["settings"]["recipe"]["label_smoothing"])
    # Evaluated apart, by LiteRT's reference kernels: the same confidence, image by image.
    assert metrics["int8"]["ece"] == pytest.approx(calibration["after"]["ece"], abs=1e-6)
    assert metrics["int8"]["ece_uncalibrated"] == pytest.approx(calibration["before"]["ece"], abs=1e-3)
    assert calibration["after"]["ece"] < calibration["before"]["ece"]
    assert len(calibration["cross_fits"]) == 10
    assert calibration["cross_fitted"]["ece"]["mean"] <= MAX_ECE


@pytest.mark.parametrize(("more", "expected"), [({}, 0.1), ({"distillation": {"weight": 0.7}}, None)])
def test_the_floor_follows_from_the_labels_unless_a_teacher_taught_too(
    tmp_path: Path, more: dict[str, Any], expected: float | None
) -> None:
    spec = importlib.util.spec_from_file_location("release_command", ROOT / "scripts" / "release.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    settings = {"recipe": {"label_smoothing": 0.1}} | more
    (tmp_path / "run.json").write_text(json.dumps({"settings": settings}))
    assert module._label_smoothing(tmp_path) == expected


def test_the_robustness_report_is_of_the_whole_split_behind_the_firmwares_own_detector(metrics: dict[str, Any]) -> None:
    robustness = metrics["robustness"]
    assert robustness["images"] == 3_589
    assert robustness["accuracy"] == pytest.approx(metrics["int8"]["accuracy"], abs=0.005)
    assert {row["kind"] for row in robustness["rows"]} == {*(one.name for one in CORRUPTIONS), CAMERA}
    assert "firmware" in robustness["camera"]


def test_every_picture_of_the_card_lies_beside_it() -> None:
    for name in re.findall(r"\]\((\w+\.png)\)", (FOLDER / "README.md").read_text()):
        assert (FOLDER / name).stat().st_size < 200_000


def test_the_card_and_the_readme_quote_the_measured_figures(metrics: dict[str, Any]) -> None:
    assert (FOLDER / "README.md").read_text() == model_card.render(metrics)
    readme = (ROOT / "README.md").read_text()
    assert "\n".join(model_card.figures_table(metrics)) in readme


@pytest.mark.skipif(not has_tflm(), reason="tflite-micro has no wheel for this machine")
def test_tflm_gives_the_same_bits_as_the_reference_kernels_on_drawn_faces() -> None:
    faces = synthetic_dataset(4, 0).images
    expected = open_tflite(default_model()).raw(faces)
    np.testing.assert_array_equal(open_tflite(default_model(), "tflm").raw(faces), expected)
    assert len(np.unique(expected, axis=0)) > 20  # the answers differ, so equality says something


@pytest.mark.data
@pytest.mark.slow
def test_the_shipped_model_scores_as_its_card_says_on_a_part_of_public_test(
    fer2013_path: Path, metrics: dict[str, Any]
) -> None:
    from microfer.data import fer2013

    faces = fer2013.load(fer2013_path).split("PublicTest")
    chosen = faces.take(np.sort(np.random.default_rng(0).permutation(len(faces))[:600]))
    scores = open_tflite(default_model(), "optimized").scores(chosen.images)
    accuracy = float((scores.argmax(1) == chosen.labels).mean())
    assert accuracy == pytest.approx(metrics["int8"]["accuracy"], abs=0.05)
