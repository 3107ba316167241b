"""The readers in Python against inputs that atheris makes up, steered by coverage; see python_fuzz.py beside this.

pytest tests/fuzz/test_python_fuzz.py                  what the targets start from; no atheris needed
pytest tests/fuzz/test_python_fuzz.py --soak -s        ten minutes each, with figures
"""

import os
from importlib.util import find_spec

import pytest
from tests.fuzz import python_fuzz


@pytest.fixture(scope="module")
def targets():
    return python_fuzz.targets()


@pytest.mark.parametrize("name", python_fuzz.NAMES)
def test_what_a_target_starts_from_is_read(targets, name):
    read_input, seeds = targets[name]
    for seed in seeds:
        read_input(seed)
        read_input(seed[: len(seed) // 2])
        read_input(b"")


def test_every_target_is_offered(targets):
    assert set(targets) == set(python_fuzz.NAMES)


@pytest.mark.soak
@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris is not installed: it has wheels for few Pythons")
@pytest.mark.parametrize("name", python_fuzz.NAMES)
def test_no_input_breaks_a_reader(name, tmp_path):
    found = python_fuzz.figures(name, int(float(os.environ["MICROFER_SOAK_S"])), tmp_path)
    print(f"\n{name}: {found['runs']:,} runs, {found['edges']} edges")
    assert not found["findings"], found["said"]
