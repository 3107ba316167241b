"""The networks: their size as arithmetic, their graph in three frameworks, their files."""

from pathlib import Path

import numpy as np
import pytest

from microfer.errors import MicroferError
from microfer.model.graph import nodes
from microfer.model.presets import PRESETS, SqueezeNet, preset
from microfer.model.table import layers, macs, parameters

pytestmark = pytest.mark.tensorflow


def conv(kernel: int, inputs: int, filters: int, bias: bool = True) -> int:
    return kernel * kernel * inputs * filters + (filters if bias else 0)


def fire(inputs: int, squeeze: int, expand: int) -> int:
    return conv(1, inputs, squeeze) + conv(1, squeeze, expand) + conv(3, squeeze, expand)


STEM = conv(7, 1, 96)
EIGHT_FIRES = (
    fire(96, 16, 64)
    + fire(128, 16, 64)
    + fire(128, 32, 128)
    + fire(256, 32, 128)
    + fire(256, 48, 192)
    + fire(384, 48, 192)
    + fire(384, 64, 256)
    + fire(512, 64, 256)
)
THREE_MORE = 3 * fire(512, 64, 256)
CLASSIFIER = conv(1, 512, 7)
SQUEEZED = 16 + 16 + 32 + 32 + 48 + 48 + 5 * 64  # filters of the eleven squeeze convolutions
EXPANDED = 2 * (64 + 64 + 128 + 128 + 192 + 192 + 5 * 256)  # and of the twenty-two expand convolutions


def test_the_original_has_the_parameters_of_its_eight_fire_modules() -> None:
    assert parameters(preset("squeezenet")) == STEM + EIGHT_FIRES + CLASSIFIER == 729_607


def test_bypasses_add_no_parameter() -> None:
    assert parameters(preset("squeezenet-bypass")) == parameters(preset("squeezenet"))


def test_the_thesis_network_differs_from_its_plain_reading_by_the_biases_that_normalization_replaces() -> None:
    plain_reading = STEM + EIGHT_FIRES + THREE_MORE + CLASSIFIER + 4 * SQUEEZED
    assert plain_reading == 1_323_207  # 1,377,655 in the thesis, which does not give every width
    assert parameters(preset("thesis")) == plain_reading - SQUEEZED == 1_322_695


def test_normalizing_every_convolution_swaps_each_bias_for_four_numbers() -> None:
    biases = 96 + SQUEEZED + EXPANDED
    assert parameters(preset("thesis-bn")) == STEM + EIGHT_FIRES + THREE_MORE + CLASSIFIER + 3 * biases


def test_the_stem_makes_as_many_multiplications_as_its_output_has_windows() -> None:
    stem = next(layer for layer in layers(preset("thesis")) if layer.name == "stem")
    assert stem.shape == (24, 24, 96)
    assert stem.macs == 24 * 24 * 96 * 7 * 7


def test_the_thesis_network_makes_36_million_multiplications() -> None:
    assert macs(preset("thesis")) == pytest.approx(36.07e6, rel=1e-3)


def test_a_bypass_stands_wherever_the_channels_match_and_only_there() -> None:
    added = [node.name for node in nodes(preset("thesis")) if node.op == "add"]
    assert added == [f"fire{number}_bypass" for number in (2, 4, 6, 8, 9, 10, 11)]
    assert not [node for node in nodes(preset("squeezenet")) if node.op == "add"]


def test_pooling_halves_the_maps_to_three_by_three() -> None:
    shapes = {layer.name: layer.shape for layer in layers(preset("thesis"))}
    assert [shapes[name][:2] for name in ("stem_pool", "fire3_pool", "fire7_pool")] == [(12, 12), (6, 6), (3, 3)]
    assert shapes["logits"] == (1, 1, 7)


@pytest.mark.parametrize("name", PRESETS)
def test_a_configuration_survives_json(name: str) -> None:
    assert SqueezeNet.from_json(preset(name).to_json()) == preset(name)


def test_a_configuration_of_another_version_is_refused() -> None:
    with pytest.raises(MicroferError, match="not one of this version's"):
        SqueezeNet.from_json({**preset("thesis").to_json(), "colour": "red"})


def test_an_unknown_preset_is_answered_with_those_that_exist() -> None:
    with pytest.raises(MicroferError, match="thesis-bn"):
        preset("squeezenett")


@pytest.fixture(scope="module")
def keras() -> object:
    return pytest.importorskip("keras", reason="Keras is not installed (requirements/train.lock)")


@pytest.mark.parametrize("name", PRESETS)
def test_keras_counts_the_parameters_that_the_table_counts(keras: object, name: str) -> None:
    from microfer.model.build import build

    assert build(preset(name)).count_params() == parameters(preset(name))


def test_the_same_weights_give_the_same_answer_in_keras_and_tf_keras(keras: object) -> None:
    tf_keras = pytest.importorskip("tf_keras", reason="tf_keras is not installed (requirements/train.lock)")
    from microfer.model.build import build, copy_weights

    ours, theirs = build(preset("thesis-bn")), build(preset("thesis-bn"), tf_keras)
    crops = np.random.default_rng(0).random((3, 48, 48, 1), np.float32)
    copy_weights(ours, theirs)
    there = np.asarray(theirs.predict_on_batch(crops))
    np.testing.assert_allclose(np.asarray(ours.predict_on_batch(crops)), there, atol=1e-5)
    fresh = build(preset("thesis-bn"))
    copy_weights(theirs, fresh)
    np.testing.assert_array_equal(fresh.get_layer("stem").get_weights()[0], ours.get_layer("stem").get_weights()[0])


def test_weights_of_another_network_are_not_copied(keras: object) -> None:
    from microfer.model.build import build, copy_weights

    with pytest.raises(MicroferError, match="fire9"):
        copy_weights(build(preset("squeezenet")), build(preset("thesis")))


def test_a_saved_network_comes_back_with_its_weights_and_notes(keras: object, tmp_path: Path) -> None:
    from microfer.model import saved
    from microfer.model.build import build

    model = build(preset("thesis"))
    saved.save(model, preset("thesis"), tmp_path / "a.keras", {"recipe": "strong"})
    again, config = saved.load(tmp_path / "a.keras")
    assert config == preset("thesis")
    assert saved.read_config(tmp_path / "a.keras")[1] == {"recipe": "strong"}
    for ours, theirs in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_saved_network_of_another_preset_is_refused_by_name(keras: object, tmp_path: Path) -> None:
    from microfer.model import saved
    from microfer.model.build import build

    saved.save(build(preset("squeezenet")), preset("squeezenet"), tmp_path / "a.keras")
    with pytest.raises(MicroferError, match="'squeezenet', not 'thesis'"):
        saved.load(tmp_path / "a.keras", expected=preset("thesis"))


def test_a_truncated_network_file_is_named(keras: object, tmp_path: Path) -> None:
    from microfer.model import saved
    from microfer.model.build import build

    path = tmp_path / "a.keras"
    saved.save(build(preset("squeezenet")), preset("squeezenet"), path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(MicroferError, match=r"a\.keras is not a \.keras file, or it is damaged"):
        saved.load(path)


def test_a_foreign_keras_file_is_told_from_one_of_ours(keras: object, tmp_path: Path) -> None:
    from microfer.model import saved
    from microfer.model.build import build

    build(preset("squeezenet")).save(tmp_path / "theirs.keras")
    with pytest.raises(MicroferError, match="was not saved by microfer"):
        saved.read_config(tmp_path / "theirs.keras")
