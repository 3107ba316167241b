"""The audit: what it counts, what it takes for one picture, and the command around it."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from microfer.contract import OFFICIAL_COUNTS
from microfer.data import fer2013
from microfer.data.audit import DuplicateCount, Leak, also_in, audit, contact_sheet
from microfer.data.dataset import Dataset
from microfer.data.duplicates import blank, exact_groups, mirrored_any, mirrored_groups, near_any, near_groups
from microfer.data.synthetic import synthetic_dataset

ROOT = Path(__file__).resolve().parents[2]
FACES = synthetic_dataset(2, seed=0).images


def dataset(*rows: tuple[np.ndarray, int, str]) -> Dataset:
    images, labels, usage = zip(*rows, strict=True)
    names = np.array([f"image {index}" for index in range(len(rows))])
    return Dataset(np.stack(images), np.array(labels, np.uint8), np.array(usage), names, "made up")


def as_lists(groups: list[np.ndarray]) -> list[list[int]]:
    return [group.tolist() for group in groups]


def brighter(image: np.ndarray) -> np.ndarray:
    return np.clip(image * 0.8 + 30, 0, 255).astype(np.uint8)


def marked(image: np.ndarray) -> np.ndarray:
    words = cv2.putText(image.copy(), "stock", (2, 40), cv2.FONT_HERSHEY_SIMPLEX, 0.3, 255, 1)
    return cv2.addWeighted(image, 0.75, words, 0.25, 0)


def compressed(image: np.ndarray) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_GRAYSCALE)


# ---- which images are one picture


def test_exact_groups_are_of_identical_bytes_alone():
    almost = FACES[0].copy()
    almost[0, 0] ^= 1
    images = np.stack([FACES[0], FACES[1], almost, FACES[0], FACES[2], FACES[1], FACES[0]])
    assert as_lists(exact_groups(images)) == [[0, 3, 6], [1, 5]]


@pytest.mark.parametrize("change", [brighter, marked, compressed, lambda image: 255 - brighter(255 - image)])
def test_a_changed_copy_is_near_its_original_and_no_other(change):
    images = np.concatenate([FACES, change(FACES[3])[np.newaxis]])
    assert as_lists(near_groups(images)) == [[3, len(FACES)]]
    assert near_any(change(FACES[3])[np.newaxis], FACES).tolist() == [True]


def test_near_groups_follow_chains_and_count_exact_copies():
    images = np.stack([FACES[0], FACES[1], brighter(FACES[0]), marked(brighter(FACES[0])), FACES[0], FACES[1]])
    assert as_lists(near_groups(images)) == [[0, 2, 3, 4]]


def test_near_groups_reach_across_the_blocks_of_the_comparison():
    noise = np.random.default_rng(0).integers(0, 256, (5000, 48, 48), dtype=np.uint8)
    noise[4999], noise[2500] = brighter(FACES[0]), FACES[0]
    assert as_lists(near_groups(noise)) == [[2500, 4999]]
    assert np.flatnonzero(near_any(noise, FACES)).tolist() == [2500, 4999]


def test_an_inverted_image_is_not_near():
    assert near_groups(np.stack([FACES[0], 255 - FACES[0]])) == []


def test_mirrored_copies_are_found_also_changed_ones_and_not_taken_for_near_ones():
    copies = np.stack([FACES[3][:, ::-1], compressed(np.ascontiguousarray(FACES[9][:, ::-1])), FACES[5]])
    images = np.concatenate([FACES, copies])
    count = len(FACES)
    assert as_lists(mirrored_groups(images)) == [[3, count], [9, count + 1]]
    assert as_lists(near_groups(images)) == []
    assert mirrored_any(copies, FACES).tolist() == [True, True, False]


def test_mirrored_groups_reach_across_the_blocks_of_the_comparison():
    noise = np.random.default_rng(0).integers(0, 256, (2500, 48, 48), dtype=np.uint8)
    noise[2499], noise[7] = FACES[0][:, ::-1], FACES[0]
    assert as_lists(mirrored_groups(noise)) == [[7, 2499]]


def test_a_picture_that_is_its_own_mirror_image_is_no_mirrored_copy():
    symmetric = np.hstack([FACES[0][:, :24], FACES[0][:, 23::-1]])
    assert mirrored_groups(np.stack([symmetric, brighter(symmetric), FACES[1]])) == []


def test_the_audit_counts_mirrored_copies_across_splits_and_says_what_it_cannot_find():
    report = audit(dataset((FACES[0], 0, "Training"), (FACES[0][:, ::-1], 4, "PublicTest"), (FACES[1], 1, "Training")))
    assert report.mirrored == (DuplicateCount(("Training", "PublicTest"), 1, 2, 1, 2),)
    assert report.mirrored_groups == (("image 0", "image 1"),)
    assert report.leaks == (Leak("PublicTest", 1, exact=0, near=0, mirrored=1),)
    assert "rotated" in report.as_json()["not_found_by_this"]


def test_blank_images_are_found_and_near_to_nothing():
    nearly = np.full((48, 48), 128, np.uint8)
    nearly[3, 3] = 131
    images = np.stack([np.zeros((48, 48), np.uint8), nearly, FACES[0], np.full((48, 48), 128, np.uint8)])
    assert blank(images).tolist() == [True, True, False, True]
    assert near_groups(images) == []


def test_nothing_is_found_in_no_images():
    none = np.empty((0, 48, 48), np.uint8)
    assert exact_groups(none) == near_groups(none) == []
    assert blank(none).shape == near_any(none, FACES).shape == (0,)
    assert near_any(FACES, none).tolist() == [False] * len(FACES)


def test_also_in_marks_the_test_images_that_training_has_too():
    training = dataset((FACES[0], 0, "Training"), (FACES[1], 1, "Training"))
    test = dataset((FACES[2], 2, "PublicTest"), (FACES[1], 1, "PublicTest"), (brighter(FACES[0]), 0, "PublicTest"))
    assert also_in(test, training).tolist() == [False, True, False]
    assert also_in(test, training, near=True).tolist() == [False, True, True]


# ---- the report


@pytest.fixture
def mixed() -> Dataset:
    return dataset(
        (FACES[0], 0, "Training"),
        (FACES[0], 4, "Training"),
        (FACES[1], 1, "Training"),
        (FACES[1], 1, "PublicTest"),
        (FACES[2], 2, "Training"),
        (brighter(FACES[2]), 2, "PublicTest"),
        (FACES[3], 3, "PublicTest"),
        (np.zeros((48, 48), np.uint8), 3, "unknown"),
    )


def test_the_audit_counts_duplicates_within_and_across_splits(mixed):
    report = audit(mixed)
    assert report.exact == (
        DuplicateCount(("Training",), groups=1, images=2, conflicting_groups=1, conflicting_images=2),
        DuplicateCount(("Training", "PublicTest"), groups=1, images=2, conflicting_groups=0, conflicting_images=0),
    )
    assert report.near == (DuplicateCount(("Training", "PublicTest"), 1, 2, 0, 0),)
    assert report.exact_groups == (("image 0", "image 1"), ("image 2", "image 3"))
    assert report.near_groups == (("image 4", "image 5"),)
    assert report.leaks == (
        Leak("PublicTest", 3, exact=1, near=2, mirrored=0),
        Leak("unknown", 1, exact=0, near=0, mirrored=0),
    )
    assert report.blank == ("image 7",)


def test_the_audit_compares_the_counts_with_the_official_ones(mixed):
    report = audit(mixed)
    by_usage = {split.usage: split for split in report.splits}
    assert by_usage["Training"].classes == (1, 1, 1, 0, 1, 0, 0)
    assert by_usage["Training"].official == OFFICIAL_COUNTS["Training"]
    assert by_usage["Training"].differs
    assert report.absent() == ("PrivateTest",)
    assert not by_usage["PrivateTest"].differs
    assert not by_usage["unknown"].differs
    assert report.as_json()["different_from_official"] == ["Training", "PublicTest"]


def test_the_contact_sheet_has_a_row_for_each_class():
    sheet = contact_sheet(synthetic_dataset(4, seed=0), "synthetic", per_class=3)
    assert sheet.shape == (24 + 7 * 72, 110 + 3 * 72)
    for label in range(7):
        row = sheet[24 + label * 72 : 24 + (label + 1) * 72]
        assert (row[:, :110] < 128).any(), "its name"
        assert row[:, 110:].std() > 10, "its faces"


def test_the_contact_sheet_leaves_an_absent_class_empty(mixed):
    sheet = contact_sheet(mixed, "made up", per_class=2)
    assert (sheet[24 + 6 * 72 :, 110:] == sheet[0, 0]).all()


# ---- the command


def audit_data(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "host" / "microfer"), "audit", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def fer_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "fer.zip", "w") as archive:
        for name, image in {
            "train/angry/1.png": FACES[0],
            "train/sad/2.png": FACES[0],
            "test/happy/PublicTest_3.png": FACES[0],
            "test/happy/4.png": FACES[3],
        }.items():
            archive.writestr(name, cv2.imencode(".png", image)[1].tobytes())
    return tmp_path / "fer.zip"


def test_the_command_prints_tables_and_saves_its_report(fer_zip, tmp_path):
    done = audit_data("--data", str(fer_zip), "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    for said in (
        "Images per class",
        "1 (official 3,995)",
        "absent",
        "1 images do not tell PublicTest",
        "0 images are",
        "in the mirror",
        "Not found",
    ):
        assert said in done.stdout
    report = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert report["exact_groups"] == [["test/happy/PublicTest_3.png", "train/angry/1.png", "train/sad/2.png"]]
    assert cv2.imread(str(tmp_path / "out" / "contact_sheet.png")) is not None


def test_the_command_prints_nothing_but_json_when_asked(fer_zip, tmp_path):
    done = audit_data("--data", str(fer_zip), "--out", str(tmp_path / "out"), "--json")
    report = json.loads(done.stdout)
    assert report == json.loads((tmp_path / "out" / "audit.json").read_text())
    assert report["leaks"] == [
        {"usage": "PublicTest", "images": 1, "exact": 1, "near": 1, "mirrored": 0},
        {"usage": "unknown", "images": 1, "exact": 0, "near": 0, "mirrored": 0},
    ]


def test_the_command_ends_with_one_line_where_the_data_is_missing(tmp_path):
    done = audit_data("--data", str(tmp_path / "none.zip"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: there is no ")
    assert len(done.stderr.splitlines()) == 1


def test_the_command_ends_with_one_line_where_it_cannot_write(fer_zip, tmp_path):
    (tmp_path / "file").write_text("in the way")
    done = audit_data("--data", str(fer_zip), "--out", str(tmp_path / "file" / "out"))
    assert done.returncode == 2
    assert "error: cannot write" in done.stderr
    assert "Traceback" not in done.stderr


# ---- FER-2013 itself


@pytest.mark.data
def test_fer2013_has_its_known_faults(fer2013_path):
    data = fer2013.load(fer2013_path)
    if "PrivateTest" in data.usage:
        assert len(exact_groups(data.images)) == 1516
    report = audit(data.take((data.usage == "Training") | (data.usage == "PublicTest")))
    assert [(count.splits, count.groups) for count in report.exact] == [
        (("Training",), 987),
        (("PublicTest",), 16),
        (("Training", "PublicTest"), 270),
    ]
    assert len(report.blank) == 13
    (leak,) = report.leaks
    assert (leak.usage, leak.images, leak.exact) == ("PublicTest", 3589, 280)
    assert leak.near == pytest.approx(509, abs=5)
