"""Networks shaped for the chip: regrouped crops, even padding, averages first; the same answer everywhere."""

from dataclasses import replace

import numpy as np
import pytest

from microfer.contract import INPUT_LAYOUTS, LAYOUT_OF_SHAPE, input_shape
from microfer.cost.estimate import estimate
from microfer.cost.lint import lint
from microfer.data.synthetic import synthetic_dataset
from microfer.errors import MicroferError
from microfer.export.export import generate
from microfer.model.presets import preset
from microfer.model.table import layers
from microfer.tensor import encode_int8, regroup
from microfer.tflite import tflite_file
from microfer.tflite.check import check_deployable, layout
from microfer.tflite.metadata import ModelMetadata, embed_metadata

pytestmark = pytest.mark.tensorflow

FACES = synthetic_dataset(20, 0)


def test_a_layout_is_known_by_the_shape_of_its_tensor():
    assert [input_shape(layout) for layout in INPUT_LAYOUTS] == [(48, 48, 1), (24, 24, 4), (12, 12, 16)]
    assert [LAYOUT_OF_SHAPE[input_shape(layout)] for layout in INPUT_LAYOUTS] == list(INPUT_LAYOUTS)


def test_each_block_of_pixels_becomes_the_channels_of_one_place():
    crop = np.arange(48 * 48).reshape(1, 48, 48, 1)
    assert regroup(crop, "space_to_depth_2")[0, 1, 2].tolist() == [48 * 2 + 4, 48 * 2 + 5, 48 * 3 + 4, 48 * 3 + 5]
    assert regroup(crop, "space_to_depth_4")[0, 11, 0].tolist() == [
        48 * (44 + y) + x for y in range(4) for x in range(4)
    ]
    np.testing.assert_array_equal(regroup(crop, "plain"), crop)


@pytest.mark.parametrize("name", ["s3", "nano"])
def test_maps_are_odd_so_that_no_pool_needs_padding(name):
    shapes = {layer.name: layer.shape for layer in layers(preset(name))}
    assert [shapes[layer][0] for layer in ("regroup", "stem", "stem_pool", "fire2_pool")] == [24, 23, 11, 5]
    assert shapes["classifier"] == shapes["logits"] == (1, 1, 7)


def test_averaging_before_the_classifier_gives_the_answer_of_averaging_after_it():
    pytest.importorskip("keras", reason="Keras is not installed (requirements/train.lock)")
    from microfer.model.build import build, copy_weights

    first = build(preset("nano"))
    last = build(replace(preset("nano"), average_first=False))
    copy_weights(first, last)
    crops = np.random.default_rng(0).random((3, 48, 48, 1), np.float32)
    np.testing.assert_allclose(first.predict_on_batch(crops), last.predict_on_batch(crops), atol=1e-5)


def test_pytorch_computes_what_keras_does():
    pytest.importorskip("torch", reason="PyTorch is not installed")
    pytest.importorskip("keras", reason="Keras is not installed (requirements/train.lock)")
    import torch

    from microfer.training.torch_network import space_to_depth

    crop = np.random.default_rng(1).random((2, 48, 48, 1), np.float32)
    there = space_to_depth(torch.from_numpy(crop).permute(0, 3, 1, 2), 4).permute(0, 2, 3, 1).numpy()
    np.testing.assert_array_equal(there, regroup(crop, "space_to_depth_4"))


@pytest.fixture(scope="module")
def nano():
    """The int8 network with random weights and its float model, both of preset nano."""
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed (requirements/train.lock)")
    from microfer.compress.quantize import representative_images
    from microfer.model.build import build
    from microfer.model.convert import quantize

    model = build(preset("nano"))
    content = quantize(model, preset("nano"), representative_images(FACES, 70, seed=0))
    metadata = ModelMetadata("nano-test-1", "nano", None, input_layout="space_to_depth_2")
    return model, embed_metadata(content, metadata)


def test_the_board_gets_a_regrouped_crop_and_answers_as_the_float_network(nano):
    from microfer.runtimes.runners import KerasRunner, LiteRTRunner

    model, content = nano
    deployed = tflite_file.read(content)
    check_deployable(deployed)
    assert deployed.tensors[deployed.inputs[0]].shape == (1, 24, 24, 4)
    assert layout(deployed) == "space_to_depth_2"
    assert "AVERAGE_POOL_2D" in deployed.operator_names
    assert "MEAN" not in deployed.operator_names
    difference = KerasRunner(model).scores(FACES.images[:20]) - LiteRTRunner(content).scores(FACES.images[:20])
    assert np.abs(difference).max() < 0.05


def test_tflm_takes_the_same_tensor(nano):
    from microfer.runtimes.runners import LiteRTRunner, TflmRunner, has_tflm

    if not has_tflm():
        pytest.skip("tflite-micro has no wheel for this machine")
    images = FACES.images[:10]
    np.testing.assert_array_equal(TflmRunner(nano[1]).raw(images), LiteRTRunner(nano[1]).raw(images))
    assert encode_int8(images, "space_to_depth_2").shape == (10, 24, 24, 4)


def test_the_layout_is_exported_and_one_that_does_not_fit_the_tensor_is_refused(nano):
    header = generate(nano[1])[1]["contract.h"]
    assert "InputLayout::kSpaceToDepth2;" in header
    assert "kInputShape[] = {1, 24, 24, 4};" in header
    wrong = embed_metadata(nano[1], ModelMetadata("nano-test-1", "nano", None, input_layout="space_to_depth_4"))
    with pytest.raises(MicroferError, match=r"says that its input is space_to_depth_4.*is space_to_depth_2"):
        generate(wrong)


def test_the_lint_finds_nothing_and_the_chips_budget_is_kept(nano):
    cost = estimate(tflite_file.read(nano[1]))
    assert lint(cost) == ()
    assert cost.fits_internal
    assert cost.instructions < 5e6
