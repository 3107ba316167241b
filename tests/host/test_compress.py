"""Pruning and quantization: what becomes zero, what becomes int8, and when the gate closes."""

from importlib.util import find_spec

import numpy as np
import pytest

from microfer.compress import prune, quantize
from microfer.compress.session import fine_tuning
from microfer.data.synthetic import synthetic_dataset
from microfer.errors import MicroferError
from microfer.model import convert
from microfer.model.build import build
from microfer.model.presets import SqueezeNet
from microfer.parity.limits import Limits
from microfer.runtimes.runners import KerasRunner, LiteRTRunner
from microfer.tensor import encode_float
from microfer.tflite import tflite_file
from microfer.tflite.check import check_deployable
from microfer.tflite.metadata import ModelMetadata, embed_metadata, read_metadata
from microfer.training.recipe import recipe

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.skipif(not find_spec("tensorflow"), reason="tensorflow is not installed"),
]

TINY = SqueezeNet(
    "tiny", ((4, 8), (4, 8)), pool_after=(1,), bypass=True, norm="all", stem_filters=16, activation_limit=6.0
)
FACES = synthetic_dataset(20, 0)


@pytest.fixture(scope="module")
def network() -> object:
    return build(TINY)


def pruned_by(steps: int, ramp: int, target: float = 0.5) -> tuple[prune.PruningEngine, object]:
    import keras

    keras.utils.set_random_seed(0)
    model = build(TINY)
    engine = prune.PruningEngine(model, TINY, target, ramp, FACES)
    targets, weights = recipe("strong").targets(FACES.labels), np.ones(len(FACES), np.float32)
    inputs = encode_float(FACES.images)
    for step in range(steps):
        batch = slice(16 * (step % 8), 16 * (step % 8) + 16)
        engine.train_step(inputs[batch], targets[batch], weights[batch], 1e-3)
    return engine, model


@pytest.mark.slow
def test_the_network_ends_at_the_sparsity_asked_for() -> None:
    engine, _ = pruned_by(steps=12, ramp=6, target=0.6)
    rows = prune.sparsity(engine.model)
    assert [row.name for row in rows][:2] == ["stem", "fire1_squeeze"]
    assert 0.6 <= prune.overall_sparsity(rows) < 0.61


def test_more_zeros_than_half_are_healed_at_a_higher_rate() -> None:
    rates = [fine_tuning(recipe("strong"), 5, share).learning_rate for share in (0.1, 0.5, 0.7, 0.9)]
    assert rates == pytest.approx([2e-5, 2e-5, 2e-4, 2e-3])


def test_a_layer_that_moves_the_loss_less_gives_up_more_weights() -> None:
    model = build(TINY)
    kernels = {row.name: row.weights for row in prune.sparsity(model)}
    even = prune.layer_targets(model, dict.fromkeys(kernels, 1.0), 0.5)
    tilted = prune.layer_targets(model, dict.fromkeys(kernels, 1.0) | {"fire2_expand3x3": 1e-4}, 0.5)
    assert tilted["fire2_expand3x3"] > 2 * even["fire2_expand3x3"] > 0
    for targets in (even, tilted):
        zeros = sum(targets[name] * count for name, count in kernels.items())
        assert 0.5 <= zeros / sum(kernels.values()) < 0.51


@pytest.mark.slow
def test_the_pruned_network_answers_alike_in_both_frameworks() -> None:
    engine, model = pruned_by(steps=8, ramp=6)
    there = engine.predict(encode_float(FACES.images[:4]))
    assert engine.model is model
    np.testing.assert_allclose(KerasRunner(model).scores(FACES.images[:4]), there, atol=1e-5)


@pytest.mark.slow
def test_a_pruning_that_is_resumed_goes_on_where_it_stood() -> None:
    engine, _ = pruned_by(steps=5, ramp=6)
    other, _ = pruned_by(steps=1, ramp=6)
    other.restore(engine.state())
    for one in (engine, other):
        one.train_step(
            encode_float(FACES.images[:16]), recipe("strong").targets(FACES.labels[:16]), np.ones(16, "f"), 1e-3
        )
    for key, value in engine.state().items():
        np.testing.assert_allclose(other.state()[key], value, rtol=1e-4, atol=1e-6, err_msg=key)


def test_a_sparsity_of_one_or_more_is_refused() -> None:
    with pytest.raises(MicroferError, match="between 0 and 1, not 1"):
        prune.PruningEngine(build(TINY), TINY, 1.0, 10, FACES)


def test_zeros_shrink_the_weights_only_under_gzip(network: object) -> None:
    plain, packed = prune.weight_bytes(network)
    zeroed = build(TINY)
    for layer in zeroed.layers:
        layer.set_weights([weight * 0 for weight in layer.get_weights()])
    zeroed_plain, zeroed_packed = prune.weight_bytes(zeroed)
    assert zeroed_plain == plain == 4 * network.count_params()  # type: ignore[attr-defined]
    assert zeroed_packed < packed / 10


def test_calibration_takes_the_same_number_of_each_class_and_always_the_same_images() -> None:
    images = quantize.representative_images(FACES, 70, seed=3)
    assert images.shape == (70, 48, 48)
    np.testing.assert_array_equal(images, quantize.representative_images(FACES, 70, seed=3))
    assert (images != quantize.representative_images(FACES, 70, seed=4)).any()
    labels = [FACES.labels[np.flatnonzero((FACES.images == image).all((1, 2)))[0]] for image in images]
    assert np.bincount(labels).tolist() == [10] * 7


def test_calibration_with_more_images_than_a_class_has_is_refused() -> None:
    with pytest.raises(MicroferError, match="has 20 images of class anger; calibration takes 100"):
        quantize.representative_images(FACES, 700, seed=0)


def test_calibration_without_black_and_white_is_refused() -> None:
    from dataclasses import replace

    dull = replace(FACES, images=FACES.images // 2 + 40)
    with pytest.raises(MicroferError, match=r"not 0\.\.255"):
        quantize.representative_images(dull, 70, seed=0)


@pytest.fixture(scope="module")
def int8(network: object) -> bytes:
    return convert.quantize(network, TINY, quantize.representative_images(FACES, 70, seed=0))


def test_the_quantized_network_keeps_to_the_contract(int8: bytes) -> None:
    with_metadata = embed_metadata(int8, ModelMetadata("tiny-1", "tiny", None))
    model = tflite_file.read(with_metadata)
    check_deployable(model)
    assert read_metadata(model).model_id == "tiny-1"
    assert {tensor.type for tensor in model.tensors} <= {"INT8", "INT32"}


def test_kernels_are_quantized_per_channel(int8: bytes) -> None:
    model = tflite_file.read(int8)
    kernels = [tensor for tensor in model.tensors if len(tensor.shape) == 4 and len(tensor.scales) > 1]
    assert sorted(len(kernel.scales) for kernel in kernels) == [4, 4, 7, 8, 8, 8, 8, 16]


def test_the_float_conversion_answers_as_keras_does(network: object) -> None:
    converted = LiteRTRunner(convert.convert_float(network, TINY))
    ours = KerasRunner(network).scores(FACES.images[:5])
    np.testing.assert_allclose(converted.scores(FACES.images[:5]), ours, atol=1e-5)


def test_each_calibration_image_moves_the_bar(network: object) -> None:
    done: list[int] = []
    convert.quantize(network, TINY, FACES.images[:14], done.append)
    assert sum(done) >= 14


def test_the_gate_opens_where_float_and_int8_agree(network: object, int8: bytes) -> None:
    outcome = quantize.gate(network, TINY, int8, FACES, Limits(drop_points=100, agreement=0))
    outcome.require()
    assert outcome.comparison.count == len(FACES)


def test_the_closed_gate_names_the_noisiest_layer(network: object, int8: bytes) -> None:
    outcome = quantize.gate(network, TINY, int8, FACES, Limits(drop_points=-101, agreement=0))
    with pytest.raises(MicroferError, match=r"int8 loses .* most quantization noise is tiny/.* dB.* with --max-drop$"):
        outcome.require()
