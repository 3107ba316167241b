"""JSON from outside: bounds before anything else, then the types that its reader expects."""

import json
from dataclasses import dataclass
from typing import Annotated, Literal

import pytest

from microfer.errors import MicroferError
from microfer.json_reader import DEEPEST, JsonError, Length, Pattern, Range, parse, read_json, typed


@dataclass(frozen=True)
class Row:
    name: str
    value: Annotated[float, Range(0, 10)]


@dataclass(frozen=True)
class Table:
    kind: Literal["us", "ticks"]
    rows: tuple[Row, ...]
    size: tuple[int, int] = (1, 1)
    flags: bool | tuple[int, ...] = False
    note: str | None = None


@pytest.mark.parametrize("content", ["[" * DEEPEST + "]" * DEEPEST, '{"a": [1, 2.5, null, true, "ä"]}', str(2**64 - 1)])
def test_what_json_can_say_within_the_bounds_comes_back_as_it_is(content: str) -> None:
    assert parse(content.encode()) == json.loads(content)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), "more than 32 deep"),
        ("[" * 990 + "]" * 990, "more than 32 deep"),
        ("[" * 200_000, "more than 32 deep"),
        ('{"a":' * 200_000, "more than 32 deep"),
        ('{"speed": 1' + "0" * 400 + "}", "401 digits"),
        ("9" * 5000, "5000 digits"),
        (str(2**64), "20 digits"),
        ("1e400", "beyond every float"),
        ("-1e400", "beyond every float"),
        ("NaN", "NaN is not a number"),
        ("[-Infinity]", "-Infinity is not a number"),
        ('"\\ud800"', "half a character"),
        ('{"\\udfff": 1}', "half a character"),
        ('{"a": 1, "a": 2}', "the same key twice"),
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[1] [2]", "not JSON"),
    ],
)
def test_what_leaves_the_bounds_is_refused_in_words(content: str, why: str) -> None:
    with pytest.raises(JsonError, match=why):
        parse(content.encode())


def test_bytes_that_are_no_utf_8_and_too_many_of_them_are_refused() -> None:
    with pytest.raises(JsonError, match="not JSON"):
        parse(b'"\xff"')
    assert parse(b"[1]", longest=3) == [1]
    with pytest.raises(JsonError, match="4 bytes, expected at most 3"):
        parse(b"[12]", longest=3)


def test_nan_is_let_be_where_the_caller_says_so() -> None:
    assert parse("[Infinity]", with_nan=True) == [float("inf")]


def test_objects_and_lists_become_the_dataclasses_and_tuples_that_are_expected() -> None:
    value = {"kind": "us", "rows": [{"name": "conv", "value": 3}], "size": [2, 3], "flags": [1]}
    assert typed(value, Table) == Table("us", (Row("conv", 3.0),), (2, 3), (1,))


def test_a_whole_number_in_place_of_a_float_is_written_again_as_it_was_read() -> None:
    assert repr(typed(parse('[{"epoch": 1, "loss": 1.0}]'), list[dict[str, float]])) == "[{'epoch': 1, 'loss': 1.0}]"


RIGHT = {"kind": "us", "rows": [{"name": "conv", "value": 3}]}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kind": "hours"}, "kind is 'hours', expected 'us' or 'ticks'"),
        ({"rows": {}}, "rows is {}, expected a list"),
        ({"rows": [{"name": "a", "value": True}]}, r"rows\[0\].value is True, expected a number"),
        ({"rows": [{"name": "a", "value": 11}]}, r"rows\[0\].value is 11, expected a number from 0 to 10"),
        ({"rows": [{"name": "a"}]}, r"rows\[0\] lacks the key 'value'"),
        ({"rows": [{"name": "a", "value": 1, "x": 1}]}, r"rows\[0\] has the unknown key 'x'"),
        ({"rows": [7]}, r"rows\[0\] is 7, expected an object"),
        ({"size": [1]}, r"size is \[1\], expected a list of 2"),
        ({"size": [1, 1.5]}, r"size\[1\] is 1.5, expected a whole number"),
        ({"flags": "x"}, "flags is 'x', expected"),
        ({"note": 1}, "note is 1, expected a text"),
    ],
)
def test_a_value_of_another_type_is_named_by_its_place(change: dict[str, object], why: str) -> None:
    with pytest.raises(JsonError, match=why):
        typed(RIGHT | change, Table)


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        (Annotated[int, Range(1, 3)], (1, 3), (0, 4)),
        (Annotated[tuple[int, ...], Length(1, 2)], ([1], [1, 2]), ([], [1, 2, 3])),
        (Annotated[str, Pattern("[a-z]+", "letters")], ("abc",), ("", "ab1", "a\n")),
        (dict[str, int], ({}, {"a": 1}), ({"a": "1"}, [])),
    ],
)
def test_bounds_let_their_ends_in_and_nothing_beyond(kind, right, wrong) -> None:
    for value in right:
        typed(value, kind)
    for value in wrong:
        with pytest.raises(JsonError):
            typed(value, kind)


def test_a_file_is_named_with_what_to_do(tmp_path) -> None:
    (tmp_path / "run.json").write_text("[]")
    with pytest.raises(MicroferError, match=r"run\.json cannot be used: it is \[\], expected an object; train again"):
        read_json(tmp_path / "run.json", dict[str, int], "train again")
