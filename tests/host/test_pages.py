"""Pages and generated files are what measurements and sources make of them; figures are taken whole or not at all."""

import json
import re
from pathlib import Path

import pytest
from scripts import generate

from microfer.errors import MicroferError
from microfer.publish import measured
from microfer.publish.pages import Part

PARTS = measured.parts()
TABLE_PAGES = sorted({part.page for part in PARTS if part.block})


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name.replace(" ", "-"))
def test_a_page_is_what_its_measurements_make_of_it(part: Part) -> None:
    assert part.page.read_text(encoding="utf-8") == part.text(), "python scripts/pages.py"


@pytest.mark.parametrize("name", generate.GENERATORS)
def test_a_generated_file_is_what_its_source_makes_of_it(name: str) -> None:
    for path, content in generate.GENERATORS[name]().items():
        assert path.read_bytes() == content, f"python scripts/generate.py {name}"


@pytest.mark.parametrize("page", TABLE_PAGES, ids=lambda page: page.name)
def test_no_block_of_a_page_is_left_to_the_hand(page: Path) -> None:
    begun = re.findall(r"^<!-- ([^:\n]+): ", page.read_text(), re.MULTILINE)
    assert sorted(begun) == sorted(part.block for part in PARTS if part.page == page)


def test_figures_are_taken_with_their_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "MEASUREMENTS", tmp_path / "measurements")
    monkeypatch.setattr(measured, "PICTURES", {"compare": ("compare.png", tmp_path / "docs"), "detector": None})
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "compare.json").write_text(json.dumps({"budget": {"data": "fer2013.zip"}}))
    with pytest.raises(MicroferError, match=r"compare\.png"):
        measured.take(folder)
    assert not (tmp_path / "measurements").exists()
    (folder / "compare.png").write_bytes(b"picture")
    (tmp_path / "measurements").mkdir()
    (tmp_path / "docs").mkdir()
    assert measured.take(folder) == ["compare"]
    assert (tmp_path / "docs" / "compare.png").read_bytes() == b"picture"
    assert json.loads((tmp_path / "measurements" / "compare.json").read_text())["budget"]["data"] == "fer2013.zip"


def test_figures_of_drawn_faces_and_empty_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MicroferError, match=r"has none of ablation\.json"):
        measured.take(tmp_path)
    (tmp_path / "compare.json").write_text(json.dumps({"budget": {"data": "drawn faces"}}))
    with pytest.raises(MicroferError, match="made with drawn faces"):
        measured.take(tmp_path)
