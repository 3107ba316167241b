"""Compression curves: what is cut and clustered, what is measured, what is kept, and what is refused."""

import io
import json
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from microfer.cli import compression_curves
from microfer.compress import one_shot
from microfer.compress.one_shot import OneShot, clustered, cut_smallest, packed_bytes
from microfer.compress.prune import overall_sparsity, sparsity, weight_bytes
from microfer.compress.quantize import representative_images
from microfer.data.synthetic import synthetic_dataset
from microfer.errors import MicroferError
from microfer.model import saved
from microfer.model.build import build
from microfer.model.convert import quantize
from microfer.model.presets import SqueezeNet
from microfer.parity.compare import Accuracy
from microfer.studies.compression import curves
from microfer.studies.compression import session as curves_session
from microfer.studies.compression.curves import Curves, Int8Kernel, Point, Step, int8_kernels, keep, kept
from microfer.studies.compression.page import curves_figure, cut_cells, markdown, tables, value_cells

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.skipif(not find_spec("tensorflow"), reason="tensorflow is not installed"),
]

ROOT = Path(__file__).parents[2]
TINY = SqueezeNet(
    "tiny", ((4, 8), (4, 8)), pool_after=(1,), bypass=True, norm="all", stem_filters=16, activation_limit=6.0
)
FACES = synthetic_dataset(10, 0)
KERNEL = np.random.default_rng(0).normal(size=(3, 3, 8, 16)).astype(np.float32)
ORIGIN: curves.Origin = {"network_sha256": "ab", "seed": 0}


def point(how: curves.How = "cut", asked: float = 0.0, right: int = 600, **more: Any) -> Point:
    accuracy = Accuracy(right, right / 1000, right / 1000 - 0.03, right / 1000 + 0.03)
    kernels = (Int8Kernel("a", 80, 20, 33, 9), Int8Kernel("b", 20, 5, 17, 11))
    values = {"how": how, "asked": asked, "float_accuracy": accuracy, "int8_accuracy": accuracy, "agreement": 0.99,
              "zeros": asked, "float32_bytes": 400, "float32_gzip_bytes": 300, "int8_bytes": 5000,
              "int8_gzip_bytes": 4000, "packed_bytes": 700 if how == "clustered" else None,
              "kernels": kernels}  # fmt: skip
    return Point(**{**values, **more})


def curve(*, healed: bool) -> Curves:
    points = [point(asked=asked) for asked in (0.0, 0.5, 0.9)] + [point("clustered", count) for count in (4, 16)]
    points += [point("healed", asked, 650) for asked in (0.5, 0.9)] if healed else []
    return Curves("tiny", "best.keras", "PublicTest", 1000, 5 if healed else 0, "strong", ORIGIN, tuple(points))


def test_the_cut_takes_the_asked_share_of_a_kernel_and_the_smallest_of_it() -> None:
    result = cut_smallest(KERNEL, 0.25)
    gone = result == 0
    assert gone.sum() == KERNEL.size // 4
    assert np.abs(KERNEL[gone]).max() < np.abs(KERNEL[~gone]).min()
    np.testing.assert_array_equal(result[~gone], KERNEL[~gone])
    assert (KERNEL != 0).all()


@pytest.mark.parametrize("count", [2, 16, 64])
def test_a_clustered_kernel_holds_exactly_so_many_values_each_the_nearest(count: int) -> None:
    result = clustered(KERNEL, count)
    values = np.unique(result)
    assert len(values) == count
    assert (result.shape, result.dtype) == (KERNEL.shape, np.float32)
    nearest = np.abs(KERNEL[..., None] - values).min(-1)
    np.testing.assert_allclose(np.abs(KERNEL - result), nearest, atol=1e-6)
    evenly = np.linspace(KERNEL.min(), KERNEL.max(), count)
    assert nearest.mean() < np.abs(KERNEL[..., None] - evenly).min(-1).mean()


def test_the_same_kernel_is_clustered_alike_every_time_even_where_most_of_it_is_zero() -> None:
    sparse = cut_smallest(KERNEL, 0.8)
    result = clustered(sparse, 16)
    assert len(np.unique(result)) == 16
    np.testing.assert_array_equal(result, clustered(sparse, 16))


def test_a_kernel_of_few_values_is_left_as_it_is() -> None:
    few = np.sign(KERNEL)
    np.testing.assert_array_equal(clustered(few, 2), few)


def test_fewer_than_two_values_are_refused() -> None:
    with pytest.raises(MicroferError, match="at least 2 values, not 1"):
        clustered(KERNEL, 1)


def test_packed_kernels_take_their_bits_rounded_up_to_bytes_and_a_table_each() -> None:
    assert packed_bytes([100, 7], 16) == (50 + 4 * 16) + (4 + 4 * 16)
    assert packed_bytes([100], 2) == 13 + 4 * 2


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import keras

    keras.utils.set_random_seed(0)
    path = tmp_path_factory.mktemp("network") / "tiny.keras"
    saved.save(build(TINY), TINY, path)
    return path


@pytest.fixture(scope="module")
def network(source: Path) -> OneShot:
    return OneShot(source, FACES)


def test_a_cut_of_nothing_is_the_network_itself(network: OneShot, source: Path) -> None:
    network.cut(0.7)  # what was cut before must not stay
    whole, _ = saved.load(source)
    for found, expected in zip(network.cut(0.0).get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("target", [0.1, 0.5, 0.9])
def test_the_network_has_the_asked_share_of_zeros_and_no_other_weight_is_touched(
    network: OneShot, source: Path, target: float
) -> None:
    rows = sparsity(network.cut(target))
    weights = sum(network.sizes)
    # One weight a layer more, as prune.py rounds.
    assert target <= overall_sparsity(rows) <= target + (len(rows) + 1) / weights
    whole, _ = saved.load(source)
    for layer, other in zip(network.model.layers, whole.layers, strict=True):
        for found, expected in zip(layer.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(found[found != 0], expected[found != 0])


def test_the_more_zeros_the_fewer_bytes_after_gzip(network: OneShot) -> None:
    sizes = [weight_bytes(network.cut(tenth / 10))[1] for tenth in range(10)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[9] < sizes[0] / 2


def test_every_kernel_of_the_clustered_network_has_so_many_values(network: OneShot) -> None:
    model = network.clustered(8)
    for row in sparsity(model):
        assert len(np.unique(model.get_layer(row.name).get_weights()[0])) == 8, row.name


@pytest.mark.slow
def test_int8_kernels_are_counted_by_tensor_and_by_channel(network: OneShot) -> None:
    calibration = representative_images(FACES, 7, 0)
    kernels = int8_kernels(quantize(network.clustered(4), TINY, calibration))
    assert [kernel.weights for kernel in kernels] == network.sizes
    assert max(kernel.channel_values for kernel in kernels) <= 4
    assert all(4 <= kernel.values <= 4 * 16 for kernel in kernels)
    half = int8_kernels(quantize(network.cut(0.5), TINY, calibration))
    assert max(kernel.channel_values for kernel in half) > 16
    assert 0.5 <= sum(kernel.zeros for kernel in half) / sum(network.sizes) < 0.6


def test_a_network_without_convolutions_of_its_own_is_refused(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_shot, "sparsity", lambda model: [])
    with pytest.raises(MicroferError, match=r"tiny\.keras holds tiny, which has no convolutions of its own"):
        OneShot(source, FACES)


def test_a_kept_point_comes_back_as_it_was(tmp_path: Path) -> None:
    keep(tmp_path / "cut-30.json", point(asked=0.3), ORIGIN)
    assert kept(tmp_path / "cut-30.json", ORIGIN) == point(asked=0.3)


def test_a_point_of_another_network_or_none_is_not_found(tmp_path: Path) -> None:
    keep(tmp_path / "cut-30.json", point(asked=0.3), ORIGIN)
    assert kept(tmp_path / "cut-30.json", ORIGIN | {"network_sha256": "cd"}) is None
    assert kept(tmp_path / "cut-40.json", ORIGIN) is None


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": "microfer.compression_point/0"}', "\xff", None])
def test_a_damaged_point_names_its_file(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "clustered-16.json"
    keep(path, point("clustered", 16), ORIGIN)
    if content is None:
        document = json.loads(path.read_text())
        del document["point"]["float_accuracy"]["low"]
        content = json.dumps(document)
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(MicroferError, match=r"clustered-16\.json is damaged .* delete it"):
        kept(path, ORIGIN)


def test_points_are_named_by_what_was_asked() -> None:
    assert [Step("cut", 0.0).name, Step("healed", 0.7).name, Step("clustered", 16).name] == [
        "cut-00",
        "healed-70",
        "clustered-16",
    ]


def test_the_page_has_a_row_for_every_point_and_says_what_does_not_change() -> None:
    result = curve(healed=True)
    text = "\n".join(markdown(result))
    assert "selected on" in text
    assert "Neither the flatbuffer's size nor the latency changes" in text
    assert [row[:2] for row in cut_cells(result)] == [
        ["0%", "cut"], ["50%", "cut"], ["50%", "healed"], ["90%", "cut"], ["90%", "healed"],
    ]  # fmt: skip
    assert [(row[0], row[-1]) for row in value_cells(result)] == [("4", "700"), ("16", "700"), ("all", "")]
    assert cut_cells(result)[0][2:4] == ["25.0%", "60.00 % (57.0 to 63.0)"]
    assert "DRAWN FACES" in "\n".join(markdown(replace(result, split="drawn faces")))


def test_the_tables_fit_a_terminal_of_80_columns_with_every_figure_whole() -> None:
    screen = Console(width=80, record=True, file=io.StringIO())
    for table in tables(curve(healed=True)):
        screen.print(table)
    lines = screen.export_text().splitlines()
    assert "…" not in "".join(lines)
    assert len(lines) == 2 * 2 + 5 + 3  # a title, a heading and one line a point
    assert lines[0].strip() == "zeros (5,000 bytes in flash, and no faster)"
    assert lines[4].split() == ["50%", "healed", "65.00%", "3.0", "65.00%", "99.0%", "4,000", "300"]


@pytest.mark.parametrize("healed", [False, True])
def test_the_picture_shows_the_healed_curve_only_where_there_is_one(healed: bool) -> None:
    accuracy = curves_figure(curve(healed=healed)).axes[0]
    names = [text.get_text() for text in accuracy.get_legend().get_texts()]
    assert any("healed for 5 epochs" in name for name in names) == healed


def test_the_json_of_the_curves_holds_no_path_and_gives_the_points_back() -> None:
    document = json.loads(json.dumps(curve(healed=False).to_json()))
    assert document["schema"] == "microfer.compression_curves/1"
    assert tuple(Point.from_json(one) for one in document["points"]) == curve(healed=False).points
    assert document["points"][0]["int8_values_median"] == 25


@pytest.fixture
def two_points(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Shorten the curves to two points of each kind, measured by a stand-in; returns the names of those measured."""
    measured: list[str] = []

    def stand_in(step: Step, *_: Any, **more: Any) -> Point:
        measured.append(step.name)
        return point(step.how, step.asked, packed_bytes=more["packed"])

    monkeypatch.setattr(curves_session, "SPARSITIES", (0.0, 0.5))
    monkeypatch.setattr(curves_session, "VALUES", (4, 16))
    monkeypatch.setattr(curves_session, "measure", stand_in)
    monkeypatch.setattr(curves_session, "load_splits", lambda data, limit, tell: (FACES, FACES.take(np.arange(7))))
    return measured


def draw(source: Path, out: Path, **more: Any) -> dict[str, Any]:
    options = {"data": None, "out": out, "epochs": 0, "heal_from": 0.5, "seed": 0, "threads": 1, **more}
    result = curves_session.compression_curves(source, **options)
    document: dict[str, Any] = json.loads((out / "curves.json").read_text())
    assert json.loads(json.dumps(result.to_json())).items() <= document.items()
    return document


def test_finished_points_are_not_measured_again(source: Path, tmp_path: Path, two_points: list[str]) -> None:
    first = draw(source, tmp_path)
    assert two_points == ["cut-00", "cut-50", "clustered-4", "clustered-16"]
    (tmp_path / "points" / "cut-50.json").unlink()
    assert draw(source, tmp_path) == first
    assert two_points[4:] == ["cut-50"]
    assert {"curves.json", "curves.md", "curves.png"} <= {path.name for path in tmp_path.iterdir()}


def test_another_network_or_seed_is_measured_anew(source: Path, tmp_path: Path, two_points: list[str]) -> None:
    draw(source, tmp_path)
    draw(source, tmp_path, seed=1)
    other = tmp_path / "other.keras"
    saved.save(build(TINY), TINY, other)
    draw(other, tmp_path)
    assert two_points == 3 * ["cut-00", "cut-50", "clustered-4", "clustered-16"]


class Pruning:
    """Stands in for `prune`: writes what a run leaves, and is stopped in the middle of the first one."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, bool]] = []

    def __call__(self, source: Path, *, out: Path, resume: bool, **_: Any) -> int:
        self.calls.append((out.name, resume))
        (out / "last.npz").touch()
        if len(self.calls) == 1:
            raise KeyboardInterrupt
        (out / "best.keras").write_bytes(source.read_bytes())
        (out / "pruning.json").touch()
        return 0


def test_a_healing_that_was_stopped_goes_on_and_a_finished_one_stays(
    source: Path, tmp_path: Path, two_points: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pruning = Pruning()
    monkeypatch.setattr(curves_session, "prune", pruning)
    with pytest.raises(KeyboardInterrupt):
        draw(source, tmp_path, epochs=3)
    assert [one["how"] for one in draw(source, tmp_path, epochs=3)["points"]].count("healed") == 1
    (tmp_path / "points" / "healed-50.json").unlink()
    draw(source, tmp_path, epochs=3)
    assert pruning.calls == [("sparsity-50", False), ("sparsity-50", True)]
    assert two_points.count("cut-50") == 1
    assert two_points.count("healed-50") == 2


def test_what_is_cut_for_nothing_is_not_healed(
    source: Path, tmp_path: Path, two_points: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curves_session, "prune", lambda *_, **__: pytest.fail("healed"))
    assert len(draw(source, tmp_path, epochs=3, heal_from=0.6)["points"]) == len(two_points)


def test_the_healing_of_other_epochs_is_not_written_over(
    source: Path, tmp_path: Path, two_points: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pruning = Pruning()
    monkeypatch.setattr(curves_session, "prune", pruning)
    with pytest.raises(KeyboardInterrupt):
        draw(source, tmp_path, epochs=3)
    with pytest.raises(MicroferError, match="sparsity-50 holds a run of another network, other images, --epochs"):
        draw(source, tmp_path, epochs=4)
    (tmp_path / "sparsity-50" / "curve.json").unlink()
    with pytest.raises(MicroferError, match="sparsity-50 holds a run that is not of these curves"):
        draw(source, tmp_path, epochs=3)
    assert len(pruning.calls) == 1


@pytest.mark.parametrize("epochs", [1, -1])
def test_healing_for_one_epoch_is_refused(source: Path, tmp_path: Path, epochs: int) -> None:
    with pytest.raises(MicroferError, match=f"one to prune and one to heal, not {epochs}"):
        draw(source, tmp_path, epochs=epochs)
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_the_command_measures_a_network_as_it_is_cut_clustered_and_healed(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(curves_session, "SPARSITIES", (0.0, 0.6))
    monkeypatch.setattr(curves_session, "VALUES", (4,))
    options = ("--synthetic", "--epochs", "2", "--limit", "140", "--threads", "1", "--json")
    assert compression_curves.main([str(source), "--out", str(tmp_path), *options]) == 0
    document = json.loads(capsys.readouterr().out)
    assert json.loads((tmp_path / "curves.json").read_text()) == document
    whole, cut, clustered_to_4, healed = document["points"]
    assert [one["how"] for one in document["points"]] == ["cut", "cut", "clustered", "healed"]
    assert cut["int8_bytes"] == whole["int8_bytes"]
    for one in (cut, healed):
        assert 0.6 <= one["zeros"] < 0.62
        assert one["int8_zeros"] >= one["zeros"]
        assert one["int8_gzip_bytes"] < whole["int8_gzip_bytes"]
    assert clustered_to_4["int8_values_largest_in_a_channel"] <= 4
    assert clustered_to_4["int8_gzip_bytes"] < whole["int8_gzip_bytes"]
    assert document["versions"]["tensorflow-model-optimization"]


def test_help_teaches_with_examples_and_a_missing_network_ends_with_status_2(tmp_path: Path) -> None:
    def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
        line = [sys.executable, str(ROOT / "host" / "microfer"), "compression-curves", *arguments]
        return subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)

    shown = command("--help")
    assert shown.returncode == 0
    assert "models/s3-1/float.keras --data fer2013.zip" in " ".join(shown.stdout.replace("\\", "").split())
    missing = command(str(tmp_path / "none.keras"), "--synthetic", "--out", str(tmp_path / "out"))
    assert missing.returncode == 2
    assert "none.keras" in missing.stderr
    assert not (tmp_path / "out").exists()
