"""The board's face detector against OpenCV's, its tracker on frames that move; every compiler gives the same boxes."""

import struct
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.firmware import make_generated
from tests.firmware.toolchain import HERE, LIB, ROOT, TOOLCHAINS, Toolchain, link

from microfer.data.synthetic import render_face
from microfer.errors import MicroferError
from microfer.export import cascade_table

CASCADE = Path(cv2.data.haarcascades) / cascade_table.CASCADE
GOLDEN = sorted((ROOT / "firmware" / "golden").glob("*.pgm"))
Probe = Callable[..., list[list[int]]]

AS_THE_BOARD = ("detect", 40, 2, 12, 55_000)


@pytest.fixture(scope="module", params=TOOLCHAINS, ids=lambda toolchain: toolchain.name)
def probe(request, tmp_path_factory) -> Probe:
    """The compiled probe, as a function from its arguments and frames to the numbers of each line."""
    toolchain: Toolchain = request.param
    if missing := toolchain.missing():
        pytest.skip(f"{missing} not installed")
    folder = tmp_path_factory.mktemp(f"face_{toolchain.name}")
    make_generated.make(folder / "generated")
    sources = [HERE / "face_probe.cc", *sorted((LIB / "face").glob("*.cc")), LIB / "image" / "halve.cc"]
    program = link(toolchain, folder, "probe", sources)

    def run(arguments: Sequence[object], frames: Sequence[np.ndarray]) -> list[list[int]]:
        asked = b"".join(struct.pack("<2i", frame.shape[1], frame.shape[0]) + frame.tobytes() for frame in frames)
        command = [*toolchain.emulator, str(program), *map(str, arguments)]
        answered = subprocess.run(command, input=asked, capture_output=True, check=False, timeout=600)
        assert answered.returncode == 0, answered.stderr.decode()[-3000:]
        return [[int(number) for number in line.split()] for line in answered.stdout.decode().splitlines()]

    return run


def noise(rng, width=160, height=120):
    coarse = rng.integers(0, 256, (height // 8 + 2, width // 8 + 2)).astype(np.uint8)
    return np.ascontiguousarray(cv2.resize(coarse, None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC)[:height, :width])


def frame_with(face, left, top, width=160, height=120, gray=128):
    """A face on plain gray; what reaches over the edge is cut off."""
    frame = np.full((height + 400, width + 400), gray, np.uint8)
    frame[200 + top : 200 + top + len(face), 200 + left : 200 + left + len(face)] = face
    return np.ascontiguousarray(frame[200 : 200 + height, 200 : 200 + width])


def drawn(label, seed, size=110):
    return render_face(label, np.random.default_rng(seed), size, 0.25)


def frames():
    """Faces in every place, at the edge too, in frames of many sizes; and frames without one."""
    rng = np.random.default_rng(3)
    made = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in GOLDEN]
    made += [noise(rng) for _ in range(10)] + [rng.integers(0, 256, (120, 160), np.uint8) for _ in range(3)]
    for index in range(30):
        size = int(rng.integers(60, 150))
        frame = frame_with(drawn(index % 7, index, size), *rng.integers(-25, 60, 2))
        made.append(np.clip(frame + rng.normal(0, 4, frame.shape), 0, 255).astype(np.uint8))
    for width, height in ((43, 43), (44, 120), (160, 43), (100, 77), (159, 119), (64, 64), (42, 42), (7, 3)):
        made.append(cv2.resize(drawn(3, width), (width, height), interpolation=cv2.INTER_AREA))
    return [np.ascontiguousarray(frame) for frame in made]


def found(lines):
    """The boxes with their neighbours of each line, sorted."""
    assert all(line[:2] == [0, 0] for line in lines)  # whether it was cut short and what it took come next
    return [sorted(tuple(line[i : i + 5]) for i in range(4, len(line), 5)) for line in lines]


def within(frame, boxes):
    """The boxes as OpenCV gives them: what reaches over the frame's edge is cut off."""
    height, width = frame.shape
    return sorted((x, y, min(w, width - x), min(h, height - y), count) for x, y, w, h, count in boxes)


def test_looking_at_every_window_it_finds_what_opencv_finds(probe):
    opencv = cv2.CascadeClassifier(str(CASCADE))
    for smallest, neighbours in ((40, 2), (60, 1), (43, 4)):
        expected = []
        for frame in frames():
            boxes, counts = opencv.detectMultiScale2(
                frame, scaleFactor=1.1, minNeighbors=neighbours, minSize=(max(smallest, 43),) * 2
            )
            expected.append(sorted((*map(int, box), int(count)) for box, count in zip(boxes, counts, strict=True)))
        answers = found(probe(("detect", smallest, neighbours, 0, 0), frames()))
        assert [within(frame, boxes) for frame, boxes in zip(frames(), answers, strict=True)] == expected
        assert sum(map(len, expected)) > 20


GOLDEN_BOXES = {
    "astronaut": (57, 31, 51, 51, 23),
    "drawn-anger": (70, 25, 71, 71, 50),
    "drawn-happiness": (43, 19, 78, 78, 61),
    "drawn-sadness": (39, 11, 83, 83, 58),
    "drawn-surprise": (16, 14, 94, 94, 23),
}
"""left, top, width, height, neighbours as the board's own settings give them: the same with every compiler."""


def test_the_golden_pictures_faces_are_found_in_the_same_place_by_every_compiler(probe):
    pictures = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in GOLDEN]
    answers = found(probe(AS_THE_BOARD, pictures))
    assert {path.stem: boxes for path, boxes in zip(GOLDEN, answers, strict=True)} == {
        name: [box] for name, box in GOLDEN_BOXES.items()
    }


def test_drawn_faces_are_found_wherever_they_are(probe):
    rng = np.random.default_rng(4)
    places = [(index % 7, index, *map(int, rng.integers((0, 0), (65, 25)))) for index in range(70)]
    made = [frame_with(drawn(label, seed, 96), left, top) for label, seed, left, top in places]
    for boxes, (_, _, left, top) in zip(found(probe(AS_THE_BOARD, made)), places, strict=True):
        middles = [(box[0] + box[2] / 2, box[1] + box[3] / 2) for box in boxes]
        assert any(abs(x - left - 48) < 12 and abs(y - top - 48) < 16 for x, y in middles)


def test_a_frame_costs_no_more_than_it_may_and_the_largest_face_is_found_first(probe):
    made = [frame_with(drawn(label, 4, 100), 5 + label, 10) for label in range(7)]
    assert all(line[2] == 0 and line[3] > 30_000 for line in probe((*AS_THE_BOARD[:4], 0), made))  # without a limit
    for most in (20_000, 30_000):
        lines = probe((*AS_THE_BOARD[:4], most), made)
        assert all(line[2] == 1 and most <= line[3] < most + 1047 for line in lines)  # one window more at most
        assert all(len(boxes) == 1 and boxes[0][2] > 60 for boxes in found(lines))


def test_an_answer_does_not_depend_on_the_frames_before(probe):
    made = frames()
    assert probe(AS_THE_BOARD, made)[::-1] == probe(AS_THE_BOARD, made[::-1])


def test_a_moving_face_is_followed_and_a_lost_one_dropped(probe):
    face = drawn(3, 1)
    path = [(int(25 + 22 * np.cos(t / 5)), int(5 + 5 * np.sin(t / 3))) for t in range(60)]
    empty = [np.full((120, 160), 128, np.uint8)] * 12
    lines = probe(("follow",), [frame_with(face, *place) for place in path] + empty)
    assert [line[2] for line in lines[:60]] == [1] + [0] * 59  # one face all the time
    offsets = [
        (line[3] + line[5] / 2 - left, line[4] + line[6] / 2 - top)
        for line, (left, top) in zip(lines[:60], path, strict=True)
    ]
    assert np.ptp(offsets, axis=0).max() <= 5  # pixels around its place on the face
    sources = [line[1] for line in lines]
    assert set(sources[:60]) == {1, 2}
    assert sources[:60].count(1) >= 15
    assert sources[64:] == [0] * 8
    assert lines[-1][3:] == [0] * 8


def test_another_face_is_a_new_one(probe):
    one, two = frame_with(drawn(3, 1, 90), -5, 0), frame_with(drawn(5, 2, 90), 75, 25)
    lines = probe(("follow",), [one] * 6 + [two] * 6)
    assert [line[2] for line in lines[:6]] == [1, 0, 0, 0, 0, 0]
    assert [line[2] for line in lines[6:]].count(1) == 1
    assert abs(lines[-1][3] + lines[-1][5] / 2 - 120) < 12


def test_the_trackers_box_jitters_less_than_the_detectors(probe):
    rng = np.random.default_rng(8)
    clean = frame_with(drawn(0, 5, 100), 30, 10)
    made = [np.clip(clean + rng.normal(0, 12, clean.shape), 0, 255).astype(np.uint8) for _ in range(80)]
    detected = np.array([boxes[0][:3] for boxes in found(probe(AS_THE_BOARD, made))])
    tracked = np.array([line[3:6] for line in probe(("follow",), made)])
    # Steps from frame to frame, after the tracker has settled.
    steps = [np.abs(np.diff(boxes[10:], axis=0)).mean() for boxes in (detected, tracked)]
    assert steps[1] < 0.5 * steps[0]
    assert np.abs(tracked[20:].mean(axis=0) - detected.mean(axis=0)).max() < 2


def test_a_frame_twice_as_large_gives_a_box_twice_as_large(probe):
    small = [frame_with(drawn(3, 1), 20 + t, 5) for t in range(9)]
    large = [np.kron(frame, np.ones((2, 2), np.uint8)) for frame in small]
    for one, two in zip(probe(("follow",), small), probe(("follow",), large), strict=True):
        assert one[:3] == two[:3]
        assert np.abs(2 * np.array(one[3:7]) - two[3:7]).max() <= 1


def test_the_table_is_the_one_that_the_script_writes():
    written = (LIB / "face" / "frontal_face.cc").read_text()
    assert written == cascade_table.table(CASCADE), "python scripts/generate.py"
    assert "Intel License Agreement" in written


def test_bounds_never_decide_otherwise_than_the_whole_sum():
    """What a tree can vote lies within the bounds, so what is decided early would be decided at the end."""
    for stage in cascade_table.read(CASCADE).stages:
        rows = cascade_table._stage_rows(stage)
        fails, passes = zip(*(map(int, row.rstrip("},").split(", ")[-2:]) for row in rows), strict=True)
        assert fails[-1] == passes[-1] == round(stage.threshold * 2**24)
        assert all(fail <= passed for fail, passed in zip(fails, passes, strict=True))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("HAAR", "LBP", "not a Haar cascade"),
        ("<width>20", "<width>24", "not a Haar cascade"),
        ("opyright", "opyrong", "no licence notice"),
        ("<opencv_storage>", "<opencv_storag>", "not XML"),
        ("<tilted>0", "<tilted>1", "tilted"),
        ("3.</_>", "5.</_>", "weighs its rectangles"),
        ("2 9 16 2 2.", "2 8 16 2 2.", "not halves"),
    ],
)
def test_a_cascade_of_another_kind_is_refused(tmp_path, old, new, message):
    text = CASCADE.read_text()
    if old not in text:
        text = text.replace("</rects>", "</rects><tilted>0</tilted>")
    (tmp_path / "cascade.xml").write_text(text.replace(old, new))
    with pytest.raises(MicroferError, match=message):
        cascade_table.table(tmp_path / "cascade.xml")
