"""Reading what the chip's program printed, and what is written from it."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from scripts import measure

from microfer import release
from microfer.errors import MicroferError
from microfer.export.constants_header import constants_header
from microfer.release import MODEL_FILE, MODELS
from microfer.studies.chip import kernel_report
from microfer.tflite import tflite_file
from microfer.tflite.metadata import embed_metadata, read_metadata

THESIS = MODELS / "thesis-bn-1" / MODEL_FILE
"""Stands in for the default release, whichever that is."""


@pytest.fixture(autouse=True)
def default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_report, "default_model", lambda: THESIS)
    monkeypatch.setattr(release, "default_model", lambda: THESIS)


@pytest.fixture(scope="module")
def log() -> str:
    """A run in which ESP-NN takes 40,000 us for an operator and microfer 4,000."""
    names = [operator.name for operator in tflite_file.read(THESIS).operators]
    lines = ["I (376) main_task: Calling app_main()"]
    for backend, us in (("esp-nn", 40_000), ("microfer", 4_000)):
        lines.append(f"network {backend} equal 35 of 35 arena 1000 us {us * len(names)}")
        lines += [f"operator {backend} {index} {name} {us}" for index, name in enumerate(names)]
    return "\n".join([*lines, "cases 2500 outputs 1 differ 0", "end"])


def arguments_of(folder: Path) -> list[str]:
    log = str(folder / "log.txt")
    return ["measure.py", "kernels", "--log", log, "--out", str(folder), "--pictures", str(folder)]


def test_microseconds_become_instructions_and_products_an_instruction(log):
    counts, networks, cases = kernel_report.read_log(log)
    rows = kernel_report.rows_of(THESIS, counts)
    stem = rows[1]
    assert (stem.name, stem.outputs, stem.products) == ("CONV_2D", 24 * 24 * 96, 49)
    assert (stem.esp_nn, stem.microfer) == (10_000_000, 1_000_000)
    assert stem.per_instruction == round(24 * 24 * 96 * 49 / 1_000_000, 2)
    assert networks["microfer"]["instructions"] == 1_000_000 * len(rows)
    assert cases == ["cases 2500 outputs 1 differ 0"]
    assert kernel_report.table(rows)[-1].startswith(f"| **everything** | | | {10_000_000 * len(rows):,} | ")


def test_weights_of_rows_gathered_in_parts_are_read_again(log):
    rows = kernel_report.rows_of(THESIS, kernel_report.read_log(log)[0])
    twice = next(row for row in rows if row.what == "3x3, 32 to 128, 12x12")
    once = next(row for row in rows if row.what == "3x3, 32 to 128, 6x6")
    assert (twice.weights_bytes, once.weights_bytes) == (2 * 288 * 128, 288 * 128)


def test_json_and_picture_are_written(log, tmp_path, monkeypatch, capsys):
    (tmp_path / "log.txt").write_text(log)
    arguments = arguments_of(tmp_path)
    monkeypatch.setattr(sys, "argv", arguments)
    measure.main()
    assert json.loads((tmp_path / "kernels.json").read_text())["totals"]["CONV_2D"]["microfer"] == 35_000_000
    assert (tmp_path / "kernels.png").read_bytes().startswith(b"\x89PNG")
    assert "everything" in capsys.readouterr().out


def test_another_model_is_a_row_beside_the_default_release(log, tmp_path, monkeypatch):
    (tmp_path / "log.txt").write_text(log)
    other = tmp_path / "other.tflite"
    content = THESIS.read_bytes()
    metadata = replace(read_metadata(tflite_file.read(content)), model_id="other-1")
    other.write_bytes(embed_metadata(content, metadata))
    arguments = arguments_of(tmp_path)
    monkeypatch.setattr(sys, "argv", [*arguments, "--model", str(other)])
    with pytest.raises(MicroferError, match="measure the default release first"):
        measure.main()
    monkeypatch.setattr(sys, "argv", arguments)
    measure.main()
    whole = json.loads((tmp_path / "kernels.json").read_text())
    for more in (["--model", str(other)], []):  # measuring the default release again forgets no other
        monkeypatch.setattr(sys, "argv", [*arguments, *more])
        measure.main()
        kept = json.loads((tmp_path / "kernels.json").read_text())
        assert kept["operators"] == whole["operators"]
        assert kept["others"]["other-1"]["networks"]["microfer"]["equal"] == "35 of 35"
        assert "| other-1 | 590.00 M | 59.00 M | 1 KiB | 1 KiB | 35 of 35 |" in kernel_report.others_table(kept)


def test_the_default_release_of_before_is_kept_beside_the_one_of_now(log, tmp_path, monkeypatch):
    (tmp_path / "log.txt").write_text(log)
    monkeypatch.setattr(sys, "argv", arguments_of(tmp_path))
    measure.main()
    path = tmp_path / "kernels.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model": "older-1"}))
    measure.main()
    kept = json.loads(path.read_text())
    assert kept["model"] == "thesis-bn-1"
    assert list(kept["others"]) == ["older-1"]
    assert kept["others"]["older-1"]["operators"] == kept["operators"]


@pytest.mark.parametrize(
    ("cut", "reason"), [("operator microfer", "no operators of both"), ("operator microfer 58", "of another model")]
)
def test_an_incomplete_log_is_refused(log, cut, reason):
    text = "\n".join(line for line in log.splitlines() if not line.startswith(cut))
    with pytest.raises(MicroferError, match=reason):
        kernel_report.rows_of(THESIS, kernel_report.read_log(text)[0])


def test_the_room_for_gathered_rows_is_the_firmwares():
    assert f"kMostGatheredBytes = {kernel_report.MOST_GATHERED_BYTES};" in constants_header()
