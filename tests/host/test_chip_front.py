"""Accuracy against cost on the chip: where accuracies come from, what is on the front, and what is drawn."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from microfer.cli import compare_s3
from microfer.errors import MicroferError
from microfer.studies.accuracy import recorded as accuracies
from microfer.studies.accuracy.recorded import Accuracy, read_results, releases
from microfer.studies.accuracy.table import SCHEMA
from microfer.studies.chip.front import front, front_figure
from microfer.studies.chip.networks import NARROW_HEADERS, Row, cells, notes, rows_table

ROOT = Path(__file__).parents[2]


def row(name: str, *found: Accuracy, millions: float = 10, **more: Any) -> Row:
    values = {
        "name": name, "accuracies": found, "weight_kib": 342.0, "flash_kib": 385.0, "arena_kib": 144.0,
        "arena_in": "internal RAM", "macs": 17_000_000, "instructions": int(millions * 1e6), "error": 0.02,
        "milliseconds": (56.6, 67.9), "findings": 0,
    }  # fmt: skip
    return Row(**{**values, **more})


def released(value: float) -> Accuracy:
    return Accuracy(value, "a-1", is_released=True)


def short(value: float) -> Accuracy:
    return Accuracy(value, "recipe strong, 8 epochs", is_released=False)


def comparison(**changes: Any) -> dict[str, Any]:
    budget = {"recipe": "strong", "epochs": 8, "data": "fer.zip", "limit": None}
    rows = [{"name": "nano", "int8_accuracy": 0.5}, {"name": "resnet50", "int8_accuracy": None}]
    return {"schema": SCHEMA, "budget": budget | changes.pop("budget", {}), "rows": rows} | changes


def written(folder: Path, document: Any) -> Path:
    path = folder / "compare.json"
    path.write_text(json.dumps(document))
    return path


def release(models: Path, folder: str, preset: str, accuracy: float) -> None:
    (models / folder).mkdir(parents=True)
    (models / folder / "metrics.json").write_text(json.dumps({"preset": preset, "int8": {"accuracy": accuracy}}))
    (models / folder / accuracies.MODEL_FILE).write_bytes(b"")


def test_the_front_holds_what_nothing_cheaper_equals() -> None:
    points = [(3.0, 0.6), (1.0, 0.5), (2.0, 0.5), (2.0, 0.55), (4.0, 0.6), (5.0, 0.7)]
    assert front(points) == [(1.0, 0.5), (2.0, 0.55), (3.0, 0.6), (5.0, 0.7)]
    assert front([]) == []


def test_a_presets_name_is_its_newest_release_and_others_have_their_own(tmp_path: Path) -> None:
    for folder, accuracy in (("a-9", 0.6), ("a-10", 0.61), ("a-narrow-1", 0.59)):
        release(tmp_path, folder, "a", accuracy)
    (tmp_path / "unfinished").mkdir()
    found = releases(tmp_path)
    assert {name: one.accuracy.value for name, one in found.items()} == {"a": 0.61, "a-9": 0.6, "a-narrow-1": 0.59}
    assert found["a"].path.parent.name == "a-10"


def test_metrics_that_are_not_a_releases_are_named(tmp_path: Path) -> None:
    release(tmp_path, "a-1", "a", 0.6)
    (tmp_path / "a-1" / "metrics.json").write_text("{}")
    with pytest.raises(MicroferError, match=r"a-1/metrics.json is not a release's"):
        releases(tmp_path)


def test_a_comparison_gives_int8_accuracies_with_its_budget(tmp_path: Path) -> None:
    assert read_results(written(tmp_path, comparison())) == {"nano": Accuracy(0.5, "recipe strong, 8 epochs", False)}
    limited = read_results(written(tmp_path, comparison(budget={"limit": 300})))
    assert limited["nano"].source == "recipe strong, 8 epochs, 300 images of each split"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (comparison(budget={"data": "drawn faces"}), "says nothing about real ones"),
        (comparison(schema="other/1"), "has the schema 'other/1'"),
        ({"schema": SCHEMA}, "is not what microfer compare writes"),
        ([], "is not what microfer compare writes"),
    ],
)
def test_a_file_that_is_no_comparison_of_real_faces_is_refused(document: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(MicroferError, match=message):
        read_results(written(tmp_path, document))


def test_each_budget_is_drawn_with_a_front_of_its_own_and_nothing_without_an_accuracy() -> None:
    rows = [row("long", released(0.7), millions=34), row("short", short(0.5)), row("dear", short(0.4), millions=20)]
    figure = front_figure([*rows, row("unknown")])
    names = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert names == [["long", "short", "dear"]] * 3
    rings = [len(points.get_offsets()) for points in figure.axes[0].collections]
    assert rings == [1, 1, 2, 1]  # the released one and its ring, both of the comparison, and a ring on the better
    (legend,) = figure.legends
    assert "Without a recorded accuracy: unknown." in legend.get_title().get_text()
    assert "all trained alike: recipe strong, 8 epochs" in [text.get_text() for text in legend.get_texts()]


def test_no_accuracy_at_all_is_no_picture() -> None:
    with pytest.raises(MicroferError, match="none of these networks has an accuracy to draw"):
        front_figure([row("unknown")])


def test_a_comparisons_accuracy_is_marked_and_the_release_goes_first() -> None:
    assert cells(row("a", released(0.675), short(0.5)))[1] == "67.5 %"
    assert cells(row("a", short(0.571)))[1] == "57.1 %*"
    assert cells(row("a"))[1] == ""
    lines = notes([row("a", short(0.571)), row("b")])
    assert "* not a release, but of a comparison: recipe strong, 8 epochs." in lines
    assert "No accuracy was recorded of b." in lines


def test_the_table_fits_80_columns_uncut() -> None:
    widest = {"arena_in": "PSRAM", "weight_kib": 1304.0, "arena_kib": 362.0, "milliseconds": (143.0, 674.0)}
    rows = [row("squeezenet-bypass", short(0.571), millions=128.7, findings=11, **widest), row("nano")]
    out = io.StringIO()
    Console(file=out, width=80).print(rows_table(rows))
    assert "…" not in out.getvalue()
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert " ".join(cells(rows[0])).split() in lines
    assert len(lines) == len(rows) + max(header.count("\n") + 1 for header in NARROW_HEADERS)


def test_the_command_draws_a_released_network_and_says_what_it_leaves_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results = written(tmp_path, comparison())
    arguments = ["thesis-bn", "--results", str(results), "--out", str(tmp_path / "front")]
    compare_s3.main(arguments)
    shown = capsys.readouterr()
    assert "thesis-bn" in shown.out
    assert "nano: in " in shown.err
    assert (tmp_path / "front" / "front.png").read_bytes().startswith(b"\x89PNG")
    (found,) = json.loads((tmp_path / "front" / "networks.json").read_text())
    assert found["accuracies"][0]["is_released"] is True
    assert found["accuracy"] == found["accuracies"][0]["value"]
    assert found["flash_kib"] > found["weight_kib"]
