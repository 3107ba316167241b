"""The numbers that host and board share: exported from the contract, used by the firmware, typed nowhere else."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.firmware import make_generated

from microfer import contract
from microfer.export.constants_header import CONSTANTS, LOAD_OUTCOMES, constants_header
from microfer.export.model_files import Source, model_data_header, model_data_source
from microfer.tflite import tflite_file
from microfer.virtual_board.parts import LoadOutcome

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {
    path: path.read_text()
    for part in ("lib", "src", "host")
    for path in (ROOT / "firmware" / part).rglob("*")
    if path.suffix in (".h", ".cc") and path.parent.name != "generated"
}


@pytest.mark.parametrize("name", [name for _, name, _, _ in CONSTANTS])
def test_a_shared_number_is_used_by_the_firmware_and_typed_in_the_contract_alone(name):
    assert any(re.search(rf"\b{name}\b", text) for text in SOURCES.values())
    typed = [f"{path}: {line}" for path, text in SOURCES.items() for line in re.findall(rf"\b{name} = .*", text)]
    assert [line for line in typed if f"microfer::{name}" not in line] == []


def test_each_of_them_is_in_the_header_with_its_value():
    text = constants_header()
    assert len({name for _, name, _, _ in CONSTANTS}) == len(CONSTANTS)
    for kind, name, value, _ in CONSTANTS:
        assert f"inline constexpr {kind} {name} = {value};" in text


def test_the_outcomes_of_loading_have_the_same_numbers_on_both_sides():
    assert tuple(LOAD_OUTCOMES) == contract.LOAD_OUTCOMES
    for number, name in enumerate(contract.LOAD_OUTCOMES):
        constant = "k" + name.title().replace("_", "")
        assert re.search(rf"\b{constant} = {number},", constants_header())
        assert LoadOutcome[name.upper()] == number


def test_the_buffers_hold_what_they_are_for():
    from microfer.link.messages import MAX_ENCODED_BYTES

    assert contract.SEND_BUFFER_BYTES >= 3 * (MAX_ENCODED_BYTES + 2)
    assert contract.RECEIVE_BUFFER_BYTES >= MAX_ENCODED_BYTES + 2 + 1024


def test_the_model_lies_on_sixteen_bytes_in_the_firmware():
    source = Source(tflite_file.read(make_generated.GOLDEN / "tiny_int8.tflite"), make_generated.METADATA, ())
    for text in (model_data_header(source), model_data_source(source)):
        assert re.findall(r"alignas\((\d+)\)", text) == ["16"]


def test_the_header_needs_the_standard_library_alone():
    program = f"import sys; sys.path.insert(0, {str(ROOT / 'host')!r}); import microfer.export.constants_header"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr == ""
