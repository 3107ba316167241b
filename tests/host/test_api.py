"""`import microfer` in a program of one's own: the example of docs/api.md, and each of the five things."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from tests.host.fake_board import HELLO, FakeBoard, prediction

import microfer
from microfer.api import _of
from microfer.pictures.pictures import astronaut_path
from microfer.viewer.view_model import labels_for

ROOT = Path(__file__).resolve().parents[2]


def test_the_example_of_the_page_runs(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(astronaut_path(), tmp_path / "me.jpg")  # a PNG, which its name does not change
    shutil.copy(tiny, tmp_path / "mine.tflite")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MICROFER_MODEL", "mine.tflite")
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "api.md").read_text(), re.DOTALL)
    with FakeBoard() as board:
        exec(code.replace("socket://127.0.0.1:5333", board.port), {})  # noqa: S102 - the page of this repository
    face, *seen, cost, verdict = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"\(\d+, \d+, \d+, \d+\) (uncertain|[a-z]+) \d+%", face)
    assert len(seen) == 100
    assert re.fullmatch(r"[\d.]+ million instructions, \d+ KiB of arena", cost)
    assert verdict == "passed"


def test_importing_it_imports_nothing_heavy_and_type_checkers_know_every_name() -> None:
    program = f"import sys; sys.path.insert(0, {str(ROOT / 'host')!r}); import microfer; print(microfer.__version__)"
    done = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == microfer.__version__
    assert all(hasattr(microfer, name) for name in microfer.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        microfer.nothing  # noqa: B018


def test_a_crop_and_pixels_are_classified_as_files_are(tiny: Path) -> None:
    model = microfer.load_model(tiny)
    assert model.model_id == "tiny-test-1"
    crop = np.arange(48 * 48, dtype=np.uint16).reshape(48, 48).astype(np.uint8)
    found = model.classify_crop(crop)
    assert list(found.probabilities) == list(microfer.LABELS)
    assert found.confidence == max(found.probabilities.values())
    assert sum(found.probabilities.values()) == pytest.approx(1, abs=1e-3)
    assert model.classify(np.zeros((120, 160, 3), np.uint8)) == ()
    with pytest.raises(microfer.MicroferError, match=r"expected pixels uint8.*got float64 \(48, 48\)"):
        model.classify(np.zeros((48, 48)))


def test_a_board_gives_its_predictions_in_order() -> None:
    with FakeBoard(frames=3) as board, microfer.open_board(board.port) as predictions:
        seen = list(islice(predictions, 3))
    first = prediction(seen[0].frame)
    assert [one.frame for one in seen] == list(range(first.frame, first.frame + 3))
    assert seen[0].box == (first.face_x_px, first.face_y_px, first.face_width_px, first.face_height_px)
    assert seen[0].label == microfer.LABELS[first.label]
    assert seen[0].probabilities[seen[0].label] == first.smoothed_q16[first.label] / 65536


def test_what_is_missing_is_named() -> None:
    with pytest.raises(microfer.MicroferError, match=r"nothing\.tflite"):
        microfer.load_model("nothing.tflite")
    with pytest.raises(microfer.MicroferError, match=r"nothing\.tflite"):
        microfer.estimate("nothing.tflite")
    with pytest.raises(microfer.MicroferError, match="connection refused"):
        microfer.open_board("socket://127.0.0.1:1").__enter__()


def test_a_board_with_classes_of_its_own_gives_their_names() -> None:
    hello = replace(HELLO, labels="no,yes,perhaps")
    answers = [replace(prediction(n, label=1), classes=3) for n in range(2)]
    assert [_of(one, labels_for(one.classes, hello)).label for one in answers] == ["yes", "yes"]
    assert list(_of(answers[0], labels_for(3, hello)).probabilities) == ["no", "yes", "perhaps"]
