"""Files that claim more than they hold: refused by name, with the limit, before memory is taken."""

import re
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.host.test_fer2013 import FACES, GOOD_PIXELS, csv_of, encoded, error_of, put, zipped

from microfer.contract import LABELS
from microfer.data import csv_reader, description, folders_and_archives
from microfer.data.decoding import MAX_PIXELS, picture_size
from microfer.data.folders_and_archives import MAX_FILE_BYTES
from microfer.data.spelling import MEANINGS
from microfer.errors import MicroferError
from microfer.pictures import pictures

ROOT = Path(__file__).parents[2]


def png(width: int, height: int) -> bytes:
    """A whole PNG of some hundred bytes that claims a size."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    )


def jpeg(width: int, height: int) -> bytes:
    content = bytearray(encoded(FACES[0], ".jpg"))
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(content)


def bmp(width: int, height: int) -> bytes:
    content = bytearray(encoded(FACES[0], ".bmp"))
    content[18:26] = struct.pack("<ii", width, height)
    return bytes(content)


def webp(width: int, height: int) -> bytes:
    body = (
        b"VP8X"
        + struct.pack("<I", 10)
        + bytes(4)
        + struct.pack("<I", width - 1)[:3]
        + struct.pack("<I", height - 1)[:3]
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def tiff(width: int, height: int, tile: int = 16) -> bytes:
    tags = (
        (256, width),
        (257, height),
        (258, 8),
        (259, 1),
        (262, 1),
        (277, 1),
        (322, tile),
        (323, tile),
        (324, 8),
        (325, 1),
    )
    shorts = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<I", 8) + shorts + bytes(4)


BOMBS = {
    "a.png": png(60_000, 60_000),
    "b.png": png(10_000, 10_000),
    "c.jpg": jpeg(32_000, 32_000),
    "d.bmp": bmp(30_000, 30_000),
    "e.webp": webp(16_000, 16_000),
    "f.tif": tiff(40_000, 40_000),
    "g.tif": tiff(48, 48, tile=30_000),
    "h.pgm": b"P5 50000 50000 255\n" + bytes(99),
}


@pytest.fixture
def peak():
    """Return a function: the most bytes that Python had taken since the test began."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


@pytest.fixture
def never_decoded(monkeypatch):
    def refused(*_: object) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr(cv2, "imdecode", refused)


@pytest.mark.usefixtures("never_decoded")
@pytest.mark.parametrize("name", BOMBS)
def test_a_picture_that_claims_too_much_is_refused_before_it_is_decoded(tmp_path, name):
    put(tmp_path, {name: BOMBS[name]})
    with pytest.raises(MicroferError, match=rf"{name}: .*at most {MAX_PIXELS:,} are decoded; make it smaller"):
        pictures.read(tmp_path / name)
    assert f"train/sad/{name}: " in error_of(put(tmp_path / "set", {f"train/sad/{name}": BOMBS[name]}))


@pytest.mark.usefixtures("never_decoded")
def test_an_image_of_another_size_in_a_data_set_is_not_decoded(tmp_path):
    message = error_of(zipped(tmp_path / "a.zip", {"train/sad/1.png": png(4_000, 4_000)}))
    assert "train/sad/1.png: the image is 4000x4000, expected 48x48" in message


def test_a_large_picture_within_the_limit_is_read(tmp_path):
    put(tmp_path, {"a.jpg": encoded(np.zeros((3000, 4000), np.uint8), ".jpg")})
    assert pictures.read(tmp_path / "a.jpg").pixels.shape == (3000, 4000, 3)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".pgm", ".tif", ".webp"])
def test_the_size_that_a_header_gives_is_that_of_the_picture(suffix):
    assert picture_size(encoded(FACES[0][:, :31], suffix), "x") == (31, 48)


def test_a_file_that_is_too_long_is_not_read_to_its_end(tmp_path, monkeypatch, peak):
    with (tmp_path / "a.png").open("wb") as file:
        file.truncate(1 << 40)
    monkeypatch.setattr(pictures, "MAX_FILE_BYTES", 1 << 20)
    with pytest.raises(MicroferError, match=r"a.png: more than 1,048,576 bytes"):
        pictures.read(tmp_path / "a.png")
    put(tmp_path / "set" / "train" / "sad", {})
    (tmp_path / "set" / "train" / "sad").mkdir(parents=True)
    (tmp_path / "a.png").rename(tmp_path / "set" / "train" / "sad" / "a.png")
    assert f"train/sad/a.png: more than {MAX_FILE_BYTES:,} bytes" in error_of(tmp_path / "set")
    assert peak() < 3 * MAX_FILE_BYTES


def zip_of_zeros(path: Path, name: str, before: bytes, count: int) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive, archive.open(name, "w") as file:
        file.write(before)
        for _ in range(count >> 20):
            file.write(bytes(1 << 20))
    return path


def test_an_image_of_zeros_in_a_zip_is_not_unpacked_to_its_end(tmp_path, peak):
    path = zip_of_zeros(tmp_path / "a.zip", "train/sad/1.png", b"\x89PNG", 160 << 20)
    assert f"train/sad/1.png: more than {MAX_FILE_BYTES:,} bytes" in error_of(path)
    assert peak() < 3 * MAX_FILE_BYTES


@pytest.mark.parametrize("before", [b"emotion,pixels,Usage\n", b'emotion,pixels,Usage\n1,"7 ', b""])
def test_a_line_without_an_end_is_not_read_to_it(tmp_path, peak, before):
    path = zip_of_zeros(tmp_path / "a.zip", "a.csv", before, 160 << 20)
    message = error_of(path)
    assert "4,194,304 characters" in message if before else "holds no images" in message
    assert peak() < 64 << 20


def test_a_line_without_an_end_in_a_csv_is_named(tmp_path, peak):
    with (tmp_path / "a.csv").open("wb") as file:
        file.write(csv_of(f"1,{GOOD_PIXELS},Training").encode())
        file.truncate(1 << 40)
    message = error_of(tmp_path / "a.csv")
    assert "a.csv, after row 2: a line has more than 4,194,304 characters" in message
    assert peak() < 64 << 20


def test_a_quote_that_is_never_closed_does_not_gather_lines_for_ever(tmp_path, peak):
    lines = "\n".join(["7 " * 1000] * 10_000)
    message = error_of(put(tmp_path, {"a.csv": f'emotion,pixels\n1,"{lines}'}) / "a.csv")
    assert "field larger than field limit (4194304)" in message
    assert peak() < 96 << 20


def test_more_files_than_the_limit_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(folders_and_archives, "MAX_ENTRIES", 5)
    files = {f"train/sad/{n}.png": encoded(FACES[0]) for n in range(6)}
    for path in (put(tmp_path / "folder", files), zipped(tmp_path / "a.zip", files)):
        assert f"{path} holds more than 5 images or files, which is the limit" in error_of(path)
    rows = csv_of(*[f"1,{GOOD_PIXELS},Training"] * 6)
    assert "holds more than 5 images" in error_of(put(tmp_path, {"a.csv": rows}) / "a.csv")


@pytest.mark.parametrize("zip64", [False, True])
def test_a_zip_with_an_endless_table_of_contents_is_refused_before_it_is_read(tmp_path, zip64):
    size = 200 << 20
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, 0xFFFFFFFF if zip64 else size, 0, 0)
    if zip64:
        long = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, size, 0)
        end = long + struct.pack("<4sIQI", b"PK\x06\x07", 0, size, 1) + end
    with (tmp_path / "a.zip").open("wb") as file:
        file.write(b"PK\x03\x04")
        file.seek(size)
        file.write(end)
    assert f"table of contents has {size:,} bytes, and at most 67,108,864" in error_of(tmp_path / "a.zip")


def test_a_zip_packed_in_a_way_that_claims_memory_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("train/sad/1.png", encoded(FACES[0]))
    assert "train/sad/1.png is compressed in a way (number 14) that is not read" in error_of(tmp_path / "a.zip")


def test_a_video_that_claims_too_much_is_refused(tmp_path, monkeypatch):
    from microfer.virtual_board import frame_source

    writer = cv2.VideoWriter(str(tmp_path / "a.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    monkeypatch.setattr(frame_source, "MAX_PIXELS", 64 * 48 - 1)
    with pytest.raises(MicroferError, match=r"the video claims 64x48 pixels, and at most 3,071"):
        frame_source.VideoSource(tmp_path / "a.avi")
    monkeypatch.setattr(frame_source, "MAX_PIXELS", 64 * 48)
    frame_source.VideoSource(tmp_path / "a.avi").close()


def test_what_a_folder_of_pictures_cannot_give_is_named(tmp_path):
    put(tmp_path, {"a.png": encoded(FACES[0])})
    (tmp_path / "b.png").symlink_to("/nowhere/at/all")
    assert [path.name for path in pictures.expand([tmp_path])] == ["a.png", "b.png"]
    with pytest.raises(MicroferError, match=r"cannot read .*b.png"):
        pictures.read(tmp_path / "b.png")


def test_a_picture_that_is_a_pointer_of_git_lfs_is_named(tmp_path):
    put(tmp_path, {"a.png": b"version https://git-lfs.github.com/spec/v1\n"})
    with pytest.raises(MicroferError, match=r"a.png is a Git LFS pointer"):
        pictures.read(tmp_path / "a.png")


def test_the_page_on_data_names_the_limits_in_force():
    page = (ROOT / "docs" / "data.md").read_text()
    limits = (
        MAX_PIXELS,
        MAX_FILE_BYTES,
        folders_and_archives.MAX_ENTRIES,
        folders_and_archives.MAX_DIRECTORY_BYTES,
        csv_reader.MAX_LINE,
    )
    assert [f"{limit:,}" for limit in limits if f"| {limit:,} |" not in page] == []


def test_what_the_page_says_of_data_sets_is_understood():
    page = (ROOT / "docs" / "data.md").read_text()
    lines = re.findall(r"(?:`|^    )((?:classes|absent|validation|votes) = [^`\n]*?)(?:`|  +#.*|$)", page, re.MULTILINE)
    assert len(lines) > 9
    for line in lines:
        description.parse(line.encode(), "docs/data.md")
    raf = next(line for line in lines if '7 = "neutral"' in line)
    said = description.parse(raf.encode(), "docs/data.md")
    assert {int(digit): LABELS[label] for digit, label in said.meanings.items()} == MEANINGS["RAF-DB"]
