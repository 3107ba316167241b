"""Kaggle's .tar.gz is read as it is, and nothing that an archive claims takes memory or leads out of it."""

import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from microfer.contract import LABELS
from microfer.data import fer2013
from microfer.errors import MicroferError

CSV = "emotion,pixels,Usage\n" + "".join(
    f"{label},{' '.join([str(30 * label)] * 2304)},{usage}\n"
    for usage in ("Training", "PublicTest")
    for label in range(len(LABELS))
)


def packed(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def folder(name: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = tarfile.DIRTYPE
    return info


def test_the_table_in_kaggles_archive_is_read(tmp_path: Path) -> None:
    path = packed(
        tmp_path / "challenges-fer2013.tar.gz",
        (folder("fer2013"), b""),
        (tarfile.TarInfo("./fer2013/README"), b"about"),
        (tarfile.TarInfo("./fer2013/fer2013.csv"), CSV.encode()),
    )
    found = fer2013.load(path)
    assert found.split("Training").labels.tolist() == list(range(7))
    assert np.array_equal(found.images[3], np.full((48, 48), 90))


def test_a_link_in_an_archive_is_refused_by_name(tmp_path: Path) -> None:
    link = tarfile.TarInfo("fer2013.csv")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with pytest.raises(MicroferError, match=r"fer2013\.csv is neither a file nor a folder"):
        fer2013.load(packed(tmp_path / "a.tar.gz", (link, b"")))


@pytest.mark.parametrize("kept", [20, 400, -9])
def test_an_archive_that_was_cut_off_is_said_to_be(tmp_path: Path, kept: int) -> None:
    path = packed(tmp_path / "a.tar.gz", (tarfile.TarInfo("fer2013.csv"), CSV.encode()))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(MicroferError, match=r"a\.tar\.gz.*download it again"):
        fer2013.load(path)


def test_a_header_that_claims_gigabytes_is_refused_before_they_are_read(tmp_path: Path) -> None:
    claimed = tarfile.TarInfo("name")
    claimed.type, claimed.size = tarfile.GNUTYPE_LONGNAME, 4 << 30
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(claimed.tobuf(tarfile.GNU_FORMAT) + b"\0" * 1024))
    with pytest.raises(MicroferError, match=r"a header claims more than 67,108,864 bytes"):
        fer2013.load(path)
