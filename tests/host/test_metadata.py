"""The `microfer` metadata entry: what it holds, how it gets into a .tflite, what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from microfer.contract import LABELS
from microfer.errors import MicroferError
from microfer.tflite.metadata import ENTRY_NAME, Arena, Golden, ModelMetadata, embed_metadata, read_metadata
from microfer.tflite.tflite_file import read

TINY = (Path(__file__).resolve().parents[1] / "golden" / "tiny_int8.tflite").read_bytes()
METADATA = ModelMetadata(
    model_id="tiny-test-1",
    preset="tiny",
    arena=Arena(bytes=31_337, measured_on="host: tflite-micro 0.dev1, Linux x86-64"),
    temperature=1.25,
    uncertain_below=0.4,
)
WITH_GOLDEN = replace(METADATA, golden=Golden("0123456789abcdef" * 4, ((-128, 127, 0, 1, 2, 3, 4), (5,) * 7)))


@pytest.fixture(scope="module")
def embedded() -> bytes:
    return embed_metadata(TINY, METADATA)


def test_what_was_embedded_is_read_back(embedded):
    assert read_metadata(read(embedded)) == METADATA


def test_golden_scores_are_read_back_and_an_entry_without_them_says_none(embedded):
    assert read_metadata(read(embed_metadata(TINY, WITH_GOLDEN))) == WITH_GOLDEN
    assert b"golden" not in METADATA.to_json()
    assert read_metadata(read(embedded)).golden is None


def test_a_score_floor_is_read_back_and_an_entry_without_it_has_none(embedded):
    floored = replace(METADATA, score_floor=4)
    assert b'"score_floor":4' in floored.to_json()
    assert read_metadata(read(embed_metadata(TINY, floored))) == floored
    assert b"score_floor" not in METADATA.to_json()
    assert read_metadata(read(embedded)).score_floor == 0


def test_the_entry_is_compact_json_with_sorted_keys(embedded):
    entry = read(embedded).metadata[ENTRY_NAME]
    assert entry == (
        b'{"arena":{"bytes":31337,"measured_on":"host: tflite-micro 0.dev1, Linux x86-64"},"format_version":1,'
        b'"input_layout":"plain","labels":["anger","disgust","fear","happiness","sadness","surprise","neutral"],'
        b'"model_id":"tiny-test-1","preset":"tiny","temperature":1.25,"uncertain_below":0.4}'
    )


def test_the_converters_own_metadata_stays(embedded):
    before, after = read(TINY).metadata, dict(read(embedded).metadata)
    del after[ENTRY_NAME]
    assert after == before


def test_embedding_twice_replaces_the_entry_and_leaves_no_trace(embedded):
    other = embed_metadata(TINY, replace(METADATA, model_id="something-else", arena=None, temperature=1))
    assert embed_metadata(other, METADATA) == embedded
    assert embed_metadata(embedded, METADATA) == embedded


def test_the_same_input_gives_the_same_bytes(embedded):
    assert embed_metadata(TINY, METADATA) == embedded


def test_all_constant_data_begins_at_multiples_of_sixteen(embedded):
    """The converter's own file does not hold this, so the test can fail."""
    assert {tensor.data_offset % 16 for tensor in read(TINY).tensors} != {0}
    assert {tensor.data_offset % 16 for tensor in read(embedded).tensors} == {0}


def test_litert_gives_the_same_outputs_before_and_after(embedded):
    litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert")

    def outputs(content: bytes) -> list[bytes]:
        resolver = litert.OpResolverType.BUILTIN_REF
        interpreter = litert.Interpreter(model_content=content, experimental_op_resolver_type=resolver, num_threads=1)
        interpreter.allocate_tensors()
        (entrance,), (exit_,) = interpreter.get_input_details(), interpreter.get_output_details()
        results = []
        for crop in _crops():
            interpreter.set_tensor(entrance["index"], crop)
            interpreter.invoke()
            results.append(interpreter.get_tensor(exit_["index"]).tobytes())
        return results

    assert outputs(embedded) == outputs(TINY)
    assert len(set(outputs(TINY))) > 10  # the outputs do depend on the input


def test_tflm_gives_the_same_outputs_before_and_after(embedded):
    tflm = pytest.importorskip("tflite_micro.python.tflite_micro.runtime", reason="needs tflite-micro (Linux x86-64)")

    def outputs(content: bytes) -> list[bytes]:
        interpreter = tflm.Interpreter.from_bytes(content)
        results = []
        for crop in _crops():
            interpreter.set_input(crop, 0)
            interpreter.invoke()
            results.append(interpreter.get_output(0).tobytes())
        return results

    assert outputs(embedded) == outputs(TINY)


def test_a_model_without_the_entry_says_which_entries_it_has():
    with pytest.raises(
        MicroferError, match=r"the .tflite has no metadata entry named 'microfer' .*min_runtime_version"
    ):
        read_metadata(read(TINY))


def test_embedding_into_a_corrupt_file_is_refused():
    with pytest.raises(MicroferError, match=r"not a valid \.tflite"):
        embed_metadata(TINY[: len(TINY) // 2], METADATA)


WRONG_VALUES = {
    "format_version": [2, "1", True, None],
    "model_id": ["", "Thesis", "a" * 32, "two words", 'quote"', "new\nline", 7, None],
    "preset": ["", "UPPER", None],
    "input_layout": ["blocks", None, 1],
    "labels": [list(LABELS[::-1]), list(LABELS[:6]), [*LABELS, "contempt"], "anger", None],
    "temperature": [0, -1.0, 1e9, "1", True, None],
    "uncertain_below": [-0.1, 1.0, "0", False, None],
    "score_floor": [-1, 31, 4.0, "4", True, None],
    "arena": [[], 5, "122 KiB"],
    "arena.bytes": [0, -1, 1.5, True, 2**31, None],
    "golden": [None, [], 5],
    "golden.pictures_sha256": ["", "0" * 63, "G" * 64, 7, None],
    "golden.scores": [
        [],
        None,
        5,
        [1],
        [[0] * 6],
        [[0] * 8],
        [[0] * 6 + [128]],
        [[-129] + [0] * 6],
        [[0.0] * 7],
        [[True] * 7],
    ],
    "arena.measured_on": ["", "ESP32-S3", "host", "host */ int x;", "host\\", "host\nx", 1],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in WRONG_VALUES.items() for value in values])
def test_a_wrong_value_names_its_key_and_the_file(key, value):
    content = json.loads(WITH_GOLDEN.to_json())
    *outer, last = key.split(".")
    (content[outer[0]] if outer else content)[last] = value
    with pytest.raises(MicroferError) as caught:
        read_metadata(_with_entry(json.dumps(content).encode()))
    assert key in str(caught.value)
    assert "some.tflite" in str(caught.value)


@pytest.mark.parametrize("key", json.loads(METADATA.to_json()))
def test_a_missing_key_is_named(key):
    content = json.loads(METADATA.to_json())
    del content[key]
    with pytest.raises(MicroferError, match=f"lacks the key '{key}'"):
        read_metadata(_with_entry(json.dumps(content).encode()))


@pytest.mark.parametrize("key", ["pictures_sha256", "scores"])
def test_golden_scores_without_a_part_are_refused(key):
    content = json.loads(WITH_GOLDEN.to_json())
    del content["golden"][key]
    with pytest.raises(MicroferError, match=f"golden lacks the key '{key}'"):
        read_metadata(_with_entry(json.dumps(content).encode()))


def test_an_unknown_key_is_named():
    content = json.loads(METADATA.to_json()) | {"device_arena": 1}
    with pytest.raises(MicroferError, match="unknown key 'device_arena'"):
        read_metadata(_with_entry(json.dumps(content).encode()))


@pytest.mark.parametrize("entry", [b"", b"\xff\xfe", b"{", b"[" * 100_000, b"NaN", b"[]", b"7"])
def test_an_entry_that_is_no_json_object_is_refused(entry):
    with pytest.raises(MicroferError, match=r"some\.tflite: metadata entry 'microfer'"):
        read_metadata(_with_entry(entry))


def test_not_a_number_is_no_temperature():
    with pytest.raises(MicroferError, match="temperature"):
        replace(METADATA, temperature=float("nan"))


def _with_entry(entry: bytes):
    return replace(read(TINY, name="some.tflite"), metadata={ENTRY_NAME: entry})


def _crops() -> list[np.ndarray]:
    random_source = np.random.default_rng(5)
    return [random_source.integers(-128, 128, (1, 48, 48, 1)).astype(np.int8) for _ in range(40)]
