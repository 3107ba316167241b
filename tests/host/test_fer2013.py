"""FER-2013's readers: every form a user may have, and what they say where something is wrong."""

import io
import re
import time
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

from microfer import console
from microfer.contract import LABELS, OFFICIAL_COUNTS
from microfer.data import fer2013, progress
from microfer.data.csv_reader import read_csv
from microfer.data.dataset import Dataset
from microfer.data.spelling import label_of, usages_of
from microfer.errors import MicroferError

FACES = np.random.default_rng(7).integers(0, 256, (8, 48, 48), dtype=np.uint8)
GOOD_PIXELS = " ".join(str(value) for value in FACES[0].ravel())


def csv_of(*rows: str, header: str = "emotion,pixels,Usage") -> str:
    return "\n".join((header, *rows)) + "\n"


def encoded(image: np.ndarray, suffix: str = ".png") -> bytes:
    return cv2.imencode(suffix, image)[1].tobytes()


def put(root: Path, files: dict[str, bytes | str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def zipped(path: Path, files: dict[str, bytes | str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def error_of(path: Path) -> str:
    with pytest.raises(MicroferError) as caught:
        fer2013.load(path)
    return str(caught.value)


@pytest.fixture
def csv_error(tmp_path: Path):
    """Return a function: the message of the error that a CSV with this text makes."""

    def message(text: str) -> str:
        (tmp_path / "fer.csv").write_text(text)
        found = error_of(tmp_path / "fer.csv")
        assert found.startswith(str(tmp_path / "fer.csv"))
        return found

    return message


# ---- CSV


def test_a_csv_is_read_in_the_order_of_its_rows(tmp_path):
    rows = [
        f"{label},{' '.join(map(str, FACES[label].ravel()))},{usage}"
        for label, usage in ((3, "Training"), (0, "PublicTest"), (6, "PrivateTest"))
    ]
    data = fer2013.load(put(tmp_path, {"fer2013.csv": csv_of(*rows)}) / "fer2013.csv")
    np.testing.assert_array_equal(data.images, FACES[[3, 0, 6]])
    assert data.labels.tolist() == [3, 0, 6]
    assert data.usage.tolist() == ["Training", "PublicTest", "PrivateTest"]
    assert data.names.tolist() == ["row 2", "row 3", "row 4"]
    assert data.source == str(tmp_path / "fer2013.csv")


def test_the_header_may_have_spaces_and_another_order(tmp_path):
    text = csv_of(f"5,PrivateTest, {GOOD_PIXELS}", header="emotion, Usage, pixels")
    data = fer2013.load(put(tmp_path, {"icml_face_data.csv": text}) / "icml_face_data.csv")
    np.testing.assert_array_equal(data.images[0], FACES[0])
    assert (data.labels[0], data.usage[0]) == (5, "PrivateTest")


def test_without_a_usage_column_the_usage_is_unknown(tmp_path):
    text = csv_of(f'1,"{GOOD_PIXELS}"', header="emotion,pixels")
    data = fer2013.load(put(tmp_path, {"train.csv": text}) / "train.csv")
    assert data.usage.tolist() == ["unknown"]


def test_windows_line_ends_and_a_byte_order_mark_do_no_harm(tmp_path):
    text = "\ufeff" + csv_of(f"1,{GOOD_PIXELS},Training").replace("\n", "\r\n") + "\r\n"
    data = fer2013.load(put(tmp_path, {"fer.csv": text}) / "fer.csv")
    assert data.usage.tolist() == ["Training"]


def test_every_gray_value_is_read_exactly(tmp_path):
    ramp = np.resize(np.arange(256, dtype=np.uint8), 48 * 48)
    text = csv_of(f"1,{' '.join(map(str, ramp))},Training")
    data = fer2013.load(put(tmp_path, {"fer.csv": text}) / "fer.csv")
    np.testing.assert_array_equal(data.images[0].ravel(), ramp)


def test_a_truncated_csv_names_its_row(csv_error):
    message = csv_error(csv_of(f"1,{GOOD_PIXELS},Training", f"2,{GOOD_PIXELS[:4000]}"))
    assert "row 3: 2 fields where the header has 3" in message
    assert "download it again" in message


def test_a_csv_cut_inside_the_last_column_names_its_row(csv_error):
    message = csv_error(csv_of(f"1,Training,{GOOD_PIXELS[:400]}", header="emotion, Usage, pixels"))
    assert re.search(r"row 2: \d+ pixels, expected 48 \* 48 = 2,304", message)


@pytest.mark.parametrize("change", [-1, 1])
def test_a_wrong_pixel_count_names_its_row(csv_error, change):
    pixels = " ".join(["7"] * (2304 + change))
    assert f"row 3: {2304 + change} pixels, expected" in csv_error(
        csv_of(f"1,{GOOD_PIXELS},Training", f"1,{pixels},Training")
    )


@pytest.mark.parametrize(
    ("pixel", "said"),
    [
        ("256", "pixel 5 is 256, expected at most 255"),
        ("9" * 5000, "pixel 5 is 99999999999999999999, expected at most 255"),
        ("-1", "pixel 5 is '-1', expected a number"),
        ("12.5", "pixel 5 is '12.5', expected a number"),
        ("nan", "pixel 5 is 'nan', expected a number"),
        ("0x10", "pixel 5 is '0x10', expected a number"),
        ("١٢", "pixel 5 is '١٢', expected a number"),
    ],
)
def test_a_value_that_is_no_pixel_names_its_row_and_place(csv_error, pixel, said):
    pixels = " ".join(["7"] * 5 + [pixel] + ["7"] * 2298)
    assert f"row 2: {said}" in csv_error(csv_of(f"1,{pixels},Training"))


@pytest.mark.parametrize("label", ["7", "-1", "", "3.0", "contempt"])
def test_a_label_outside_0_to_6_names_its_row(csv_error, label):
    message = csv_error(csv_of(f"1,{GOOD_PIXELS},Training", f"{label},{GOOD_PIXELS},Training"))
    assert f"row 3: the label is {label!r}, expected 0 to 6 (0 anger" in message


@pytest.mark.parametrize("usage", ["Trai", "", "Holdout"])
def test_an_unknown_usage_names_its_row(csv_error, usage):
    message = csv_error(csv_of(f"1,{GOOD_PIXELS},{usage}"))
    assert f"row 2: the usage is {usage!r}, expected Training, PublicTest, PrivateTest" in message


@pytest.mark.parametrize("header", ["pixels", "emotion,Usage", "label,data,split", f"1,{GOOD_PIXELS},Training"])
def test_a_wrong_header_is_shown_with_the_expected_one(csv_error, header):
    message = csv_error(csv_of(f"1,{GOOD_PIXELS},Training", header=header))
    assert f"row 1: the header is '{header[:60]}" in message
    assert "expected emotion,pixels,Usage" in message
    assert len(message) < 500


def test_an_empty_csv_says_so(csv_error):
    assert "the file is empty" in csv_error("")


def test_a_csv_with_a_header_alone_says_so(csv_error):
    assert "no row below it" in csv_error(csv_of())


def test_a_file_that_is_no_text_says_so(tmp_path):
    (tmp_path / "fer.csv").write_bytes(b"emotion,pixels,Usage\n\xff\xfe\x00")
    assert "this is not CSV text" in error_of(tmp_path / "fer.csv")


# ---- folders and zips


@pytest.fixture
def tree() -> dict[str, bytes | str]:
    return {
        "train/angry/Training_2.png": encoded(FACES[0]),
        "train/angry/Training_1.png": encoded(FACES[1]),
        "train/Happiness/Training_3.png": encoded(FACES[2]),
        "test/SAD/PublicTest_4.png": encoded(FACES[3]),
        "test/neutral/PrivateTest_5.png": encoded(FACES[4]),
        "test/surprised/im6.png": encoded(FACES[5]),
    }


def assert_is_the_tree(data: Dataset) -> None:
    np.testing.assert_array_equal(data.images, FACES[[3, 4, 5, 2, 1, 0]])
    assert [LABELS[label] for label in data.labels] == [
        "sadness",
        "neutral",
        "surprise",
        "happiness",
        "anger",
        "anger",
    ]
    assert data.usage.tolist() == ["PublicTest", "PrivateTest", "unknown", "Training", "Training", "Training"]


@pytest.mark.parametrize("root", ["", "fer2013/", "a/b/"])
def test_folder_and_zip_give_the_same_sorted_data_at_any_depth(tmp_path, tree, root):
    nested = {root + name: content for name, content in tree.items()}
    nested["README.md"] = "no image"
    nested["__MACOSX/train/angry/._Training_1.png"] = "no image either"
    nested[f"{root}train/angry/.DS_Store"] = "nor this"
    folder = fer2013.load(put(tmp_path / "folder", nested))
    archive = fer2013.load(zipped(tmp_path / "fer.zip", nested))
    for data in (folder, archive):
        assert_is_the_tree(data)
        assert data.names[-1] == f"{root}train/angry/Training_2.png"


def test_class_folders_may_be_digits_where_a_file_says_what_they_mean(tmp_path):
    files = {f"train/{index}/{index}.png": encoded(FACES[index]) for index in range(7)}
    said = "[classes]\n" + "\n".join(f'{index} = "{name}"' for index, name in enumerate(LABELS))
    assert fer2013.load(put(tmp_path, {**files, "dataset.toml": said})).labels.tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_the_usual_spellings_of_classes_and_splits_are_known():
    spellings = "Angry,ANGER disgust,disgusted fear,Fearful happy,happiness sad,sadness surprise,surprised neutral,6"
    for index, words in enumerate(spellings.split()):
        assert {label_of(word) for word in words.split(",")} == {index}
    for usage, words in {
        "Training": "train Training",
        "PublicTest": "val valid validation public public_test PublicTest public-test",
        "PrivateTest": "private Private_Test PrivateTest",
        "unknown": "test Test testing",
    }.items():
        assert {usages_of(word)[0] for word in words.split()} == {usage}


def test_an_image_in_a_validation_folder_is_of_the_public_test(tmp_path):
    files = {"validation/fear/1.png": encoded(FACES[0]), "private_test/fear/1.png": encoded(FACES[1])}
    assert fer2013.load(put(tmp_path, files)).usage.tolist() == ["PrivateTest", "PublicTest"]


def test_class_folders_without_a_split_take_it_from_the_file_name(tmp_path):
    files = {"fear/PublicTest_1.png": encoded(FACES[0]), "fear/x.png": encoded(FACES[1])}
    assert fer2013.load(put(tmp_path, files)).usage.tolist() == ["PublicTest", "unknown"]


def test_a_colour_file_with_equal_channels_is_gray(tmp_path):
    colour = cv2.cvtColor(FACES[0], cv2.COLOR_GRAY2BGR)
    opaque = cv2.cvtColor(FACES[0], cv2.COLOR_GRAY2BGRA)
    data = fer2013.load(put(tmp_path, {"train/sad/1.png": encoded(colour), "train/sad/2.png": encoded(opaque)}))
    np.testing.assert_array_equal(data.images, FACES[[0, 0]])


def test_a_gray_jpeg_saved_in_colour_is_gray(tmp_path):
    smooth = cv2.GaussianBlur(FACES[0], (9, 9), 0)
    colour = cv2.cvtColor(smooth, cv2.COLOR_GRAY2BGR)
    data = fer2013.load(put(tmp_path, {"train/sad/1.jpg": encoded(colour, ".jpg")}))
    assert np.abs(data.images[0].astype(int) - smooth).mean() < 4


COLOURED = np.dstack([FACES[0], FACES[1], FACES[2]])
SEE_THROUGH = np.dstack([FACES[0]] * 4)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"not an image", "the image is corrupt or cut off"),
        (b"", "the image is corrupt or cut off (0 bytes)"),
        (encoded(FACES[0])[:-30], "the image is corrupt or cut off"),
        (encoded(FACES[0], ".jpg")[:-30], "the image is corrupt or cut off"),
        (encoded(FACES[0][:, :47]), "the image is 47x48, expected 48x48"),
        (encoded(FACES[0][:47]), "the image is 48x47, expected 48x48"),
        (encoded(COLOURED), "the image is coloured"),
        (encoded(SEE_THROUGH), "the image is partly transparent"),
        (encoded(FACES[0].astype(np.uint16) * 257), "the image has 16 bits a channel, expected 8"),
    ],
)
def test_an_image_that_is_no_gray_crop_is_named(tmp_path, tree, content, said):
    tree["train/fear/Training_9.png"] = content
    message = error_of(zipped(tmp_path / "fer.zip", tree))
    assert f"fer.zip: train/fear/Training_9.png: {said}" in message


@pytest.mark.parametrize("folder", ["contempt", "7", "angryy"])
def test_an_unknown_class_folder_is_named(tmp_path, tree, folder):
    tree[f"train/{folder}/1.png"] = encoded(FACES[0])
    message = error_of(put(tmp_path, tree))
    assert f"train/{folder}/1.png: the folder '{folder}' means no class, expected angry, disgust" in message


def test_an_image_in_no_class_folder_is_named(tmp_path):
    assert "1.png: the image is in no class folder" in error_of(put(tmp_path, {"1.png": encoded(FACES[0])}))


def test_an_unknown_split_folder_is_named(tmp_path, tree):
    tree["trane/happy/1.png"] = encoded(FACES[0])
    assert "trane/happy/1.png: the folder 'trane' means no split, expected train" in error_of(put(tmp_path, tree))


def test_a_file_name_that_contradicts_its_folder_is_named(tmp_path, tree):
    tree["test/happy/Training_9.png"] = encoded(FACES[0])
    message = error_of(put(tmp_path, tree))
    assert "test/happy/Training_9.png: the file's name says Training, but its folder is 'test'" in message


def test_a_copy_inside_a_copy_is_refused(tmp_path, tree):
    tree |= {f"images/{name}": content for name, content in tree.items()}
    assert "images are below '.' and 'images'" in error_of(put(tmp_path, tree))


def test_an_empty_split_names_the_splits_that_there_are(tmp_path, tree):
    del tree["test/neutral/PrivateTest_5.png"]
    data = fer2013.load(put(tmp_path, tree))
    with pytest.raises(MicroferError, match=r"no PrivateTest images .*'PublicTest': 1, 'Training': 3, 'unknown': 1"):
        data.split("PrivateTest")


# ---- what a path may be


def test_a_missing_path_is_named(tmp_path):
    assert f"there is no {tmp_path / 'fer.zip'}" in error_of(tmp_path / "fer.zip")


def test_a_file_of_another_kind_is_named(tmp_path):
    put(tmp_path, {"fer2013.tar": b"\0" * 1024})
    assert "neither .csv, .zip, .tar.gz nor a folder" in error_of(tmp_path / "fer2013.tar")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and then nothing"])
def test_a_corrupt_zip_is_named(tmp_path, content):
    put(tmp_path, {"fer.zip": content})
    assert f"{tmp_path / 'fer.zip'}: cannot be read as a zip" in error_of(tmp_path / "fer.zip")


def test_a_corrupt_entry_of_a_zip_is_named(tmp_path, tree):
    path = zipped(tmp_path / "fer.zip", tree)
    content = bytearray(path.read_bytes())
    content[content.index(b"Training_1.png") + 500] ^= 0xFF
    path.write_bytes(content)
    assert "fer.zip: train/angry/Training_1.png: cannot be unpacked" in error_of(path)


def test_a_zip_with_a_password_is_named(tmp_path, tree):
    path = zipped(tmp_path / "fer.zip", tree)
    content = bytearray(path.read_bytes())
    for signature, flags_at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + flags_at] |= 1
    path.write_bytes(content)
    assert "train/angry/Training_2.png: cannot be unpacked" in error_of(path)


@pytest.mark.parametrize("files", [{}, {"notes.txt": "hello"}, {"other.csv": "a,b\n1,2\n"}])
def test_a_folder_without_data_says_what_is_expected(tmp_path, files):
    message = error_of(put(tmp_path, files))
    assert "holds no images and no FER-2013 CSV; expected" in message


@pytest.mark.parametrize("in_zip", [False, True])
def test_a_csv_is_found_inside_a_folder_or_zip(tmp_path, in_zip):
    files = {
        "fer2013/fer2013.csv": csv_of(f"2,{GOOD_PIXELS},Training"),
        "fer2013/test.csv": csv_of(header="pixels"),
        "fer2013/train.csv": csv_of(f"2,{GOOD_PIXELS}", header="emotion,pixels"),
        "fer2013/README": "text",
    }
    data = fer2013.load(zipped(tmp_path / "fer.zip", files) if in_zip else put(tmp_path, files))
    assert data.usage.tolist() == ["Training"]
    assert data.source.endswith("fer2013/fer2013.csv")


def test_several_csv_files_are_refused(tmp_path):
    text = csv_of(f"2,{GOOD_PIXELS},Training")
    assert "several CSV files (a.csv, b.csv)" in error_of(zipped(tmp_path / "fer.zip", {"a.csv": text, "b.csv": text}))


def test_images_beside_a_csv_are_refused(tmp_path, tree):
    tree["fer2013.csv"] = csv_of(f"2,{GOOD_PIXELS},Training")
    assert "holds both images and fer2013.csv" in error_of(put(tmp_path, tree))


def test_a_faulty_row_of_a_csv_inside_a_zip_is_named(tmp_path):
    path = zipped(tmp_path / "fer.zip", {"fer2013.csv": csv_of(f"7,{GOOD_PIXELS},Training")})
    assert "fer.zip: fer2013.csv, row 2: the label is '7'" in error_of(path)


def test_nothing_is_drawn_where_there_is_no_console(tmp_path, tree, capsys):
    fer2013.load(zipped(tmp_path / "fer.zip", tree))
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_a_long_read_draws_a_bar_on_a_console(tmp_path, tree, monkeypatch):
    drawn = io.StringIO()
    monkeypatch.setattr(console, "console", Console(file=drawn, force_terminal=True))
    monkeypatch.setattr(progress, "_SHORT", 0)
    fer2013.load(zipped(tmp_path / "fer.zip", tree))
    assert "reading images" in drawn.getvalue()


# ---- FER-2013 itself


@pytest.mark.data
def test_fer2013_has_its_official_counts(fer2013_path):
    start = time.process_time()
    data = fer2013.load(fer2013_path)
    assert time.process_time() - start < 30
    for usage in np.unique(data.usage):
        if usage != "unknown":
            assert tuple(data.split(usage).counts()) == OFFICIAL_COUNTS[usage]


def test_a_csv_row_takes_well_under_a_millisecond():
    rows = csv_of(*[f"1,{GOOD_PIXELS},Training"] * 500)
    start = time.process_time()
    data = read_csv(io.BytesIO(rows.encode()), "fer.csv")
    assert len(data) == 500
    assert time.process_time() - start < 0.5
