"""Where FER-2013 is looked for, and what is said where there is none."""

from pathlib import Path

import pytest

from microfer.data.find import find_fer2013
from microfer.errors import MicroferError


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MICROFER_DATA", raising=False)


@pytest.mark.parametrize(
    "name", ["fer2013.csv", "icml_face_data.csv", "fer2013.zip", "challenges-in-representation-learning.tar.gz"]
)
def test_files_are_found_by_the_names_that_people_download_them_under(tmp_path: Path, name: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / name).touch()
    assert find_fer2013((tmp_path, tmp_path / "data")) == tmp_path / "data" / name


@pytest.mark.parametrize("other", ["test", "val"])
def test_an_image_folder_is_known_by_its_splits(tmp_path: Path, other: str) -> None:
    for split in ("train", other):
        (tmp_path / "fer2013" / split).mkdir(parents=True)
    assert find_fer2013((tmp_path,)) == tmp_path / "fer2013"
    assert find_fer2013((tmp_path / "fer2013",)) == tmp_path / "fer2013"


def test_a_folder_of_that_name_without_splits_is_something_else(tmp_path: Path) -> None:
    (tmp_path / "fer2013").mkdir()
    (tmp_path / "fer2013.zip").touch()
    assert find_fer2013((tmp_path,)) == tmp_path / "fer2013.zip"


def test_the_environment_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fer2013.zip").touch()
    (tmp_path / "mine.csv").touch()
    monkeypatch.setenv("MICROFER_DATA", str(tmp_path / "mine.csv"))
    assert find_fer2013((tmp_path,)) == tmp_path / "mine.csv"
    monkeypatch.setenv("MICROFER_DATA", str(tmp_path / "none.csv"))
    with pytest.raises(MicroferError, match=r"MICROFER_DATA names .*none\.csv, which does not exist"):
        find_fer2013((tmp_path,))


def test_where_there_is_none_it_is_said_where_people_get_it_and_what_works_without(tmp_path: Path) -> None:
    with pytest.raises(MicroferError) as told:
        find_fer2013((tmp_path,))
    for word in ("kaggle.com", "fer2013.zip", "icml_face_data.csv", "MICROFER_DATA", "--synthetic --epochs 1"):
        assert word in str(told.value)
