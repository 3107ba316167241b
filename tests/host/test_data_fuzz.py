"""Thousands of damaged and invented data sets: each is read, or refused by one error that names it.

pytest tests/host/test_data_fuzz.py                        a few hundred examples, always the same
pytest tests/host/test_data_fuzz.py --soak                 for about ten minutes each, and others every time
"""

import io
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.host.fuzzing import EXAMPLES, changes, damaged, outcome
from tests.host.test_fer2013 import FACES, GOOD_PIXELS, csv_of, encoded

from microfer.contract import LABELS, NUM_CLASSES
from microfer.data import description, fer2013
from microfer.data.csv_reader import read_csv
from microfer.data.dataset import USAGES, Dataset
from microfer.data.decoding import picture_size


def assert_whole(data: Dataset) -> None:
    assert data.images.shape == (len(data), 48, 48)
    assert data.images.dtype == np.uint8
    assert len(data) > 0
    assert set(data.labels) <= set(range(NUM_CLASSES))
    assert set(data.usage) <= set(USAGES)


def read_or_refused(read: Callable[[], Dataset], named: str) -> Dataset | None:
    """What a reader gives; whatever it is given, the only way to fail is an error of one line with the name."""
    data, error = outcome(read)
    if data is None:
        assert named in error
        assert len(error) < 3000
    else:
        assert_whole(data)
    return data


ROW = f"1,{GOOD_PIXELS},Training"
CSV = csv_of(ROW, f"6,{GOOD_PIXELS},PublicTest", ROW).encode()
PNG, JPEG = encoded(FACES[0]), encoded(FACES[0], ".jpg")

cells = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["0", "6", "7", "Training", GOOD_PIXELS, f"[{GOOD_PIXELS}]", GOOD_PIXELS[:-3], "..."]),
)
words = st.sampled_from(["train", "test", "val", "sad", "happy", "1", "7", "CK+48", "..", "a b", ".x", "Ärger", ""])
endings = st.sampled_from([".png", ".jpg", ".csv", ".txt", ".npy", "", ".PNG", ".toml"])
contents = st.sampled_from([PNG, PNG, JPEG, CSV, b"", b"\x89PNG", PNG[:-9], b"PK\x03\x04", b"\0" * 300])
names = st.tuples(st.lists(words, max_size=4), st.text("abc\\\x1b:*", min_size=1, max_size=4), endings).map(
    lambda parts: "/".join([*parts[0], parts[1] + parts[2]])
)
trees = st.dictionaries(names, contents, max_size=6)


@EXAMPLES
@given(changes, st.integers(0, 200), st.booleans())
def test_a_damaged_csv_is_read_or_refused(at_values, cut, is_wide):
    content = damaged(CSV.decode().encode("utf-16") if is_wide else CSV, at_values, cut)
    read_or_refused(lambda: read_csv(io.BytesIO(content), "fer.csv"), "fer.csv")


@EXAMPLES
@given(st.lists(st.lists(cells, max_size=5), max_size=4), st.sampled_from([",", ";", "\t"]), st.booleans())
def test_an_invented_csv_is_read_or_refused(rows, delimiter, has_header):
    header = [["emotion", "pixels", "Usage"]] if has_header else []
    text = "\n".join(delimiter.join(row) for row in [*header, *rows])
    data = read_or_refused(lambda: read_csv(io.BytesIO(text.encode("utf-8", "replace")), "fer.csv"), "fer.csv")
    if data is not None:
        assert all((image == FACES[0]).all() for image in data.images)


@EXAMPLES
@given(st.lists(st.sampled_from(range(NUM_CLASSES)), min_size=1, max_size=4), st.sampled_from(["utf-8", "utf-16"]))
def test_what_is_written_is_what_is_read(labels, encoding):
    rows = [f"{label},{' '.join(map(str, FACES[label].ravel()))},Training" for label in labels]
    data = read_csv(io.BytesIO(csv_of(*rows).encode(encoding)), "fer.csv")
    assert data.labels.tolist() == labels
    assert (data.images == FACES[labels]).all()


@EXAMPLES
@given(trees)
def test_an_invented_folder_is_read_or_refused(tree):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, content in tree.items():
            path = root / name.replace("..", "up")
            if path.exists() or any(above.is_file() for above in path.parents):
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        read_or_refused(lambda: fer2013.load(root), folder)


@EXAMPLES
@given(trees)
def test_an_invented_zip_is_read_or_refused(tree):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fer.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in tree.items():
                archive.writestr(name, content)
        read_or_refused(lambda: fer2013.load(path), "fer.zip")
        assert [found.name for found in Path(folder).iterdir()] == ["fer.zip"]


@pytest.fixture(scope="module")
def whole_zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for label, name in enumerate(LABELS):
            archive.writestr(f"train/{name}/{label}.png", encoded(FACES[label]))
    return packed.getvalue()


@EXAMPLES
@given(changes, st.integers(0, 60), st.booleans())
def test_a_damaged_zip_is_read_or_refused(whole_zip, at_values, cut, at_end):
    if at_end:  # where the table of contents is
        at_values = [(len(whole_zip) - 1 - at % 600, value) for at, value in at_values]
    content = damaged(whole_zip, at_values, cut)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "fer.zip"
        path.write_bytes(content)
        data = read_or_refused(lambda: fer2013.load(path), "fer.zip")
    if data is not None:
        assert all(any((image == face).all() for face in FACES) for image in data.images)


@EXAMPLES
@given(st.sampled_from([PNG, JPEG, *(encoded(FACES[0], s) for s in (".bmp", ".tif", ".pgm", ".webp"))]), changes)
def test_a_damaged_header_gives_a_size_or_none_or_an_error(content, at_values):
    changed = damaged(content, [(at % 64, value) for at, value in at_values], 0)
    size, error = outcome(lambda: picture_size(changed, "a.png"))
    assert size is None or min(size) >= 0
    assert not error or "at most" in error


@EXAMPLES
@given(
    st.one_of(
        st.text(max_size=60),
        st.builds(
            "{} = {}".format,
            st.sampled_from(["classes", "absent", "validation", "x"]),
            st.sampled_from(["3", '"sad"', '["sad"]', '{1 = "sad"}', '{1 = ""}', "[[[]]]", '"1e999%"', "nan"]),
        ),
    )
)
def test_an_invented_description_is_read_or_refused(text):
    said, error = outcome(lambda: description.parse(text.encode("utf-8", "replace"), "dataset.toml"))
    if said is None:
        assert error.startswith("dataset.toml: ")
    else:
        assert 0 <= said.validation <= 1
        assert all(label is None or label < NUM_CLASSES for label in said.meanings.values())
