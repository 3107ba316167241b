"""The networks for comparison: their size as arithmetic, their graph in every framework, their way to the board."""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from tests.host import forked

from microfer.errors import MicroferError
from microfer.export.kernel_plan import plan_kernels
from microfer.model import networks
from microfer.model.baselines import BASELINES, Application, MiniXception, MobileNetV2, Vgg
from microfer.model.graph import nodes
from microfer.model.networks import NETWORKS, network
from microfer.model.table import layers, parameters
from microfer.tflite import tflite_file
from microfer.tflite.check import check_deployable
from microfer.tflite.metadata import ModelMetadata, embed_metadata

pytestmark = pytest.mark.tensorflow

ROOT = Path(__file__).parents[2]
OWN = [name for name, config in BASELINES.items() if not isinstance(config, Application)]
TINY = (
    Vgg("vgg", ((8, 1), (8, 2)), (16,), block_dropout=0, dense_dropout=0),
    MobileNetV2("mobilenet", 8, ((1, 8, 1, 1), (2, 12, 2, 2)), 24, head_dropout=0),
    MiniXception("xception", 8, (8, 12)),
)


def test_vgg16_has_the_thesiss_parameters_with_three_channels_and_idle_biases() -> None:
    three_channels = 2 * 3 * 3 * 64
    idle = 64 + 128 + 256 + 512 + 512 + 3072  # biases of the convolutions and the dense layer before a normalization
    assert parameters(network("vgg16")) + three_channels + idle == 28_913_223


def test_mini_xception_has_its_authors_parameters() -> None:
    assert parameters(network("mini-xception")) == 58_423


def test_vgg8_has_eight_layers_with_kernels() -> None:
    assert sum(node.op in ("conv", "dense") for node in nodes(network("vgg8"))) == 8


def test_the_small_mobilenet_stays_under_half_a_million_parameters() -> None:
    assert parameters(network("mobilenet-v2")) < 500_000


def test_a_module_of_mobilenet_is_bypassed_where_size_and_channels_stay() -> None:
    added = [node.name for node in nodes(TINY[1]) if node.op == "add"]
    assert added == ["stage1_1_add", "stage2_2_add"]
    shapes = {layer.name: layer.shape for layer in layers(TINY[1])}
    assert shapes["stage2_1_project"] == (12, 12, 12)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_configuration_survives_json(name: str) -> None:
    assert networks.from_json(json.loads(json.dumps(networks.to_json(network(name))))) == network(name)


@pytest.mark.parametrize("change", [{"kind": "LeNet"}, {"colour": "red"}])
def test_a_configuration_of_another_version_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(MicroferError, match="not one of this version's"):
        networks.from_json(networks.to_json(network("vgg8")) | change)


def test_an_unknown_name_is_answered_with_all_that_exist() -> None:
    with pytest.raises(MicroferError, match=r"thesis-bn.*efficientnet-b0"):
        network("lenet")


def test_a_network_of_keras_applications_has_no_description_for_the_board() -> None:
    with pytest.raises(MicroferError, match=r"not pruned,\s+quantized"):
        nodes(network("resnet50"))


@pytest.fixture(scope="module")
def keras() -> object:
    return pytest.importorskip("keras", reason="Keras is not installed (requirements/train.lock)")


@pytest.mark.parametrize("config", [*TINY, *(network(name) for name in OWN if name != "vgg16")], ids=lambda c: c.name)
def test_keras_counts_the_parameters_that_the_table_counts(keras: object, config: object) -> None:
    from microfer.model.build import build

    assert build(config).count_params() == parameters(config)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet50", "efficientnet-b0"])
def test_a_network_of_keras_applications_takes_crops_and_is_saved_whole(
    keras: object, tmp_path: Path, name: str
) -> None:
    from microfer.model import saved
    from microfer.model.build import build, load_imagenet

    model = build(network(name))
    crops = np.random.default_rng(0).random((2, 48, 48, 1), np.float32)
    answer = np.asarray(model.predict_on_batch(crops))
    assert answer.sum(1) == pytest.approx([1, 1], abs=1e-5)
    saved.save(model, network(name), tmp_path / "a.keras")
    again, config = saved.load(tmp_path / "a.keras")
    assert config == network(name)
    np.testing.assert_allclose(np.asarray(again.predict_on_batch(crops)), answer, atol=1e-5)
    backbone = tmp_path / "backbone.weights.h5"
    model.get_layer("backbone").save_weights(backbone)
    fresh = build(network(name))
    load_imagenet(fresh, network(name), backbone)
    theirs, ours = (keras.ops.convert_to_numpy(m.get_layer("backbone").weights[0]) for m in (model, fresh))
    np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(MicroferError, match="without the top"):
        load_imagenet(fresh, network(name), tmp_path / "missing.h5")


def test_imagenet_weights_are_for_keras_applications_alone(keras: object, tmp_path: Path) -> None:
    from microfer.model.build import load_imagenet

    with pytest.raises(MicroferError, match="not vgg8"):
        load_imagenet(None, network("vgg8"), tmp_path / "a.h5")


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("torch"), reason="torch is not installed")
@pytest.mark.parametrize("config", TINY, ids=lambda c: c.name)
def test_the_native_pytorch_step_equals_the_keras_step(config: object) -> None:
    probe = Path(__file__).with_name("torch_engine_probe.py")
    result = forked.run(probe, json.dumps(networks.to_json(config)), backend="torch")  # type: ignore[arg-type]
    assert result.returncode == 0, result.stderr
    differences = json.loads(result.stdout)
    assert differences["loss"] < 1e-5
    assert differences["prediction_before"] < 1e-5
    assert differences["trainable"] < 1e-4
    assert differences["moved"] > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(
    "backend",
    [
        pytest.param(name, marks=pytest.mark.skipif(not find_spec(name), reason=f"{name} is not installed"))
        for name in ("tensorflow", "torch", "jax")
    ],
)
def test_the_gradients_of_strided_1x1_convolutions_are_right_from_1_to_24_channels(backend: str) -> None:
    # What is wrong there is not wrong every time: it may also be a crash, or never end.
    result = forked.run(Path(__file__).with_name("gradient_probe.py"), backend=backend)
    assert result.returncode == 0, result.stderr
    errors = json.loads(result.stdout)
    assert len(errors) == {"tensorflow": 2, "torch": 3, "jax": 1}[backend]
    for way, error in errors.items():
        assert error < (0.03 if way == "bfloat16" else 1e-5), way


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("tensorflow"), reason="tensorflow is not installed")
@pytest.mark.parametrize("config", TINY, ids=lambda c: c.name)
def test_a_baseline_can_be_quantized_and_deployed(keras: object, config: object) -> None:
    from microfer.export.export import generate
    from microfer.model.build import build
    from microfer.model.convert import quantize
    from microfer.runtimes.runners import KerasRunner, LiteRTRunner

    crops = np.random.default_rng(0).integers(0, 256, (60, 48, 48), dtype=np.uint8)
    crops[:, 0, 0], crops[:, 0, 1] = 0, 255
    model = build(config)
    tflite = embed_metadata(quantize(model, config, crops), ModelMetadata("tiny-1", "tiny", arena=None))
    whole = tflite_file.read(tflite)
    check_deployable(whole)
    resolver = generate(tflite)[1]["op_resolver.h"]
    floats, ints = KerasRunner(model).scores(crops[:10]), LiteRTRunner(tflite).scores(crops[:10])
    assert np.abs(floats - ints).max() < 0.1
    if not isinstance(config, Vgg):
        assert "AddDepthwiseConv2D" in resolver
    # In training another layer takes the pixels; the board's convolution has the stride.
    strided = [one for one in plan_kernels(whole).convolutions if one.kernel == (1, 1) and one.stride == (2, 2)]
    assert len(strided) == (2 if isinstance(config, MiniXception) else 0)
    assert "AddAveragePool2D" not in resolver
