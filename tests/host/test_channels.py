"""Channel pruning: which channels belong together, which go, and that the rest computes what it did."""

import json
import subprocess
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from tests.host import forked

from microfer.compress.channels import choose, cut, groups, importance
from microfer.cost.estimate import estimate
from microfer.cost.network import instructions
from microfer.errors import MicroferError
from microfer.model.presets import SqueezeNet, preset
from microfer.model.table import parameters
from microfer.tflite import tflite_file

pytestmark = pytest.mark.tensorflow

BACKEND = "torch" if find_spec("torch") else "tensorflow"

ROOT = Path(__file__).resolve().parents[2]
SMALL = SqueezeNet(
    "small", ((16, 32), (16, 32), (16, 32)), pool_after=(2,), bypass=True, norm="all", stem_filters=32,
    activation_limit=6.0,
)  # fmt: skip


def test_channels_that_a_bypass_adds_up_share_one_group():
    found = {group.name: group for group in groups(preset("thesis-bn"))}
    assert found["fire1_expand3x3"].producers == ("fire1_expand3x3", "fire2_expand3x3")
    assert found["fire1_expand3x3"].consumers == (("fire2_squeeze", 64), ("fire3_squeeze", 64))
    assert found["fire7_expand1x1"].producers == tuple(f"fire{number}_expand1x1" for number in range(7, 12))
    assert found["fire7_expand1x1"].consumers[-1] == ("classifier", 0)
    assert found["stem"].consumers == (("fire1_squeeze", 0),)
    written = [producer for group in found.values() for producer in group.producers]
    assert len(written) == len(set(written)) == 1 + 3 * 11


def test_a_network_without_normalization_everywhere_is_refused():
    with pytest.raises(MicroferError, match=r"normalizes squeeze.*thesis-bn"):
        groups(preset("thesis"))


def test_uneven_fire_modules_survive_json_and_keep_the_bypasses_they_had():
    config = replace(SMALL, fires=((8, 24, 16), (8, 24, 16), (8, 32, 8)), bypass=(2,))
    assert SqueezeNet.from_json(json.loads(json.dumps(config.to_json()))) == config
    assert [config.bypasses(number) for number in (1, 2, 3)] == [False, True, False]  # fire3 would match by its count


@pytest.fixture(scope="module")
def network():
    """A network of which the upper half of every group's channels is dead: their normalization gives minus one."""
    pytest.importorskip("keras", reason="Keras is not installed (requirements/train.lock)")
    from microfer.model.build import build

    model = build(SMALL)
    rng = np.random.default_rng(0)
    for group in groups(SMALL):
        for producer in group.producers:
            layer = model.get_layer(f"{producer}_norm")
            gamma, beta, mean, variance = layer.get_weights()
            gamma, beta = rng.uniform(0.5, 1.5, gamma.shape), rng.normal(0.5, 0.3, beta.shape)
            gamma[group.channels // 2 :], beta[group.channels // 2 :] = 0, -1
            layer.set_weights([gamma, beta, mean, variance])
    return model


def test_dead_channels_have_no_importance_and_cutting_them_changes_no_answer(network):
    kept = {}
    for group in groups(SMALL):
        worth = importance(network, SMALL, group)
        assert worth.sum() == pytest.approx(1)
        assert worth[group.channels // 2 :].max() == 0
        kept[group.name] = np.arange(group.channels // 2)
    smaller, config = cut(network, SMALL, kept, "half")
    assert config.stem_filters == 16
    assert config.fires == ((8, 16, 16),) * 3
    assert smaller.count_params() == parameters(config) < parameters(SMALL) / 2
    crops = np.random.default_rng(1).random((4, 48, 48, 1), np.float32)
    np.testing.assert_allclose(smaller.predict_on_batch(crops), network.predict_on_batch(crops), atol=1e-5)


def test_channels_are_taken_until_the_instructions_are_few_enough(network):
    kept = choose(network, SMALL, 0.6, 8)
    assert all(len(channels) % 8 == 0 and len(channels) >= 8 for channels in kept.values())
    dead = {group.name: group.channels // 2 for group in groups(SMALL)}
    assert all((channels < dead[name]).all() or len(channels) > dead[name] for name, channels in kept.items())
    _, config = cut(network, SMALL, kept, "less")
    assert 0.4 < instructions(config) / instructions(SMALL) <= 0.6


@pytest.mark.parametrize(("share", "multiple", "message"), [
    (0, 16, "between 0 and 1"), (1, 16, "between 0 and 1"), (0.5, 4, "8 or 16"), (0.05, 16, "keep a larger share"),
])  # fmt: skip
def test_what_cannot_be_reached_is_refused(network, share, multiple, message):
    with pytest.raises(MicroferError, match=message):
        choose(network, SMALL, share, multiple)


@pytest.mark.parametrize("name", ["thesis-bn", "nano"])
def test_the_budget_of_a_description_is_that_of_the_converted_network(name, tmp_path):
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed (requirements/train.lock)")
    from microfer.studies.chip.untrained import untrained_tflite

    released = ROOT / "models" / "thesis-bn-1" / "model.tflite"
    path = released if name == "thesis-bn" else untrained_tflite(preset(name), tmp_path)
    assert instructions(preset(name)) == pytest.approx(estimate(tflite_file.read(path)).instructions, rel=0.005)


@pytest.mark.slow
def test_the_command_cuts_heals_and_can_be_resumed(network, tmp_path):
    from microfer.model import saved

    source, out = tmp_path / "small.keras", tmp_path / "out"
    saved.save(network, SMALL, source)

    def run(*more: str, source: Path = source, out: Path = out) -> subprocess.CompletedProcess[str]:
        options = ("--limit", 140, "--multiple", 8, "--instructions", 0.6, "--epochs", 2, "--out", out, "--json")
        return forked.run("host/microfer", "prune-channels", source, "--synthetic", *options, *more, backend=BACKEND)

    first = run()
    assert first.returncode == 0, first.stderr
    report = json.loads(first.stdout)
    assert report["instructions"]["after"] <= 0.6 * report["instructions"]["before"]
    assert report["steps"][0]["teachers"]["teachers"][0]["file"] == "small.keras"
    assert json.loads((out / "run.json").read_text())["settings"]["start"]["file"] == "small.keras"
    model, config = saved.load(out / "best.keras")
    assert config.name == "small-c60"
    assert model.count_params() == report["parameters"]["after"]
    again = run()
    assert again.returncode != 0
    assert "already holds a run" in again.stderr
    assert run("--resume").returncode == 0

    second = run("--instructions", "0.8", source=out / "best.keras", out=tmp_path / "second")
    assert second.returncode == 0, second.stderr
    both = json.loads(second.stdout)
    assert [step["share"] for step in both["steps"]] == [0.6, 0.8]
    assert both["instructions"]["before"] == report["instructions"]["before"]
    assert both["instructions"]["after"] <= 0.8 * report["instructions"]["after"]
    assert both["validation_accuracy"]["before"] == report["validation_accuracy"]["before"]
    assert both["channels"]["stem"][0] == SMALL.stem_filters
    assert saved.read_config(tmp_path / "second" / "best.keras")[0].name == "small-c48"
    (out / "channels.json").write_text("{}")
    damaged = run(source=out / "best.keras", out=tmp_path / "third")
    assert damaged.returncode == 2
    assert "channels.json is damaged" in damaged.stderr
