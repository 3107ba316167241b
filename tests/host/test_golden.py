"""The golden pictures of the boot self-test, what the released model answers on them, and their way into C++."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.firmware import make_generated

from microfer.errors import MicroferError
from microfer.export.export import export_model
from microfer.export.golden import FOLDER, INDEX_FILE, Pgm, pgm_bytes, pictures_sha256, read_pgm, read_pictures
from microfer.oracle.golden import golden_crops, golden_scores, with_golden_scores
from microfer.pictures.opencv import cv2
from microfer.release import default_model
from microfer.runtimes.runners import has_tflm, open_tflite
from microfer.tflite import tflite_file
from microfer.tflite.metadata import Golden, ModelMetadata, embed_metadata, read_metadata

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "tests" / "golden" / "tiny_int8.tflite"
HAAR = [Path(cv2.data.haarcascades, f"haarcascade_frontalface_{kind}.xml") for kind in ("alt2", "default")]
LBP = Path("/usr/share/opencv4/lbpcascades/lbpcascade_frontalface.xml")
"""Where Debian's opencv-data puts it; the wheel of OpenCV has none."""

METADATA = ModelMetadata("tiny-test-1", "tiny", None)
DUMP = r"""
#include <cstdio>
#include "golden.h"
int main() {
  using microfer::kGoldenFrames;
  std::printf("{\"known\": %s, \"frames\": [", microfer::kGoldenScoresKnown ? "true" : "false");
  for (std::size_t i = 0; i < microfer::kNumGoldenFrames; ++i) {
    const microfer::GoldenFrame& frame = kGoldenFrames[i];
    std::printf("%s{\"name\": \"%s\", \"size\": [%d, %d], \"box\": [%d, %d, %d, %d], \"scores\": [", i ? ", " : "",
                frame.name, frame.width_px, frame.height_px, frame.face.left_px, frame.face.top_px,
                frame.face.width_px, frame.face.height_px);
    for (int k = 0; k < microfer::kNumLabels; ++k) std::printf("%s%d", k ? ", " : "", frame.scores[k]);
    std::printf("], \"pixels\": \"");
    for (int k = 0; k < frame.width_px * frame.height_px; ++k) std::printf("%02x", frame.pixels[k]);
    std::printf("\"}");
  }
  std::printf("]}");
}
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    """A copy of the golden pictures, to be damaged."""
    return Path(shutil.copytree(FOLDER, tmp_path / "golden"))


@pytest.fixture(scope="module")
def bare() -> bytes:
    return embed_metadata(TINY.read_bytes(), METADATA)


@pytest.fixture(scope="module")
def scored(bare) -> bytes:
    return with_golden_scores(bare)


def frames():
    for golden in read_pictures():
        picture = golden.picture
        yield golden, np.frombuffer(picture.pixels, np.uint8).reshape(picture.height_px, picture.width_px)


def overlap(box, found):
    """Intersection over union of a FaceBox and a rectangle of OpenCV's."""
    left, top, width, height = map(int, found)
    inner_width = max(0, min(left + width, box.left + box.width) - max(left, box.left))
    inner_height = max(0, min(top + height, box.top + box.height) - max(top, box.top))
    inner = inner_width * inner_height
    return inner / (width * height + box.width * box.height - inner)


@pytest.mark.parametrize("cascade", [*HAAR, LBP], ids=lambda path: path.stem)
def test_opencv_finds_each_face_where_the_box_is_and_nothing_else(cascade):
    if not cascade.is_file():
        pytest.skip(f"{cascade} is not here; on Debian: apt install opencv-data")
    detector = cv2.CascadeClassifier(str(cascade))
    for golden, frame in frames():
        found = detector.detectMultiScale(frame, scaleFactor=1.1, minNeighbors=3, minSize=(24, 24))
        assert [overlap(golden.box, one) >= 0.5 for one in found] == [True], golden.name


def test_the_pictures_are_what_a_camera_gives_and_their_sources_are_named():
    golden = read_pictures()
    assert [one.name for one in golden][-1] == "astronaut"
    assert {(one.picture.width_px, one.picture.height_px) for one in golden} == {(160, 120)}
    assert len({one.box.width for one in golden}) == len(golden) == 5
    assert all(one.source.startswith(("drawn by", "portrait of Eileen Collins by NASA")) for one in golden)
    assert (FOLDER / "astronaut.pgm").read_bytes() == pgm_bytes(golden[-1].picture)


def test_a_crop_is_cut_where_the_box_is():
    (golden, frame), *_ = frames()
    small = replace(golden, box=replace(golden.box, left=40, top=30, width=48, height=48))
    np.testing.assert_array_equal(golden_crops([small])[0], frame[30:78, 40:88])


def test_the_hash_changes_with_every_pixel_box_and_order():
    golden = read_pictures()
    first = golden[0]
    pixels = bytearray(first.picture.pixels)
    pixels[-1] ^= 1
    others = [
        (replace(first, picture=replace(first.picture, pixels=bytes(pixels))), *golden[1:]),
        *((replace(first, box=replace(first.box, **{side: 7})), *golden[1:]) for side in ("left", "top", "width")),
        (replace(first, picture=Pgm(120, 160, first.picture.pixels)), *golden[1:]),
        golden[::-1],
        golden[1:],
    ]
    assert len({pictures_sha256(other) for other in (golden, *others)}) == 1 + len(others)
    assert pictures_sha256((replace(first, name="renamed", source="elsewhere"), *golden[1:])) == pictures_sha256(golden)


def test_the_released_model_carries_the_scores_that_the_reference_kernels_give():
    content = default_model().read_bytes()
    carried = read_metadata(tflite_file.read(content)).golden
    assert carried == golden_scores(content)
    assert len({np.argmax(row) for row in carried.scores}) >= 3  # a stuck output would not pass


@pytest.mark.skipif(not has_tflm(), reason="tflite-micro has no wheel for this machine")
def test_the_released_model_carries_the_scores_that_tflm_gives():
    carried = read_metadata(tflite_file.read(default_model())).golden
    raw = open_tflite(default_model(), "tflm").raw(golden_crops(read_pictures()))
    assert raw.tolist() == [list(row) for row in carried.scores]


def test_the_tiny_models_scores_are_up_to_date():
    assert make_generated.METADATA.golden == golden_scores(TINY.read_bytes()), "tests/golden/make_tiny_scores.py"


def test_renewed_scores_replace_the_old_ones_and_nothing_else(bare, scored):
    stale = embed_metadata(bare, replace(METADATA, golden=Golden("0" * 64, ((0,) * 7,))))
    assert with_golden_scores(stale) == scored == with_golden_scores(scored)
    assert embed_metadata(scored, METADATA) == bare


def test_scores_need_a_model_with_metadata():
    with pytest.raises(MicroferError, match="has no metadata entry named 'microfer'"):
        with_golden_scores(TINY.read_bytes())


@pytest.mark.parametrize("compiler", ["g++", "clang++"])
@pytest.mark.parametrize("with_scores", [True, False])
def test_cpp_sees_the_pictures_the_boxes_and_the_scores(tmp_path, bare, scored, compiler, with_scores):
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    said = _compiled(tmp_path, scored if with_scores else bare, compiler)
    pictures = read_pictures()
    scores = golden_scores(bare).scores if with_scores else ((0,) * 7,) * len(pictures)
    assert said["known"] is with_scores
    assert said["frames"] == [
        {
            "name": one.name,
            "size": [one.picture.width_px, one.picture.height_px],
            "box": [one.box.left, one.box.top, one.box.width, one.box.height],
            "scores": list(row),
            "pixels": one.picture.pixels.hex(),
        }
        for one, row in zip(pictures, scores, strict=True)
    ]


def test_golden_frames_of_another_model_do_not_compile(tmp_path, bare, scored):
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    (tmp_path / "one.tflite").write_bytes(bare)
    (tmp_path / "two.tflite").write_bytes(scored)
    export_model(tmp_path / "one.tflite", tmp_path / "one")
    export_model(tmp_path / "two.tflite", tmp_path / "two")
    shutil.copy(tmp_path / "two" / "contract.h", tmp_path / "one")
    command = ["g++", "-std=c++17", "-fsyntax-only", "-I", ROOT / "firmware" / "lib", tmp_path / "one" / "golden.cc"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "contract.h is of another model" in done.stderr


def test_scores_of_other_pictures_are_refused_and_nothing_is_written(tmp_path, folder, scored):
    (tmp_path / "tiny.tflite").write_bytes(scored)
    damaged = bytearray((folder / "astronaut.pgm").read_bytes())
    damaged[-1] ^= 1
    (folder / "astronaut.pgm").write_bytes(damaged)
    with pytest.raises(
        MicroferError, match=r"scores in the model tiny-test-1 are for other pictures .*generate.py scores"
    ):
        export_model(tmp_path / "tiny.tflite", tmp_path / "out", folder)
    assert not (tmp_path / "out").exists()


def test_a_model_with_fewer_scores_than_pictures_is_refused(tmp_path, scored):
    golden = golden_scores(scored)
    fewer = replace(METADATA, golden=Golden(golden.pictures_sha256, golden.scores[1:]))
    (tmp_path / "tiny.tflite").write_bytes(embed_metadata(scored, fewer))
    with pytest.raises(MicroferError, match="are for other pictures"):
        export_model(tmp_path / "tiny.tflite", tmp_path / "out")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda content: content[:-1], r"holds 19199 pixels, expected 19200 for 160x120; .*restore it"),
        (lambda content: content + b"\n", "holds 19201 pixels, expected 19200"),
        (lambda content: content[:9], "is not a binary PGM"),
        (lambda _: b"", "is not a binary PGM"),
        (lambda content: b"P2" + content[2:], "is not a binary PGM"),
        (lambda content: content.replace(b"255", b"999", 1), "pixels up to 999, expected"),
        (lambda content: content.replace(b"160", b"000", 1), "has 0x120 pixels"),
        (lambda content: content.replace(b"160", b"9999", 1), "has 9999x120 pixels"),
    ],
)
def test_a_damaged_picture_is_named(folder, damage, said):
    path = folder / "drawn-anger.pgm"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(MicroferError, match=rf"drawn-anger\.pgm .*{said}|drawn-anger\.pgm {said}"):
        read_pictures(folder)


def test_a_comment_in_a_picture_is_skipped(tmp_path):
    (tmp_path / "a.pgm").write_bytes(b"P5 # by hand\n# 9 9 9\n2 1\n255\n#\n")
    assert read_pgm(tmp_path / "a.pgm") == Pgm(2, 1, b"#\n")


def test_a_missing_picture_is_named(folder):
    (folder / "astronaut.pgm").unlink()
    with pytest.raises(MicroferError, match=r"cannot read .*astronaut\.pgm"):
        read_pictures(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"box": {"left": 89, "top": 0, "width": 72, "height": 72}}, "a square inside the picture's 160x120"),
        ({"box": {"left": 0, "top": 49, "width": 72, "height": 72}}, "a square inside"),
        ({"box": {"left": -1, "top": 0, "width": 72, "height": 72}}, "a square inside"),
        ({"box": {"left": 0, "top": 0, "width": 72, "height": 71}}, "a square inside"),
        ({"box": {"left": 0, "top": 0, "width": 0, "height": 0}}, "a square inside"),
        ({"box": {"left": 0.5, "top": 0, "width": 72, "height": 72}}, "whole numbers"),
        ({"box": {"left": 0, "top": 0, "width": 72}}, "expected left, top, width, height"),
        ({"box": None}, "expected left, top, width, height"),
        ({"file": "../drawn-happiness.pgm"}, "key 'file'"),
        ({"file": "drawn-anger.pgm"}, "names a file twice"),
        ({"source": " "}, "where the picture comes from"),
        ({"licence": "?"}, "expected the keys file, box and source"),
    ],
)
def test_a_wrong_entry_is_named(folder, change, said):
    content = json.loads((folder / INDEX_FILE).read_text())
    content["pictures"][0] |= change
    (folder / INDEX_FILE).write_text(json.dumps(content))
    with pytest.raises(MicroferError, match=rf"golden\.json.*{said}"):
        read_pictures(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pictures": []}', '{"pictures": 5}', "[" * 100_000])
def test_an_index_that_lists_nothing_is_refused(folder, text):
    (folder / INDEX_FILE).write_text(text)
    with pytest.raises(MicroferError, match=r"golden\.json"):
        read_pictures(folder)


def _compiled(folder: Path, tflite: bytes, compiler: str):
    """Export, compile the dump with the core's own flags, run it and return what it prints."""
    (folder / "tiny.tflite").write_bytes(tflite)
    export_model(folder / "tiny.tflite", folder / "generated")
    (folder / "dump.cc").write_text(DUMP)
    flags = [f"@{ROOT / 'tests' / 'firmware' / 'compile_flags.rsp'}", "-I", folder / "generated"]
    sources = [folder / "dump.cc", folder / "generated" / "golden.cc"]
    command = [compiler, *flags, "-I", ROOT / "firmware" / "lib", *sources, "-o", folder / "dump"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(subprocess.run([folder / "dump"], capture_output=True, text=True, check=True).stdout)
