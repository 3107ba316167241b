"""The whole way on drawn faces, through the commands that a user types: train, prune, quantize, export."""

import hashlib
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.host.board_client import BoardClient, has_compiler

from microfer.errors import MicroferError
from microfer.publish.pages import Part
from microfer.virtual_board.virtual_board import BoardSettings, VirtualBoard

pytestmark = pytest.mark.tensorflow

ROOT = Path(__file__).parents[2]


def microfer(verb: str, *options: object) -> str:
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "", "COLUMNS": "200"}
    process = subprocess.run(
        [sys.executable, str(ROOT / "host" / "microfer"), verb, *map(str, options)],
        env=environment,
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("tensorflow"), reason="TensorFlow is not installed (requirements/train.lock)")
def test_a_network_goes_from_drawn_faces_to_a_c_array(tmp_path: Path) -> None:
    run, pruned, int8, generated = (tmp_path / name for name in ("run", "pruned", "int8", "generated"))
    small = ("--synthetic", "--limit", 256)
    microfer("train", *small, "--preset", "nano", "--epochs", 2, "--out", run)
    report = json.loads(
        microfer("prune", run / "best.keras", *small, "--epochs", 2, "--sparsity", 0.6, "--out", pruned, "--json")
    )
    assert report["sparsity"] >= 0.6
    assert report["float32_gzip_bytes"]["after"] < 0.7 * report["float32_gzip_bytes"]["before"]
    assert report["float32_bytes"]["after"] == report["float32_bytes"]["before"]
    limits = ("--max-drop", -100, "--min-agreement", 1)  # not judged on drawn faces
    options = ("--synthetic", "--model-id", "drawn-1", "--images", 70, *limits, "--out", int8, "--json")
    report = json.loads(microfer("quantize", pruned / "best.keras", *options))
    assert report["bytes"]["int8"] < report["bytes"]["float32"] / 3
    assert report["bytes"]["int8"] == (int8 / "model.tflite").stat().st_size
    microfer("export", int8 / "model.tflite", "--out", generated)
    assert '"drawn-1"' in (generated / "contract.h").read_text()
    assert "kGoldenScoresKnown = true" in (generated / "golden.h").read_text()

    # The same from the run alone, and from there to a board that says whose network it runs.
    options = (run, "--images", 70, "--limit", 70, "--out", generated, "--json")
    assert json.loads(microfer("export", *options))["model_id"] == "run"
    made = run / "model.tflite"
    assert (run / "parity.json").is_file()
    before = made.stat().st_mtime_ns
    microfer("export", *options)
    assert made.stat().st_mtime_ns == before, "what was made from the same network and data was made again"
    if has_compiler():
        with VirtualBoard(BoardSettings(model=made)) as board, BoardClient(board.url) as client:
            hello = client.hello()
            assert hello.model_sha256 == hashlib.sha256(made.read_bytes()).digest()
            assert hello.self_test_equal == hello.self_test_total > 0


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("tf_keras"), reason="tf_keras is not installed (requirements/train.lock)")
def test_training_speed_is_measured_beside_its_peer() -> None:
    document = json.loads(microfer("benchmark-training", "--preset", "nano", "--steps", 2, "--json"))
    ways = [row["way"] for row in document["results"]]
    assert ways[0] == document["peer"]
    assert "microfer, TensorFlow float32" in ways
    assert document["results"][0]["ratio"] == 1
    assert all(row["images_per_second"] > 0 for row in document["results"])


def test_a_faster_way_than_the_peers_was_measured() -> None:
    document = json.loads((ROOT / "measurements" / "training-speed.json").read_text())
    ours = [row["ratio"] for row in document["results"][1:]]
    assert max(ours) > 1


def test_a_block_of_figures_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- figures: by a script -->\nold\n<!-- end of figures -->\nafter\n")
    assert Part(page, "figures", lambda: ["| 1 |", "| 2 |"]).write()
    last = Part(page, "figures", lambda: ["| 3 |"])
    assert not last.is_current()
    assert last.write()
    assert last.is_current()
    assert page.read_text() == "before\n<!-- figures: by a script -->\n| 3 |\n<!-- end of figures -->\nafter\n"


def test_a_page_without_the_block_is_named(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("nothing here\n")
    with pytest.raises(MicroferError, match=r"page\.md has 0 blocks named 'figures'"):
        Part(tmp_path / "page.md", "figures", list).write()
