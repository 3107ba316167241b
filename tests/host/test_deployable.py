"""What check_deployable refuses, and where the default release is looked for."""

from dataclasses import replace
from pathlib import Path

import pytest

from microfer.errors import MicroferError
from microfer.release import default_model
from microfer.tflite.check import check_deployable
from microfer.tflite.graph import TfliteModel
from microfer.tflite.metadata import ModelMetadata, embed_metadata
from microfer.tflite.tflite_file import read

TINY = (Path(__file__).resolve().parents[1] / "golden" / "tiny_int8.tflite").read_bytes()


@pytest.fixture(scope="module")
def model() -> TfliteModel:
    return read(embed_metadata(TINY, ModelMetadata("tiny-test-1", "tiny", arena=None)), name="tiny.tflite")


def test_a_good_model_passes(model):
    check_deployable(model)


def test_weights_that_are_not_aligned_are_refused():
    """The converter's own output, before the metadata was embedded."""
    with pytest.raises(MicroferError, match="not at a multiple of 16; quantize the network with microfer"):
        check_deployable(read(TINY))


@pytest.mark.parametrize("beyond", [1, 4, 8, 12])
def test_weights_that_begin_between_two_vectors_are_refused(model, beyond):
    tensors = tuple(replace(tensor, data_offset=tensor.data_offset + beyond) for tensor in model.tensors)
    with pytest.raises(MicroferError, match="not at a multiple of 16"):
        check_deployable(replace(model, tensors=tensors))


def test_another_schema_version_is_refused(model):
    with pytest.raises(MicroferError, match=r"version 2 of the \.tflite schema, TFLM reads version 3"):
        check_deployable(replace(model, schema_version=2))


@pytest.mark.parametrize("what", ["subgraphs", "inputs", "outputs"])
@pytest.mark.parametrize("count", [0, 2])
def test_any_other_count_than_one_is_refused(model, what, count):
    changes = {"subgraphs": {"subgraph_count": count}, "inputs": {"inputs": (0,) * count}}
    change = changes.get(what, {"outputs": (0,) * count})
    with pytest.raises(MicroferError, match=rf"tiny\.tflite has {count} {what}, expected one"):
        check_deployable(replace(model, **change))


@pytest.mark.parametrize(
    ("end", "change", "message"),
    [
        ("input", {"type": "FLOAT32"}, "is FLOAT32, expected INT8; quantize the float network"),
        ("input", {"type": "UINT8"}, "is UINT8, expected INT8"),
        ("input", {"shape": (1, 64, 64, 1)}, r"shape \(1, 64, 64, 1\), expected \(1, 48, 48, 1\)"),
        ("input", {"scales": (1 / 128,)}, "scale 0.0078125 and zero point -128, expected 0.00392156886 and -128"),
        ("input", {"zero_points": (0,)}, "zero point 0, expected .* span black to white"),
        ("input", {"scales": ()}, "scale none"),
        ("output", {"type": "FLOAT32"}, "is FLOAT32, expected INT8"),
        ("output", {"shape": (1, 17)}, r"shape \(1, 17\), expected \(1, 2\) to \(1, 16\)"),
        ("output", {"shape": (1, 1)}, r"shape \(1, 1\), expected \(1, 2\) to \(1, 16\)"),
        ("output", {"scales": (0.1,)}, "expected 0.00390625 and -128; end the network with a softmax"),
        ("output", {"zero_points": (-128, -128)}, "zero point -128, -128"),
    ],
)
def test_an_end_that_differs_from_the_contract_is_refused(model, end, change, message):
    index = (model.inputs if end == "input" else model.outputs)[0]
    with pytest.raises(MicroferError, match=rf"tiny\.tflite: {end} .*{message}"):
        check_deployable(_with_tensor(model, index, **change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "BUILTIN_69"}, "built-in operator BUILTIN_69, which TFLM has not"),
        ({"name": "MyOp", "is_custom": True}, "custom operator 'MyOp', which the firmware lacks"),
        ({"name": "CONV_2D", "is_custom": True}, "custom operator 'CONV_2D'"),
    ],
)
def test_an_operator_that_tflm_lacks_is_refused(model, change, message):
    operators = (*model.operators, replace(model.operators[0], **change))
    with pytest.raises(MicroferError, match=message):
        check_deployable(replace(model, operators=operators))


def test_a_model_without_operators_is_refused(model):
    with pytest.raises(MicroferError, match="no operator"):
        check_deployable(replace(model, operators=()))


def test_a_weight_tensor_of_the_wrong_size_is_refused(model):
    kernel = model.operators[0].inputs[1]
    with pytest.raises(MicroferError, match=r"INT8 of shape \(4, 3, 3, 2\), takes 72 bytes, found 36"):
        check_deployable(_with_tensor(model, kernel, shape=(4, 3, 3, 2)))


def test_the_default_model_is_the_one_that_the_pointer_names(tmp_path):
    path = tmp_path / "first" / "model.tflite"
    path.parent.mkdir()
    path.write_bytes(TINY)
    (tmp_path / "DEFAULT").write_text("first\n")
    assert default_model(tmp_path) == path


def test_a_missing_pointer_says_to_name_a_model(tmp_path):
    with pytest.raises(MicroferError, match=r"DEFAULT is missing.*name a \.tflite"):
        default_model(tmp_path)


@pytest.mark.parametrize("name", ["", "\n", "..", "../other", "a/b", ".hidden", "/etc"])
def test_a_pointer_that_leaves_the_folder_is_refused(tmp_path, name):
    (tmp_path / "DEFAULT").write_text(name)
    with pytest.raises(MicroferError, match="expected the name of one folder"):
        default_model(tmp_path)


def test_a_pointer_to_a_missing_release_is_named(tmp_path):
    (tmp_path / "DEFAULT").write_text("gone")
    with pytest.raises(MicroferError, match=r"names 'gone', but .*model\.tflite is missing"):
        default_model(tmp_path)


def _with_tensor(model: TfliteModel, index: int, **change: object) -> TfliteModel:
    tensors = list(model.tensors)
    tensors[index] = replace(tensors[index], **change)
    return replace(model, tensors=tuple(tensors))
