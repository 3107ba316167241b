"""What Hypothesis makes of the .tflite reader, of everything that computes with what it read, and of the metadata.

A file that is refused ends in a MicroferError; one that is read can be estimated and linted, and nothing else happens.
"""

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.host.fuzzing import EXAMPLES, json_values, outcome

from microfer.contract import LABELS
from microfer.cost.document import document
from microfer.cost.estimate import estimate
from microfer.cost.lint import lint
from microfer.cost.profile import profile_in
from microfer.errors import MicroferError
from microfer.json_reader import JsonError, parse
from microfer.tflite.graph import TfliteModel
from microfer.tflite.metadata import read_metadata
from microfer.tflite.tflite_file import read

CONTENT = (Path(__file__).resolve().parents[1] / "golden" / "tiny_int8.tflite").read_bytes()
MODEL = read(CONTENT)
EXTREME = (0, 1, 2, 4, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, len(CONTENT))
RANDOM = settings(EXAMPLES, max_examples=max(300, EXAMPLES.max_examples))


def _use(content: bytes) -> TfliteModel | None:
    """Do all that `profile` does; return the model, or None where it was refused."""

    def profiled() -> TfliteModel:
        model = read(content)
        network = estimate(model)
        assert json.loads(json.dumps(document(network, lint(network)), allow_nan=False))
        return model

    return outcome(profiled)[0]


@RANDOM
@given(st.binary(max_size=200))
@example(b"\x08\0\0\0TFL3" + bytes(60))
def test_no_bytes_get_more_than_an_error_out_of_the_reader(tail):
    _use(tail)
    _use(b"\x08\0\0\0TFL3" + tail)


@RANDOM
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(CONTENT) - 4),
            st.one_of(st.sampled_from(EXTREME), st.integers(0, 2**32 - 1)),
            st.sampled_from((1, 2, 4)),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_no_replaced_words_get_more_than_an_error_out_of_the_cost_model(changes):
    content = bytearray(CONTENT)
    for at, value, width in changes:
        content[at : at + width] = (value % 2 ** (8 * width)).to_bytes(width, "little")
    _use(bytes(content))


@pytest.mark.parametrize("width", [1, 4])
def test_each_word_of_the_tables_may_be_anything(width):
    """The weights of the small model are a few; its tables are most of it. Every 13th byte, each extreme value."""
    refused = 0
    for count, at in enumerate(range(8, len(CONTENT) - 4, 13)):
        content = bytearray(CONTENT)
        content[at : at + width] = (EXTREME[count % len(EXTREME)] % 2 ** (8 * width)).to_bytes(width, "little")
        refused += _use(bytes(content)) is None
    assert refused > 20


GOOD = {
    "format_version": 1,
    "model_id": "a-1",
    "preset": "a",
    "input_layout": "plain",
    "labels": list(LABELS),
    "temperature": 1.0,
    "uncertain_below": 0.5,
    "arena": {"bytes": 1000, "measured_on": "host: x"},
    "golden": {"pictures_sha256": "0" * 64, "scores": [[0] * 7]},
    "score_floor": 3,
}


def _entry(content: bytes) -> None:
    outcome(lambda: read_metadata(replace(MODEL, metadata={"microfer": content})))


@RANDOM
@given(st.binary(max_size=100))
@example(b"[" * 100_000)
@example(b'{"temperature": 1e999}')
@example(b'{"score_floor": ' + b"9" * 5000 + b"}")
def test_no_bytes_get_more_than_an_error_out_of_the_metadata(content):
    _entry(content)


@RANDOM
@given(st.sampled_from(sorted(GOOD)), json_values)
@example("arena", {"bytes": 10**400, "measured_on": "host: x"})
@example("temperature", 10**400)
@example("golden", {"pictures_sha256": "0" * 64, "scores": [[[]] * 7]})
@example("labels", [{}])
@example("input_layout", [])
def test_no_value_of_a_key_gets_more_than_an_error_out_of_the_metadata(key, value):
    _entry(json.dumps({**GOOD, key: value}).encode("utf-8", "surrogatepass"))


@RANDOM
@given(st.sampled_from(("format_version", "model_sha256", "unit", "operators", "paths", "measured_on")), json_values)
@example("operators", [{"name": "CONV_2D", "value": 10**400}])
@example("operators", [{"name": "CONV_2D", "value": float("nan")}])
@example("measured_on", {"network_us": 10**400})
@example("paths", {"conv rows": [1]})
def test_no_value_of_a_key_gets_more_than_an_error_out_of_a_profile(key, value):
    good = {"format_version": 1, "model_sha256": "0" * 64, "unit": "us", "operators": [{"name": "ADD", "value": 1}]}
    with suppress(MicroferError, JsonError):
        profile_in(parse(json.dumps({**good, key: value}), with_nan=True), "profile")


def test_the_entry_that_the_others_are_made_of_is_a_good_one():
    assert read_metadata(replace(MODEL, metadata={"microfer": json.dumps(GOOD).encode()})).model_id == "a-1"
