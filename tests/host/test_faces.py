"""Faces are found where they are, and the crop is the mean of the area that it covers."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from microfer.errors import MicroferError
from microfer.pictures import faces, pictures
from microfer.pictures.faces import Face, FaceFinder, crop


@pytest.fixture(scope="module")
def astronaut():
    return pictures.read(pictures.astronaut_path()).gray()


def noise(height, width):
    return np.random.default_rng(5).integers(0, 256, (height, width), dtype=np.uint8)


def test_the_astronauts_face_is_found_once_and_nothing_else(astronaut):
    (face,) = FaceFinder().find(astronaut)
    # The eyes and the mouth, read off the picture.
    for x, y in ((199, 108), (249, 108), (226, 149)):
        assert face.left < x < face.left + face.size
        assert face.top < y < face.top + face.size
    assert 85 <= face.size <= 130
    assert face.neighbours > 4


@pytest.mark.parametrize("scale", [0.6, 3])
def test_the_box_grows_with_the_frame(astronaut, scale):
    (face,) = FaceFinder().find(astronaut)
    (scaled,) = FaceFinder().find(cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR))
    for edge in ("left", "top", "size"):
        assert getattr(scaled, edge) == pytest.approx(scale * getattr(face, edge), abs=0.12 * scale * face.size)


def test_faces_come_largest_first(astronaut):
    small = cv2.resize(astronaut, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    both = np.zeros((512, 512 + small.shape[1]), np.uint8)
    both[: small.shape[0], : small.shape[1]] = small
    both[:, small.shape[1] :] = astronaut
    first, second = FaceFinder().find(both)
    assert first.left > small.shape[1] > second.left
    assert first.size > second.size


def test_a_frame_without_a_face_gives_none():
    assert FaceFinder().find(np.full((240, 320), 128, np.uint8)) == []


def test_a_face_smaller_than_asked_for_is_left_out(astronaut):
    assert FaceFinder(min_size_px=200).find(astronaut) == []


@pytest.mark.parametrize(
    "frame", [np.zeros((48, 48, 3), np.uint8), np.zeros((48, 48), np.float32), np.zeros((0, 9), np.uint8)]
)
def test_a_frame_that_is_not_gray_uint8_is_refused(frame):
    with pytest.raises(ValueError, match="expected a gray frame"):
        FaceFinder().find(frame)


@pytest.mark.parametrize("factor", [1, 2, 5])
def test_a_crop_is_the_mean_of_blocks(factor):
    frame = noise(300, 320)
    side = 48 * factor
    block = frame[7 : 7 + side, 11 : 11 + side].reshape(48, factor, 48, factor)
    expected = block.mean(axis=(1, 3))
    made = crop(frame, Face(11, 7, side, 1))
    assert made.shape == (48, 48)
    assert made.dtype == np.uint8
    assert np.abs(made - expected).max() <= 0.5  # rounding alone


@pytest.mark.parametrize("corner", [(-20, -9), (250, -9), (-20, 240), (250, 240)])
def test_a_box_over_the_edge_repeats_the_edge(corner):
    frame = noise(300, 320)
    padded = np.pad(frame, 100, mode="edge")
    inside = Face(corner[0] + 100, corner[1] + 100, 96, 1)
    assert np.array_equal(crop(frame, Face(*corner, 96, 1)), crop(padded, inside))


def test_a_box_larger_than_the_frame_is_cropped_too():
    assert (crop(np.full((30, 20), 77, np.uint8), Face(-50, -50, 200, 1)) == 77).all()


@pytest.mark.parametrize("corner", [(-96, 0), (320, 0), (0, -96), (0, 300)])
def test_a_box_outside_the_frame_is_an_error(corner):
    with pytest.raises(MicroferError, match="outside the frame of 320x300"):
        crop(noise(300, 320), Face(*corner, 96, 1))


def test_a_box_is_enlarged_about_its_centre_and_shifted_by_parts_of_itself():
    face = Face(100, 200, 40, 9)
    assert face.adjusted() == face
    assert face.adjusted(enlarge=1.5) == Face(90, 190, 60, 9)
    assert face.adjusted(shift_right=0.25, shift_down=-0.5) == Face(110, 180, 40, 9)


@pytest.mark.parametrize("options", [{"enlarge": 0.0}, {"enlarge": 9}, {"shift_right": 2}, {"shift_down": -1.5}])
def test_an_adjustment_that_loses_the_face_is_an_error(options):
    with pytest.raises(MicroferError, match="loses the face"):
        Face(100, 200, 40, 9).adjusted(**options)


def test_an_opencv_without_cascades_names_the_version_to_install(monkeypatch):
    monkeypatch.delattr(cv2, "CascadeClassifier")
    with pytest.raises(
        MicroferError, match=r'has no CascadeClassifier .* pip install "opencv-python-headless>=4\.14,<5"'
    ):
        FaceFinder()


def test_a_missing_cascade_file_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(cv2.data, "haarcascades", str(tmp_path))
    with pytest.raises(MicroferError, match=rf"{faces.CASCADE} is missing; install OpenCV again"):
        FaceFinder()


def test_a_damaged_cascade_file_is_named(monkeypatch, tmp_path):
    (tmp_path / faces.CASCADE).write_text("<opencv_storage></opencv_storage>")
    monkeypatch.setattr(cv2.data, "haarcascades", str(tmp_path))
    with pytest.raises(MicroferError, match="is not a cascade that OpenCV can read"):
        FaceFinder()


def test_the_astronaut_lies_in_the_package_and_is_not_downloaded():
    path = pictures.astronaut_path()
    assert Path(path).parent.name == "data"
    assert pictures.read(path).pixels.shape == (512, 512, 3)
