"""The .tflite reader: what it says of a known file, and that a corrupt one ends in a MicroferError alone."""

import random
import time
from pathlib import Path

import pytest

from microfer.errors import MicroferError
from microfer.tflite.operators import RESOLVER_METHODS, TFLM_OPERATORS
from microfer.tflite.tflite_file import read

TINY = Path(__file__).resolve().parents[1] / "golden" / "tiny_int8.tflite"
CONTENT = TINY.read_bytes()


def test_the_tiny_model_reads_as_it_was_made():
    model = read(TINY)
    assert model.name == str(TINY)
    assert model.schema_version == 3
    assert model.description == "MLIR Converted."
    assert model.subgraph_count == 1
    names = [operator.name for operator in model.operators]
    assert names == [
        *("CONV_2D", "MAX_POOL_2D", "CONV_2D", "CONV_2D", "CONCATENATION", "CONV_2D", "ADD", "CONV_2D"),
        *("AVERAGE_POOL_2D", "RESHAPE", "SOFTMAX"),
    ]
    assert model.operator_names == tuple(sorted(set(names)))
    assert not any(operator.is_custom for operator in model.operators)
    assert set(model.metadata) == {"min_runtime_version", "CONVERSION_METADATA"}


def test_input_and_output_carry_the_contract_of_quantization():
    model = read(TINY)
    (crop,), (scores,) = model.inputs, model.outputs
    crop, scores = model.tensors[crop], model.tensors[scores]
    assert (crop.shape, crop.type, crop.zero_points) == ((1, 48, 48, 1), "INT8", (-128,))
    assert crop.scales == pytest.approx((1 / 255,), rel=1e-7)
    assert (scores.shape, scores.type, scores.scales, scores.zero_points) == ((1, 7), "INT8", (1 / 256,), (-128,))
    assert crop.data_bytes == scores.data_bytes == 0


def test_a_weight_tensor_has_its_data_and_one_scale_a_channel():
    model = read(TINY)
    stem = model.operators[0]
    kernel, bias = (model.tensors[index] for index in stem.inputs[1:])
    assert kernel.shape == (4, 3, 3, 1)
    assert kernel.data_bytes == 4 * 3 * 3 * 1
    assert (len(kernel.scales), len(kernel.zero_points), kernel.quantized_dimension) == (4, 4, 0)
    assert (bias.type, bias.data_bytes) == ("INT32", 4 * 4)
    assert model.content[kernel.data_offset : kernel.data_offset + kernel.data_bytes] != bytes(36)


def test_the_reader_agrees_with_the_generated_schema_code():
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason="needs ai-edge-litert")
    model, oracle = read(TINY), schema.ModelT.InitFromObj(schema.Model.GetRootAs(CONTENT, 0))
    graph = oracle.subgraphs[0]
    assert len(model.tensors) == len(graph.tensors)
    for mine, theirs in zip(model.tensors, graph.tensors, strict=True):
        assert mine.name == theirs.name.decode()
        assert mine.shape == tuple(theirs.shape if theirs.shape is not None else ())
        assert getattr(schema.TensorType, mine.type) == theirs.type
        scales = theirs.quantization.scale if theirs.quantization else None
        assert mine.scales == tuple(scales if scales is not None else ())
        data = oracle.buffers[theirs.buffer].data
        expected = bytes(data) if data is not None else b""
        assert model.content[mine.data_offset : mine.data_offset + mine.data_bytes] == expected
    for mine, theirs in zip(model.operators, graph.operators, strict=True):
        code = oracle.operatorCodes[theirs.opcodeIndex]
        assert getattr(schema.BuiltinOperator, mine.name) == code.builtinCode
        assert (mine.version, mine.inputs, mine.outputs) == (code.version, tuple(theirs.inputs), tuple(theirs.outputs))


def test_every_operator_name_is_the_schemas():
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated", reason="needs ai-edge-litert")
    assert len(TFLM_OPERATORS) == len(RESOLVER_METHODS) == 100
    for number, (name, method) in TFLM_OPERATORS.items():
        assert getattr(schema.BuiltinOperator, name) == number
        assert method.startswith("Add")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MicroferError, match=r"cannot read .*nowhere\.tflite"):
        read(tmp_path / "nowhere.tflite")


@pytest.mark.parametrize("content", [b"", b"\x1c\x00", b"hello, I am a text file", CONTENT[:8]])
def test_what_is_no_tflite_is_named(tmp_path, content):
    path = tmp_path / "broken.tflite"
    path.write_bytes(content)
    with pytest.raises(MicroferError, match=r"broken\.tflite is not a valid .tflite"):
        read(path)


def test_a_truncated_file_says_how_long_it_is():
    with pytest.raises(MicroferError, match=rf"half a model is not a valid .tflite \({len(CONTENT) // 2} bytes\)"):
        read(CONTENT[: len(CONTENT) // 2], name="half a model")


def test_a_file_whose_vectors_repeat_one_another_ends_soon():
    """Thousands of tensors that all share one table of thousands of numbers: small to store, endless to read."""
    begun = time.process_time()
    with pytest.raises(MicroferError, match="again and again"):
        read(_bomb())
    assert time.process_time() - begun < 1


@pytest.mark.parametrize("seed", range(4))
def test_no_damage_gets_more_than_a_microfer_error_out_of_the_reader(seed):
    """1,000 files a seed: cut anywhere, bits flipped, bytes and 32-bit words replaced by extreme ones."""
    random_source = random.Random(seed)
    survivors = 0
    for _ in range(1000):
        try:
            model = read(_damaged(random_source))
        except MicroferError:
            continue
        survivors += 1
        for tensor in model.tensors:
            assert 0 <= tensor.data_offset <= tensor.data_offset + tensor.data_bytes <= len(model.content)
    assert 0 < survivors < 1000  # damage in the weights goes unseen, damage in the structure does not


def _damaged(random_source: random.Random) -> bytes:
    content = bytearray(CONTENT)
    kind = random_source.randrange(3)
    if kind == 0:
        return bytes(content[: random_source.randrange(len(content))])
    for _ in range(random_source.randrange(1, 9)):
        at = random_source.randrange(len(content) - 4)
        if kind == 1:
            content[at] ^= 1 << random_source.randrange(8)
        else:
            extreme = random_source.choice([0, 1, 0x7F, 0x80, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, len(content)])
            content[at : at + 4] = extreme.to_bytes(4, "little")
    return bytes(content)


def _bomb() -> bytes:
    """Return a .tflite in which 2,000 vector entries lead to one tensor with a shape of 2,000 numbers."""
    import flatbuffers

    builder = flatbuffers.Builder(0)
    builder.StartVector(4, 2000, 4)
    for _ in range(2000):
        builder.PrependInt32(1)
    shape = builder.EndVector()
    builder.StartObject(4)
    builder.PrependUOffsetTRelativeSlot(0, shape, 0)
    tensor = builder.EndObject()
    builder.StartVector(4, 2000, 4)
    for _ in range(2000):
        builder.PrependUOffsetTRelative(tensor)
    tensors = builder.EndVector()
    builder.StartObject(5)
    builder.PrependUOffsetTRelativeSlot(0, tensors, 0)
    graph = builder.EndObject()
    builder.StartObject(1)
    buffer = builder.EndObject()
    vectors = []
    for table in (graph, buffer):
        builder.StartVector(4, 1, 4)
        builder.PrependUOffsetTRelative(table)
        vectors.append(builder.EndVector())
    builder.StartObject(8)
    builder.PrependUOffsetTRelativeSlot(2, vectors[0], 0)
    builder.PrependUOffsetTRelativeSlot(4, vectors[1], 0)
    builder.Finish(builder.EndObject(), file_identifier=b"TFL3")
    return bytes(builder.Output())
