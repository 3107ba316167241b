"""The comparison: what is counted, what is trained again, and what is refused."""

import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.host import forked

from microfer.data.synthetic import synthetic_dataset
from microfer.errors import MicroferError
from microfer.metrics.metrics import mcnemar_p
from microfer.model import networks
from microfer.studies.accuracy import runs, smoke
from microfer.studies.accuracy.runs import Budget, Scored, train
from microfer.studies.accuracy.smoke import Smoke
from microfer.studies.accuracy.table import SHORT, cells, compare, comparison_figure, markdown, short_cells

pytestmark = pytest.mark.tensorflow

ROOT = Path(__file__).parents[2]
LABELS = np.arange(70) % 7
BUDGET = Budget("strong", epochs=3, data=None)


def answers(right: int, first: int = 0) -> Any:
    """Return scores that are right on `right` images, from `first` on."""
    chosen = (LABELS + 1) % 7
    chosen[first : first + right] = LABELS[first : first + right]
    return np.eye(7, dtype=np.float32)[chosen]


def scored(name: str, seed: int | None, right: int, **more: Any) -> Scored:
    return Scored(**{"name": name, "seed": seed, "parameters": 10, "macs": 1000, "floats": answers(right),
                     "ints": answers(right - 7), "int8_bytes": 2048, "seconds": 90.0, **more})  # fmt: skip


def test_a_row_is_the_mean_over_its_seeds() -> None:
    result = compare([scored("a", 0, 35), scored("a", 1, 49), scored("b", 0, 42)], LABELS, "b", BUDGET)
    a, b = result.rows
    assert (a.name, a.seeds, a.accuracy, a.worst_seed, a.best_seed) == ("a", 2, 0.6, 0.5, 0.7)
    assert a.low < 0.6 < a.high
    assert a.drop_points == pytest.approx(10)
    assert (a.seconds, a.int8_bytes) == (90.0, 2048)
    assert b.p is None


def test_mcnemar_compares_runs_of_the_same_seed() -> None:
    first, second = answers(40), answers(40, first=20)
    members = [
        scored("base", 0, 0, floats=first),
        scored("base", 1, 0, floats=second),
        scored("other", 0, 0, floats=second),
        scored("other", 1, 0, floats=second),
    ]
    p = compare(members, LABELS, "base", BUDGET).rows[1].p
    apart = mcnemar_p(first.argmax(1) == LABELS, second.argmax(1) == LABELS)
    assert p == pytest.approx((apart + 1) / 2)  # seed 1 answers as its reference does, so its p is 1


def test_a_network_that_is_not_quantized_has_a_dash() -> None:
    result = compare([scored("a", 0, 35, ints=None, int8_bytes=None)], LABELS, "a", BUDGET)
    assert (result.rows[0].int8_accuracy, result.rows[0].drop_points) == (None, None)
    assert "| - | - | reference | 1.5 |" in markdown(result)[-1]


def test_the_table_says_who_fills_private_test_and_that_drawn_faces_prove_nothing() -> None:
    text = "\n".join(markdown(compare([scored("a", 0, 35)], LABELS, "a", BUDGET)))
    assert "PrivateTest was not used" in text
    assert "DRAWN FACES" in text
    assert "DRAWN" not in "\n".join(
        markdown(compare([scored("a", 0, 35)], LABELS, "a", replace(BUDGET, data=Path("fer2013.csv"))))
    )


def test_a_row_fits_on_a_terminal_of_80_columns() -> None:
    many = scored("mobilenet-v2-small", 0, 35, parameters=28_907_527, macs=716_200_000, int8_bytes=29_000_000)
    row = compare([many, scored("base", 0, 1)], LABELS, "base", BUDGET).rows[0]
    widths = [max(len(cell), len(heading)) for cell, heading in zip(short_cells(row), SHORT, strict=True)]
    assert sum(widths) + 2 * len(widths) <= 80


def test_the_range_of_the_seeds_is_told_where_there_are_several() -> None:
    assert "(38.6 to 61.4)" in cells(compare([scored("a", 0, 35)], LABELS, "a", BUDGET).rows[0])[4]
    two = compare([scored("a", 0, 28), scored("a", 1, 42)], LABELS, "a", BUDGET).rows[0]
    assert "; 40.00 to 60.00)" in cells(two)[4]


def test_json_names_no_path_of_this_computer() -> None:
    document = compare([scored("a", 0, 35)], LABELS, "a", replace(BUDGET, data=Path("/home/me/fer.zip"))).to_json()
    assert document["budget"]["data"] == "fer.zip"
    assert document["rows"][0]["private_test"] is None
    assert json.loads(json.dumps(document)) == document


def test_a_reference_that_was_not_run_is_refused() -> None:
    with pytest.raises(MicroferError, match="'thesis' is not among a; name one with --reference"):
        compare([scored("a", 0, 35)], LABELS, "thesis", BUDGET)


def test_the_figure_names_every_network_in_both_plots() -> None:
    figure = comparison_figure(compare([scored("a", 0, 35), scored("b", 0, 30)], LABELS, "a", BUDGET), "title")
    assert [[text.get_text() for text in axes.texts] for axes in figure.axes] == [["a", "b"]] * 2


def write_run(folder: Path, name: str, *, finished: bool, epochs: int = 3, recipe: str = "strong") -> None:
    folder.mkdir(parents=True)
    settings = {
        "network": networks.to_json(networks.network(name)),
        "seed": 0,
        "recipe": {"name": recipe, "epochs": epochs},
    }
    (folder / "run.json").write_text(json.dumps({"settings": settings} | ({"epochs": epochs} if finished else {})))
    (folder / "last.npz").write_bytes(b"a checkpoint")


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What train.py is called with, in place of training."""
    seen: list[list[str]] = []

    def run(command: list[str], **_: Any) -> Any:
        seen.append(command)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(runs.subprocess, "run", run)
    return seen


def test_a_finished_run_is_not_trained_again(tmp_path: Path, commands: list[list[str]]) -> None:
    write_run(tmp_path / "mini-xception-0", "mini-xception", finished=True)
    assert train("mini-xception", 0, BUDGET, tmp_path) == tmp_path / "mini-xception-0"
    assert commands == []


def test_a_stopped_run_goes_on_and_a_new_one_begins(tmp_path: Path, commands: list[list[str]]) -> None:
    write_run(tmp_path / "mini-xception-0", "mini-xception", finished=False)
    train("mini-xception", 0, BUDGET, tmp_path)
    train("mini-xception", 1, BUDGET, tmp_path)
    assert ["--resume" in command for command in commands] == [True, False]
    assert commands[1][commands[1].index("--seed") + 1] == "1"


@pytest.mark.parametrize("other", [{"epochs": 5}, {"recipe": "thesis"}])
def test_a_run_of_another_budget_is_not_mixed_in(
    tmp_path: Path, commands: list[list[str]], other: dict[str, Any]
) -> None:
    write_run(tmp_path / "mini-xception-0", "mini-xception", finished=True, **other)
    with pytest.raises(MicroferError, match=r"holds another run .*choose another --out"):
        train("mini-xception", 0, BUDGET, tmp_path)
    assert commands == []


def test_a_training_that_fails_names_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs.subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=2))
    with pytest.raises(MicroferError, match=r"mini-xception, seed 0, was not trained \(status 2"):
        train("mini-xception", 0, BUDGET, tmp_path)


def test_ctrl_c_in_a_training_stops_the_comparison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs.subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=130))
    with pytest.raises(KeyboardInterrupt):
        train("mini-xception", 0, BUDGET, tmp_path)


def test_kept_scores_of_other_weights_or_images_are_not_used(tmp_path: Path) -> None:
    kept = tmp_path / "scores.npz"
    np.savez(kept, key=np.array("one"), floats=answers(3))
    assert runs._kept(kept, "other") is None
    np.testing.assert_array_equal(runs._kept(kept, "one")["floats"], answers(3))  # type: ignore[index]
    kept.write_bytes(kept.read_bytes()[:50])
    with pytest.raises(MicroferError, match="is damaged"):
        runs._kept(kept, "one")
    model, images = tmp_path / "a.keras", synthetic_dataset(1, 0)
    model.write_bytes(b"weights")
    keys = {
        runs._key(model, images, True),
        runs._key(model, images, False),
        runs._key(model, images.take(images.labels > 0), True),
    }
    model.write_bytes(b"other weights")
    assert len(keys | {runs._key(model, images, True)}) == 4


def test_keras_macs_are_those_of_the_table() -> None:
    pytest.importorskip("keras", reason="Keras is not installed (requirements/train.lock)")
    from microfer.model.build import build
    from microfer.model.table import macs

    for name in ("thesis-bn", "mini-xception", "mobilenet-v2"):
        assert runs.keras_macs(build(networks.network(name))) == macs(networks.network(name))


def test_a_smoke_run_is_one_epoch_on_few_images_in_a_folder_of_its_own(
    tmp_path: Path, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "smoke" / "nano-0"
    write_run(folder, "nano", finished=True, epochs=1)
    record = json.loads((folder / "run.json").read_text())
    record["settings"]["training_images"] = 64
    (folder / "run.json").write_text(json.dumps(record | {"seconds": 2.5}))
    (folder / "history.csv").write_text("epoch,loss,accuracy\n1,1.75,0.25\n")
    model = SimpleNamespace(layers=[], count_params=lambda: 99)
    monkeypatch.setattr(smoke.saved, "load", lambda _: (model, None))
    monkeypatch.setattr(smoke, "choose_backend", lambda: None)
    assert smoke.smoke("nano", BUDGET, 64, tmp_path) == Smoke("nano", 99, 0, 64, 1.75, 2.5)
    assert commands == []
    (folder / "run.json").unlink()
    with pytest.raises(MicroferError, match=r"cannot read .*run.json"):
        smoke.smoke("nano", BUDGET, 64, tmp_path)  # nothing was trained here: the command is a fake
    (begun,) = commands
    assert begun[begun.index("--epochs") + 1 : begun.index("--epochs") + 2] == ["1"]
    assert begun[begun.index("--limit") + 1] == "64"


def test_smoke_runs_have_a_table_of_their_own_without_an_accuracy() -> None:
    assert smoke.markdown([]) == []
    text = "\n".join(smoke.markdown([Smoke("vgg16", 28_902_215, 1_300_000_000, 512, 2.5, 61.2)]))
    assert "| vgg16 | 28,902,215 | 1300.0 | 512 | 2.50 | 61 |" in text
    assert "need a GPU" in text
    assert "%" not in text


@pytest.mark.slow
@pytest.mark.skipif(not (find_spec("torch") and find_spec("tensorflow")), reason="torch or tensorflow is missing")
def test_a_tiny_comparison_from_training_to_table_is_quick_the_second_time(tmp_path: Path) -> None:
    options = ["--synthetic", "--limit", "140", "--epochs", "1", "--presets", "mini-xception", "nano"]
    options += ["--smoke", "s3", "--smoke-images", "70"]
    options += ["--reference", "nano", "--out", str(tmp_path), "--json"]
    first, second = (forked.run("host/microfer", "compare", *options, backend="torch") for _ in range(2))
    assert first.returncode == 0, first.stderr
    document = json.loads(first.stdout)
    assert [row["name"] for row in document["rows"]] == ["mini-xception", "nano"]
    assert all(row["int8_bytes"] > 50_000 and row["seconds"] > 0 for row in document["rows"])
    assert [(one["name"], one["images"], one["parameters"]) for one in document["smoke"]] == [("s3", 70, 349_831)]
    assert document["smoke"][0]["loss"] > 0
    assert json.loads(second.stdout) == document
    assert "epoch   1/1" not in second.stderr  # nothing was trained again
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "compare.json", "compare.md", "compare.png", "mini-xception-0", "nano-0", "smoke",
    ]  # fmt: skip
