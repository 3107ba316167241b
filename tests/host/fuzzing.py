"""What the fuzzing tests share: how many examples, how bytes are damaged, and the only way in which a reader may fail.

A few hundred examples, always the same, in the normal tier; with `--soak` so many as fill MICROFER_SOAK_S seconds.
"""

import copy
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from microfer.errors import MicroferError

SOAK_S = float(os.environ.get("MICROFER_SOAK_S", "0"))
EXAMPLES = settings(
    max_examples=int(50 * SOAK_S) or 100,
    derandomize=not SOAK_S,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
LONGEST_ERROR = 3000

changes = st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), max_size=8)
"""Places and values of bytes, for `damaged`."""

numbers = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([0, -1, 1, 2**31, 2**32, 2**63, 2**64, 10**400, 1e308, -0.0, 1e-320]),
)
texts = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["", "\x1b]0;x\x07", "\ud800", "../../etc/passwd", "x" * 5000, "\u202e", "0", "true"]),
)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)
"""What JSON can say, and what Python's writer lets through as well: NaN, infinities, half characters."""


def damaged(content: bytes, at_values: list[tuple[int, int]], cut: int) -> bytes:
    """Return bytes with some of them replaced and up to `cut` of the last ones missing."""
    changed = bytearray(content)
    for at, value in at_values:
        changed[at % len(changed)] = value
    return bytes(changed[: len(changed) - cut % len(changed)])


def documents(right: Any) -> st.SearchStrategy[bytes]:
    """Return JSON that is `right` but for up to three values, keys or elements of it; sometimes all of it is other."""
    places = list(_places(right))
    edits = st.lists(st.tuples(st.sampled_from(places), json_values, st.integers(0, 3)), min_size=1, max_size=3)
    return st.one_of(edits.map(lambda chosen: _edited(right, chosen)), edits.map(lambda _: right), json_values).map(
        lambda value: json.dumps(value).encode("utf-8", "surrogatepass")
    )


def outcome(read: Callable[[], Any]) -> tuple[Any, str]:
    """Return what a reader returns, or None and the text of its MicroferError; it may raise nothing else."""
    try:
        return read(), ""
    except MicroferError as error:
        text = str(error)
        assert text
        assert len(text) < LONGEST_ERROR
        return None, text


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _places(inner, (*path, key))


def _edited(right: Any, edits: list[tuple[tuple[Any, ...], Any, int]]) -> Any:
    document = copy.deepcopy(right)
    for (*way, last), value, kind in edits:
        place = document
        try:
            for key in way:
                place = place[key]
            if kind == 0:
                del place[last]
            elif kind == 1 and isinstance(place, dict):
                place[str(value)] = place[last]
            elif kind == 1:
                place.insert(last, place[last])
            else:
                place[last] = value
        except (KeyError, IndexError, TypeError, AttributeError):  # an edit before this one took the place away
            continue
    return document
