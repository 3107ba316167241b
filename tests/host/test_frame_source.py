"""What the virtual board's camera sees."""

import contextlib
import time
from pathlib import Path

import numpy as np
import pytest

from microfer.errors import MicroferError
from microfer.pictures import pictures
from microfer.pictures.faces import FaceFinder
from microfer.pictures.opencv import cv2
from microfer.virtual_board.frame_source import (
    FRAMINGS,
    HEIGHT_PX,
    WIDTH_PX,
    SceneSource,
    VideoSource,
    WebcamSource,
    framed,
    open_source,
)


def gradient(height, width):
    across, down = np.linspace(10, 200, width), np.linspace(0, 50, height)
    return (across[np.newaxis, :] + down[:, np.newaxis]).astype(np.uint8)


def save(path: Path, pixels):
    assert cv2.imwrite(str(path), pixels)
    return path


def video(path, frames, fps):
    """A film whose frames tell their number by their gray value."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), fps, (WIDTH_PX, HEIGHT_PX))
    if not writer.isOpened():
        pytest.skip("this OpenCV writes no MJPG")
    for number in range(frames):
        writer.write(np.full((HEIGHT_PX, WIDTH_PX, 3), 20 + 10 * number, np.uint8))
    writer.release()
    return path


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("size", [(1, 1), (3000, 20), (20, 3000), (48, 48), (240, 320), (241, 321), (480, 640)])
def test_a_picture_of_any_size_becomes_a_frame_of_the_camera(framing, size):
    frame = framed(gradient(*size), framing)
    assert (frame.shape, frame.dtype, frame.flags.c_contiguous) == ((HEIGHT_PX, WIDTH_PX), np.uint8, True)


def test_a_picture_of_the_cameras_size_is_left_alone():
    picture = np.random.default_rng(0).integers(0, 256, (HEIGHT_PX, WIDTH_PX), np.uint8)
    assert all(np.array_equal(framed(picture, framing), picture) for framing in FRAMINGS)


def test_the_middle_fills_the_frame_and_the_whole_gets_black_bars():
    tall = np.full((600, 300), 200, np.uint8)
    assert framed(tall, "fill").min() == 200
    whole = framed(tall, "whole")
    assert whole[:, 0].max() == 0
    assert whole[:, WIDTH_PX // 2].min() == 200
    assert (whole > 100).any(axis=0).sum() == pytest.approx(HEIGHT_PX / 2, abs=2)


def test_a_face_is_framed_as_a_person_would_hold_the_camera():
    frame = framed(pictures.read(pictures.astronaut_path()).gray(), "face")
    face = FaceFinder().find(frame)[0]
    assert 0.4 < face.size / HEIGHT_PX < 0.7
    assert abs(face.left + face.size / 2 - WIDTH_PX / 2) < 20


def test_pictures_of_a_folder_take_turns(tmp_path):
    for number in (1, 2):
        save(tmp_path / f"{number}.png", np.full((60, 80, 3), 50 * number, np.uint8))
    source = open_source([tmp_path])
    source.hold_s = 2
    assert source.name == "2 pictures"
    assert [int(source.frame(time_s).max()) for time_s in (0, 1.9, 2, 3.9, 4)] == [50, 50, 100, 100, 50]


def test_a_video_plays_at_its_own_speed_and_over_again(tmp_path):
    source = open_source([video(tmp_path / "film.avi", frames=10, fps=20)])
    shown = [round((int(source.frame(k / 10).mean()) - 20) / 10) for k in range(8)]  # every other frame, at 10 a second
    assert shown[:5] == [0, 2, 4, 6, 8]
    assert shown[5:] == [0, 2, 4]
    source.close()


def test_a_slow_video_is_shown_more_than_once(tmp_path):
    source = VideoSource(video(tmp_path / "film.avi", frames=3, fps=5))
    assert [round((int(source.frame(k / 10).mean()) - 20) / 10) for k in range(6)] == [0, 0, 1, 1, 2, 2]


def test_what_is_no_video_is_named(tmp_path):
    (tmp_path / "film.mp4").write_bytes(b"no film")
    with pytest.raises(MicroferError, match=r"film\.mp4 is not a video that OpenCV can read; convert it"):
        open_source([tmp_path / "film.mp4"])
    with pytest.raises(MicroferError, match=r"missing\.avi does not exist"):
        open_source([tmp_path / "missing.avi"])


def test_a_video_is_shown_alone(tmp_path):
    with pytest.raises(MicroferError, match="can only be shown alone"):
        open_source([tmp_path / "film.mp4", tmp_path / "me.png"])


def test_an_unknown_framing_is_refused():
    with pytest.raises(MicroferError, match="face, fill, whole"):
        framed(gradient(10, 10), "close")


def test_a_webcam_that_is_not_there_is_named():
    with pytest.raises(MicroferError, match="webcam 63 cannot be opened"):
        WebcamSource(63)


@pytest.mark.parametrize(("queued", "shown"), [(0, 0), (3, 3), (50, 4)])
def test_of_a_webcam_the_newest_frame_is_shown(monkeypatch, queued, shown):
    def frames():
        for number in range(100):
            if number >= queued:
                time.sleep(0.02)
            yield pictures.Picture("webcam", np.full((240, 320, 3), number, np.uint8))

    monkeypatch.setattr(pictures, "webcam", lambda _: contextlib.nullcontext(frames()))
    assert WebcamSource().frame(0.0).max() == shown


def test_a_webcam_that_was_unplugged_is_opened_again(monkeypatch):
    opened, closed = [], []

    @contextlib.contextmanager
    def webcam(number):
        opened.append(number)
        if len(opened) == 2:
            raise MicroferError("webcam 7 cannot be opened")
        yield from_one_frame()
        closed.append(number)

    def from_one_frame():
        time.sleep(0.01)
        yield pictures.Picture("webcam", np.full((240, 320, 3), 9, np.uint8))
        raise MicroferError("webcam 7 delivers no frame")

    monkeypatch.setattr(pictures, "webcam", webcam)
    source = WebcamSource(7)
    assert source.frame(0.0).max() == 9
    with pytest.raises(MicroferError, match="delivers no frame"):
        source.frame(0.1)
    assert closed == [7]
    with pytest.raises(MicroferError, match="cannot be opened"):
        source.frame(0.2)
    assert source.frame(0.3).max() == 9
    source.close()
    assert closed == [7, 7]


def test_a_scene_is_the_same_for_the_same_seed_and_time():
    one, two, other = SceneSource(1), SceneSource(1), SceneSource(2)
    assert np.array_equal(one.frame(2.5), two.frame(2.5))
    assert not np.array_equal(one.frame(2.5), other.frame(2.5))
    assert not np.array_equal(one.frame(2.5), one.frame(2.6))
    assert one.frame(0.0).shape == (HEIGHT_PX, WIDTH_PX)


def test_people_of_a_scene_move_and_leave():
    scene = SceneSource(1, noise=0)
    empty = SceneSource(1, is_empty=True, noise=0).frame(0)
    there = [float(np.abs(scene.frame(t).astype(float) - empty).mean()) for t in np.arange(0, 16, 0.25)]
    gone = [difference == 0 for difference in there]
    assert 0 < sum(gone) / len(gone) < 0.25
    assert not gone[0]
