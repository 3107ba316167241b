"""What people have in place of FER-2013's own files: each form is read, or told apart with advice that helps."""

import gzip
import os
import stat
import zipfile

import cv2
import numpy as np
import pytest
from tests.host.test_fer2013 import COLOURED, FACES, GOOD_PIXELS, csv_of, encoded, error_of, put, zipped

from microfer.contract import LABELS
from microfer.data import fer2013, folders_and_archives
from microfer.data.training_data import load_splits
from microfer.errors import MicroferError

RAF_DB = '[classes]\n1 = "surprise"\n2 = "fear"\n3 = "disgust"\n4 = "happy"\n5 = "sad"\n6 = "anger"\n7 = "neutral"\n'


def names_of(data) -> list[str]:
    return [LABELS[label] for label in data.labels]


# ---- links


@pytest.fixture
def tree(tmp_path):
    return put(
        tmp_path / "faces",
        {
            "train/angry/1.png": encoded(FACES[0]),
            "train/sad/2.png": encoded(FACES[1]),
            "test/sad/PublicTest_3.png": encoded(FACES[2]),
        },
    )


def test_linked_folders_and_files_are_read(tree, tmp_path):
    put(tmp_path / "elsewhere", {"4.png": encoded(FACES[3]), "5.png": encoded(FACES[4])})
    (tree / "train" / "happy").symlink_to(tmp_path / "elsewhere")
    (tree / "train" / "sad" / "6.png").symlink_to(tmp_path / "elsewhere" / "5.png")
    data = fer2013.load(tree)
    assert names_of(data) == ["sadness", "anger", "happiness", "happiness", "sadness", "sadness"]
    np.testing.assert_array_equal(data.images, FACES[[2, 0, 3, 4, 1, 4]])


def test_a_folder_that_is_a_link_is_read_as_a_whole(tree, tmp_path):
    (tmp_path / "link").symlink_to(tree)
    assert len(fer2013.load(tmp_path / "link")) == 3


def test_a_link_in_a_circle_is_named(tree):
    (tree / "train" / "happy").symlink_to(tree / "train")
    assert f"{tree / 'train' / 'happy'} leads back to a folder that it is in" in error_of(tree)


def test_one_folder_under_two_names_is_no_circle(tree):
    (tree / "train" / "happy").symlink_to(tree / "train" / "sad")
    assert len(fer2013.load(tree)) == 4


@pytest.mark.parametrize("name", ["train/happy", "train/sad/7.png"])
def test_a_link_that_leads_nowhere_is_named(tree, name):
    (tree / name).symlink_to("/nowhere/at/all")
    assert f"{tree / name} is a link that leads nowhere, to /nowhere/at/all" in error_of(tree)


def test_a_link_to_itself_is_named(tree):
    (tree / "train" / "happy").symlink_to("happy")
    assert f"{tree / 'train' / 'happy'} is a link that leads nowhere" in error_of(tree)


def test_a_folder_that_cannot_be_listed_is_named(tree, monkeypatch):
    plain = folders_and_archives.Path.iterdir

    def denied(path):
        if path.name == "sad":
            raise PermissionError(13, "Permission denied")
        return plain(path)

    monkeypatch.setattr(folders_and_archives.Path, "iterdir", denied)
    assert f"cannot read the folder {tree / 'train' / 'sad'}: Permission denied" in error_of(tree)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_what_is_neither_file_nor_folder_is_named_and_not_waited_for(tree):
    os.mkfifo(tree / "train" / "sad" / "9.png")
    assert f"{tree / 'train' / 'sad' / '9.png'} is neither a file nor a folder" in error_of(tree)


def test_hidden_links_do_no_harm(tree):
    (tree / ".cache").symlink_to("/nowhere/at/all")
    assert len(fer2013.load(tree)) == 3


def test_a_link_inside_a_zip_is_named(tmp_path):
    path = zipped(tmp_path / "fer.zip", {"train/sad/1.png": encoded(FACES[0])})
    link = zipfile.ZipInfo("train/happy")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "../elsewhere")
    assert "fer.zip: train/happy is a symbolic link" in error_of(path)


# ---- names


def test_a_zip_with_backslashes_is_read(tmp_path):
    path = zipped(tmp_path / "fer.zip", {"train\\sad\\1.png": encoded(FACES[0]), "train\\happy\\": b""})
    data = fer2013.load(path)
    assert data.names.tolist() == ["train/sad/1.png"]
    assert data.usage.tolist() == ["Training"]


def test_digits_as_folders_are_refused_with_what_they_mean_elsewhere(tmp_path):
    message = error_of(put(tmp_path, {f"train/{digit}/1.png": encoded(FACES[digit]) for digit in (1, 2)}))
    assert "the folders 1, 2 are digits" in message
    for said in ("FER-2013: 1 disgust, 2 fear", "RAF-DB: 1 surprise, 2 fear", "FER+: 1 happiness, 2 surprise"):
        assert said in message
    assert 'dataset.toml, here for FER-2013: classes = {1 = "disgust", 2 = "fear"}' in message


def test_a_digit_that_some_data_sets_lack_is_refused_with_the_meanings_of_the_others(tmp_path):
    message = error_of(put(tmp_path, {f"train/{digit}/1.png": encoded(FACES[digit]) for digit in (0, 7)}))
    assert "AffectNet: 0 neutral, 7 contempt" in message
    assert 'here for FER+: classes = {0 = "neutral", 7 = ""}' in message
    assert "RAF-DB" not in message


@pytest.mark.parametrize("form", ["folder", "zip", "beside"])
def test_a_file_says_what_digits_mean_and_is_shown(tmp_path, capsys, form):
    files = {f"train/{digit}/1.png": encoded(FACES[digit]) for digit in range(1, 8)}
    if form == "beside":
        put(tmp_path, {"raf.dataset.toml": RAF_DB})
        path = zipped(tmp_path / "raf.zip", files)
    else:
        files["dataset.toml"] = RAF_DB
        path = put(tmp_path / "raf", files) if form == "folder" else zipped(tmp_path / "raf.zip", files)
    data = fer2013.load(path)
    assert names_of(data) == ["surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral"]
    assert "1 is surprise, 2 is fear, 3 is disgust, 4 is happiness" in capsys.readouterr().err


def test_a_class_that_the_file_gives_no_name_is_left_out_and_said_so(tmp_path, capsys):
    files = {
        "CK+48/anger/1.png": encoded(FACES[0]),
        "CK+48/contempt/2.png": encoded(FACES[1]),
        "dataset.toml": 'classes = {contempt = ""}',
    }
    data = fer2013.load(put(tmp_path, files))
    assert data.names.tolist() == ["CK+48/anger/1.png"]
    assert "contempt is left out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("classes = {1 = 3}", "1 = 3 is not a class"),
        ('classes = {1 = "3"}', "1 = '3' is not a class"),
        ('classes = {1 = "joyful", 2 = "sad"}', "1 = 'joyful' is not a class; expected angry"),
        ('classes = {1 = "joyful"}', "classes = ['joyful']: expected 2 to 16 names, each once"),
        ('classes = ["one", "One"]', "classes = ['one', 'One']: expected 2 to 16 names, each once"),
        ('classes = ["one", "two/three"]', "'two/three' is no class's name"),
        ('classes = ["one", "a name of more than fifteen"]', "1 to 15 of a-z"),
        ('votes = "../new.csv"', "votes = '../new.csv' is no file beside it"),
        ("classes = {1 = [1]}", "1 = [1] is not a class"),
        ("classes = 3", "classes = 3 is not a table"),
        ('absent = "sad"', "absent = 'sad' is not a list"),
        ('absent = ["joyful"]', "absent = ['joyful'] is not a list of classes"),
        ("validation = 10", 'validation = 10; expected "test", or a share'),
        ('validation = "90%"', "validation = '90%'; expected"),
        ('validation = "nan%"', "validation = 'nan%'; expected"),
        ('clases = {1 = "sad"}', "'clases' is not known, expected classes, absent, validation, votes"),
        ("one two", "not understood"),
        ("a = " + "[" * 20_000, "not understood"),
        ("# " + "x" * 70_000, "longer than 65,536 bytes"),
    ],
)
def test_a_description_that_is_not_understood_is_named(tmp_path, text, said):
    message = error_of(put(tmp_path, {"train/1/1.png": encoded(FACES[0]), "dataset.toml": text}))
    assert f"{tmp_path}: dataset.toml: " in message
    assert said in message


def test_labels_of_a_csv_follow_the_file_beside_it(tmp_path):
    text = csv_of(f"7,{GOOD_PIXELS},Training", f"1,{GOOD_PIXELS},Training", f"2,{GOOD_PIXELS},Training")
    put(tmp_path, {"faces.csv": text, "faces.dataset.toml": 'classes = {7 = "", 1 = "surprise"}'})
    data = fer2013.load(tmp_path / "faces.csv")
    assert data.names.tolist() == ["row 3", "row 4"]
    assert names_of(data) == ["surprise", "fear"]


def test_a_label_7_says_where_it_is_contempt(tmp_path):
    message = error_of(put(tmp_path, {"f.csv": csv_of(f"7,{GOOD_PIXELS},Training")}) / "f.csv")
    assert "7 is contempt in FER+, AffectNet and CK+" in message
    assert 'f.dataset.toml, such as classes = {"7" = ""}' in message


def test_the_folder_above_all_classes_may_have_any_name(tmp_path):
    data = fer2013.load(put(tmp_path, {"CK+48/anger/1.png": encoded(FACES[0]), "CK+48/sad/2.png": encoded(FACES[1])}))
    assert names_of(data) == ["anger", "sadness"]
    assert data.usage.tolist() == ["unknown", "unknown"]


# ---- files


@pytest.mark.parametrize("suffix", [".webp", ".bmp", ".tif", ".pgm", ".jpe", ".jfif"])
def test_pictures_of_many_formats_are_read(tmp_path, suffix):
    kind = {".jpe": ".jpg", ".jfif": ".jpg"}.get(suffix, suffix)
    options = [cv2.IMWRITE_WEBP_QUALITY, 101] if kind == ".webp" else []
    content = cv2.imencode(kind, FACES[0], options)[1].tobytes()
    data = fer2013.load(put(tmp_path, {f"train/sad/1{suffix}": content}))
    if kind == ".jpg":
        assert len(data) == 1
    else:
        np.testing.assert_array_equal(data.images[0], FACES[0])


def test_a_picture_without_an_ending_is_read(tmp_path):
    files = {"train/sad/S010_004": encoded(FACES[0]), "train/sad/2.png": encoded(FACES[1]), "LICENSE": b"text"}
    assert len(fer2013.load(put(tmp_path, files))) == 2


@pytest.mark.parametrize("name", ["train/sad/2.heic", "train/happy/2.npy"])
def test_a_file_of_a_kind_that_is_not_read_is_named(tmp_path, name):
    message = error_of(put(tmp_path, {"train/sad/1.png": encoded(FACES[0]), name: b"anything"}))
    assert f"1 files of a kind that is not read, such as {name}; save these pictures as PNG" in message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
            "a Git LFS pointer, not the file itself; fetch",
        ),
        (b"\n<!DOCTYPE html><html>", "is a web page"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 40, "format of telephones"),
    ],
)
def test_an_image_file_that_is_something_else_is_told_apart(tmp_path, content, said):
    message = error_of(put(tmp_path, {"train/sad/1.png": content}))
    assert f"train/sad/1.png: the file {said}" in message or said in message
    assert "download" not in message or "by hand" in message


@pytest.mark.parametrize("name", ["fer2013.csv", "fer2013.zip", "fer2013.bin"])
def test_a_git_lfs_pointer_in_place_of_the_data_is_named(tmp_path, name):
    put(tmp_path, {name: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"})
    assert "is a Git LFS pointer" in error_of(tmp_path / name)


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (b"PAR1", "Parquet"),
        (b"\x89HDF\r\n", "HDF5"),
        (b"\x93NUMPY", "NumPy"),
        (b"Rar!\x1a", "RAR"),
        (b"\x80\x04.", "pickle"),
    ],
)
def test_other_files_are_told_apart(tmp_path, start, said):
    put(tmp_path, {"faces.data": start + b"\0" * 60})
    message = error_of(tmp_path / "faces.data")
    assert said in message
    assert "download it again" not in message


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("in_zip", [False, True])
def test_a_csv_in_utf_16_is_read(tmp_path, encoding, in_zip):
    content = csv_of(f"1,{GOOD_PIXELS},Training").encode(encoding)
    path = zipped(tmp_path / "f.zip", {"f.csv": content}) if in_zip else put(tmp_path, {"f.csv": content}) / "f.csv"
    np.testing.assert_array_equal(fer2013.load(path).images[0], FACES[0])


def test_a_csv_packed_with_gzip_is_read(tmp_path):
    content = gzip.compress(csv_of(f"1,{GOOD_PIXELS},Training").encode())
    data = fer2013.load(put(tmp_path, {"f.csv.gz": content}) / "f.csv.gz")
    np.testing.assert_array_equal(data.images[0], FACES[0])
    put(tmp_path, {"cut.csv.gz": content[:-20]})
    assert "cut.csv.gz: cannot be unpacked" in error_of(tmp_path / "cut.csv.gz")


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_csv_with_other_delimiters_is_read(tmp_path, delimiter):
    text = csv_of(f"1,{GOOD_PIXELS},Training").replace(",", delimiter)
    np.testing.assert_array_equal(fer2013.load(put(tmp_path, {"f.csv": text}) / "f.csv").images[0], FACES[0])


@pytest.mark.parametrize("brackets", ["[{}]", "({})", "[[{}]]"])
def test_pixels_written_as_a_list_are_read(tmp_path, brackets):
    cell = brackets.format(", ".join(GOOD_PIXELS.split()))
    data = fer2013.load(put(tmp_path, {"f.csv": csv_of(f'1,"{cell}",Training')}) / "f.csv")
    np.testing.assert_array_equal(data.images[0], FACES[0])


def test_pixels_that_numpy_has_shortened_are_told_apart(tmp_path):
    text = csv_of('1,"[[ 70  80  82 ...  52  43  41]\n ...\n [ 77  78  79 ... 142 143 110]]",Training')
    message = error_of(put(tmp_path, {"f.csv": text}) / "f.csv")
    assert "shortened with '...'" in message
    assert "download it again" not in message


@pytest.mark.parametrize(
    ("count", "said"), [(224 * 224, "224x224;"), (96 * 96, "96x96;"), (48 * 48 * 3, "48x48, in colour")]
)
def test_pixels_of_another_size_are_told_apart(tmp_path, count, said):
    text = csv_of(f"1,{' '.join(['7'] * count)},Training")
    message = error_of(put(tmp_path, {"f.csv": text}) / "f.csv")
    assert f"row 2: {count} pixels, expected 48 * 48 = 2,304; that is a picture of {said}" in message
    assert "download it again" not in message


def test_pixels_from_0_to_1_are_told_apart(tmp_path):
    text = csv_of(f"1,{' '.join(['0.5'] * 2304)},Training")
    message = error_of(put(tmp_path, {"f.csv": text}) / "f.csv")
    assert "multiply them by 255" in message
    assert "download it again" not in message


def test_a_zip_in_a_zip_is_named(tmp_path):
    inner = zipped(tmp_path / "fer2013.zip", {"fer2013.csv": "x"}).read_bytes()
    message = error_of(zipped(tmp_path / "outer.zip", {"archive/fer2013.zip": inner, "readme.txt": "x"}))
    assert "It holds archive/fer2013.zip: extract that" in message
    assert "download it again" not in message


def test_a_coloured_image_is_not_to_be_downloaded_again(tmp_path):
    assert "download" not in error_of(put(tmp_path, {"train/sad/1.png": encoded(COLOURED)}))


def test_an_error_of_a_csv_leaves_the_field_limit_as_it_was(tmp_path):
    import csv

    before = csv.field_size_limit()
    with pytest.raises(MicroferError):
        fer2013.load(put(tmp_path, {"f.csv": csv_of(f"1,{'7 ' * 99},Training")}) / "f.csv")
    assert csv.field_size_limit() == before


# ---- what training takes


def seven(count: int = 1, folder: str = "train") -> dict[str, bytes | str]:
    return {f"{folder}/{name}/{n}.png": encoded(FACES[n]) for name in LABELS for n in range(count)}


def test_a_training_split_without_one_of_its_classes_is_refused_unless_asked_for(tmp_path):
    files = {**seven(), **seven(folder="val")}
    del files["train/disgust/0.png"]
    root = put(tmp_path / "faces", files)
    with pytest.raises(MicroferError, match=r"Training has no image of disgust.*write absent = \[\"disgust\"\] into"):
        load_splits(root)
    put(root, {"dataset.toml": 'absent = ["disgust"]'})
    training, validation = load_splits(root)
    assert (len(training), len(validation)) == (6, 7)


def test_without_public_test_the_ways_to_get_one_are_said(tmp_path):
    root = put(tmp_path / "faces", {**seven(5), **seven(folder="test")})
    with pytest.raises(MicroferError) as caught:
        load_splits(root)
    for said in ("PublicTest is what training is judged by", 'validation = "10%"', 'validation = "test" (the 7 test'):
        assert said in str(caught.value)
    put(root, {"dataset.toml": 'validation = "test"'})
    assert [len(split) for split in load_splits(root)] == [35, 7]
    put(root, {"dataset.toml": 'validation = "20%"'})
    training, validation = load_splits(root)
    assert training.counts().tolist() == [4] * 7
    assert validation.counts().tolist() == [1] * 7
    assert not set(training.names) & set(validation.names)
    assert validation.names.tolist() == load_splits(root)[1].names.tolist()


def test_a_csv_without_splits_is_trained_on_where_a_share_is_set_aside(tmp_path):
    rows = [f"{label},{GOOD_PIXELS}" for label in range(7) for _ in range(4)]
    path = put(tmp_path, {"train.csv": csv_of(*rows, header="emotion,pixels")}) / "train.csv"
    with pytest.raises(
        MicroferError, match=r"no Training images.*train\.dataset\.toml: validation = \"10%\" \(a tenth"
    ):
        load_splits(path)
    put(tmp_path, {"train.dataset.toml": 'validation = "25%"'})
    assert [len(split) for split in load_splits(path)] == [21, 7]


def test_validation_images_are_not_asked_for_twice(tmp_path):
    root = put(tmp_path, {**seven(2), **seven(folder="val"), "dataset.toml": 'validation = "25%"'})
    assert "PublicTest has images already" in error_of(root)


def test_a_limit_takes_images_of_all_classes_though_a_folder_is_read_class_by_class(tmp_path):
    root = put(tmp_path, {**seven(5), **seven(5, folder="val")})
    whole, few = load_splits(root), load_splits(root, 14)
    for all_of_it, part in zip(whole, few, strict=True):
        assert (len(all_of_it), len(part)) == (35, 14)
        assert (part.counts() > 0).sum() > 4
        assert set(part.names) <= set(all_of_it.names)
    assert few[0].names.tolist() == load_splits(root, 14)[0].names.tolist()
    assert [len(split) for split in load_splits(root, 99)] == [35, 35]


# ---- classes of one's own


def own_tree(*folders: str, classes: tuple[str, ...] = ("tired", "Bored", "happy2")) -> dict[str, bytes | str]:
    return {f"{folder}/{name}/{n}.png": encoded(FACES[n]) for folder in folders for name in classes for n in range(2)}


@pytest.mark.parametrize("folders", [("train", "val"), ("train", "test"), ("train", "val", "test")])
def test_folders_give_classes_of_their_own(tmp_path, capsys, folders):
    root = put(tmp_path / "faces", own_tree(*folders))
    data = fer2013.load(root)
    assert data.classes == ("bored", "happy2", "tired")
    assert data.counts().tolist() == [2 * len(folders)] * 3
    assert "the folders' names are the classes: bored, happy2, tired" in capsys.readouterr().err
    training, validation = load_splits(root)
    assert training.labels.tolist() == validation.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert ("PrivateTest" in data.usage) == (len(folders) == 3)


def test_a_list_gives_the_classes_and_their_order(tmp_path):
    files = own_tree("train", classes=("happy", "neutral", "sad")) | {
        "dataset.toml": 'classes = ["sad", "neutral", "happy"]'
    }
    data = fer2013.load(put(tmp_path, files))
    assert data.classes == ("sad", "neutral", "happy")
    assert data.labels.tolist() == [2, 2, 1, 1, 0, 0]


def test_a_table_may_join_folders_to_classes_of_their_own(tmp_path):
    said = 'classes = {1 = "smile", 2 = "smile", 3 = "no smile", 4 = ""}'
    files = own_tree("train", classes=("1", "2", "3", "4")) | {"dataset.toml": said}
    data = fer2013.load(put(tmp_path, files))
    assert data.classes == ("smile", "no smile")
    assert data.labels.tolist() == [0, 0, 0, 0, 1, 1]


def test_three_of_the_seven_are_not_taken_for_classes_of_their_own(tmp_path):
    root = put(tmp_path, own_tree("train", "val", classes=("happy", "neutral", "sad")))
    with pytest.raises(MicroferError, match=r"Training has no image of anger, disgust, fear, surprise"):
        load_splits(root)


def test_names_of_which_some_are_of_the_seven_are_refused_with_the_way_to_say_so(tmp_path):
    message = error_of(put(tmp_path, own_tree("train", classes=("happy", "not_happy"))))
    assert "the folder 'not_happy' means no class" in message
    assert 'or name all classes there where they are your own: classes = ["happy", "bored"]' in message


def test_more_than_sixteen_classes_are_no_classes_of_their_own(tmp_path):
    names = tuple(f"c{n}" for n in range(17))
    assert "means no class" in error_of(put(tmp_path / "many", own_tree("train", classes=names)))
    assert len(fer2013.load(put(tmp_path / "most", own_tree("train", classes=names[:16]))).classes) == 16


def test_a_csv_may_have_classes_of_its_own(tmp_path):
    text = csv_of(f"smile,{GOOD_PIXELS},Training", f"frown,{GOOD_PIXELS},PublicTest")
    put(tmp_path, {"f.csv": text, "f.dataset.toml": 'classes = ["frown", "smile"]'})
    data = fer2013.load(tmp_path / "f.csv")
    assert (data.classes, data.labels.tolist()) == (("frown", "smile"), [1, 0])
    put(tmp_path, {"f.csv": text + f"yawn,{GOOD_PIXELS},Training\n"})
    assert "row 4: the label is 'yawn', expected frown or smile" in error_of(tmp_path / "f.csv")


VOTES = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\n"


@pytest.fixture
def voted(tmp_path):
    rows = [f"0,{GOOD_PIXELS},Training"] * 6
    votes = ["8,1,0,0,0,0,0,0,1,0", "0,0,0,9,1,0,0,0,0,0", "4,4,0,0,0,0,0,0,2,0", "0,0,0,0,1,0,0,9,0,0"]
    votes += ["0,0,0,0,0,0,0,0,0,10", "0,0,0,0,0,0,9,0,1,0"]
    lines = "".join(f"Training,fer{n:07d}.png,{row}\n" for n, row in enumerate(votes))
    put(tmp_path, {"fer2013.csv": csv_of(*rows), "fer2013new.csv": VOTES + lines})
    return tmp_path


def test_the_majority_of_the_votes_is_the_label(voted, capsys):
    put(voted, {"fer2013.dataset.toml": 'votes = "fer2013new.csv"'})
    data = fer2013.load(voted / "fer2013.csv")
    assert names_of(data) == ["neutral", "sadness", "fear"]
    assert data.names.tolist() == ["row 2", "row 3", "row 7"]
    assert "labels by the votes in fer2013new.csv" in capsys.readouterr().err


def test_votes_that_do_not_fit_are_refused(voted):
    put(voted, {"fer2013.dataset.toml": 'votes = "fer2013new.csv"', "fer2013.csv": csv_of(f"0,{GOOD_PIXELS},Training")})
    assert "has votes for 6 rows, and" in error_of(voted / "fer2013.csv")
    put(voted, {"fer2013new.csv": VOTES + "Training,a.png,8,1,x,0,0,0,0,0,1,0\n"})
    assert "fer2013new.csv, row 2: expected ten whole numbers" in error_of(voted / "fer2013.csv")
    (voted / "fer2013new.csv").unlink()
    assert "get FER+'s fer2013new.csv from" in error_of(voted / "fer2013.csv")
