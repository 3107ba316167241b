"""Recordings: every byte back with its time, cut anywhere, and played as if the board were here."""

import errno
import json
import math
import os
import shutil
import struct
import subprocess
import sys
import zlib
from types import SimpleNamespace

import pytest
from tests.conftest import ROOT
from tests.host.fake_board import FakeBoard, prediction

from microfer.errors import MicroferError
from microfer.link import source
from microfer.link.connection import Connection
from microfer.link.events import Instant, Lost, Opened, Timed
from microfer.link.messages import CROP_BYTES, CropPreview, Prediction
from microfer.link.protocol import encode
from microfer.link.reader import Received
from microfer.link.recording import Recorder, read_recording
from microfer.link.source import LiveSource, Replay
from microfer.viewer.view_model import ViewModel
from microfer.viewer.viewer import Viewer


def record(path, frames=60, unplug_at=None, **options):
    """Watch a test board for a while; return the events that the viewer got, in their order."""
    events = []
    with FakeBoard(period_s=0.002) as board:
        connection = Connection(board.port)
        with Viewer(LiveSource(connection), record=path, frames=frames, **options) as viewer:
            viewer.listener = events.append
            connection.open()
            while not viewer.finished.is_set():
                viewer.poll()
                if unplug_at is not None and viewer.arrived >= unplug_at:
                    board.unplug()
                    unplug_at = None
    return events


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    path = tmp_path_factory.mktemp("recording") / "short.mfrec"
    with Recorder(path, "socket://board") as recorder:
        recorder.write(Instant(1000, 5000), Opened("socket://board"))
        for number in range(4):
            recorder.write(Instant(2000 + number, 6000 + number), bytes(range(number * 7, number * 7 + 11)))
        recorder.write(Instant(3000, 7000), Lost("socket://board", "unplugged"))
    return path


def test_a_recording_gives_back_bytes_changes_and_times(short):
    recording = read_recording(short)
    assert recording.header["port"] == "socket://board"
    assert recording.cut == ""
    assert recording.chunks[0].content == Opened("socket://board")
    assert recording.chunks[2].content == bytes(range(7, 18))
    assert recording.chunks[2].at == Instant(2001, 6001)
    assert recording.chunks[-1].content == Lost("socket://board", "unplugged")


def _stored_bytes(chunk):
    content = chunk.content if isinstance(chunk.content, bytes) else json.dumps(vars(chunk.content)).encode()
    return 1 + 4 + 8 + 8 + len(content) + 4


def test_a_recording_cut_at_any_byte_gives_back_its_whole_chunks_and_says_so(short, tmp_path):
    content, whole = short.read_bytes(), read_recording(short).chunks
    header_bytes = len(content) - sum(_stored_bytes(chunk) for chunk in whole)
    ends = {header_bytes + sum(_stored_bytes(chunk) for chunk in whole[:count]) for count in range(len(whole))}
    counts = []
    for size in range(len(content)):
        path = tmp_path / "cut.mfrec"
        path.write_bytes(content[:size])
        if size < header_bytes:
            with pytest.raises(MicroferError, match=r"not a recording|within its header"):
                read_recording(path)
            continue
        recording = read_recording(path)
        assert recording.chunks == whole[: len(recording.chunks)]
        assert bool(recording.cut) == (size not in ends)
        counts.append(len(recording.chunks))
    assert counts == sorted(counts)
    assert set(counts) == set(range(len(whole)))


def test_a_damaged_byte_ends_the_recording_there(short, tmp_path):
    content = bytearray(short.read_bytes())
    content[-40] ^= 1
    path = tmp_path / "damaged.mfrec"
    path.write_bytes(content)
    recording = read_recording(path)
    assert 0 < len(recording.chunks) < 6
    assert "incomplete chunk" in recording.cut


def _with_crc(content):
    return content + struct.pack("<I", zlib.crc32(content))


def _header(text):
    return _with_crc(b"MICROFER-LINK\n" + struct.pack("<HH", 1, len(text)) + text)


WRONG_JSON = [
    *(b"", b"[]", b"7", b"{", b"\xff", b"[" * 990),
    *(b'{"port": 1}', b'{"port": "\\ud800"}', b'{"port": 1' + b"0" * 400 + b"}"),
]


@pytest.mark.parametrize("text", WRONG_JSON)
def test_a_header_with_the_right_crc_and_other_json_is_refused_in_words(text, tmp_path):
    path = tmp_path / "other.mfrec"
    path.write_bytes(_header(text))
    with pytest.raises(MicroferError, match=r"other\.mfrec has a header that this microfer did not write"):
        read_recording(path)


@pytest.mark.parametrize("kind", [2, 3])
@pytest.mark.parametrize("text", [*WRONG_JSON, b"{}", b'{"port": "a", "reason": 7}', b'{"port": "a", "x": ""}'])
def test_a_chunk_with_the_right_crc_and_other_json_ends_the_recording_there(kind, text, short, tmp_path):
    path = tmp_path / "other.mfrec"
    path.write_bytes(short.read_bytes() + _with_crc(struct.pack("<BIQQ", kind, len(text), 4000, 8000) + text))
    recording = read_recording(path)
    assert recording.chunks == read_recording(short).chunks
    assert "incomplete chunk" in recording.cut


@pytest.mark.parametrize(("length", "is_whole"), [(1 << 20, True), ((1 << 20) + 1, False)])
def test_the_longest_chunk_is_a_mebibyte_and_one_byte_more_is_damage(length, is_whole, tmp_path):
    path = tmp_path / "long.mfrec"
    with Recorder(path, "port") as recorder:
        recorder.write(Instant(1, 2), bytes(length))
    recording = read_recording(path)
    assert [len(chunk.content) for chunk in recording.chunks] == ([length] if is_whole else [])
    assert bool(recording.cut) != is_whole


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a recording of the link"),
        (b"RIFF....AVI LIST", "is not a recording of the link"),
        (b"MICROFER-LINK\n\x01\x00\xff", "within its header"),
    ],
)
def test_what_is_no_recording_is_refused(content, message, tmp_path):
    path = tmp_path / "other.mfrec"
    path.write_bytes(content)
    with pytest.raises(MicroferError, match=message):
        read_recording(path)


def test_a_recording_of_a_newer_version_names_the_cure(short, tmp_path, monkeypatch):
    monkeypatch.setattr("microfer.link.recording.VERSION", 2)
    path = tmp_path / "newer.mfrec"
    Recorder(path, "port").close()
    monkeypatch.undo()
    with pytest.raises(MicroferError, match="version 2, expected 1: update microfer"):
        read_recording(path)


def test_a_recording_is_not_overwritten(short):
    with pytest.raises(MicroferError, match="already exists"):
        Recorder(short, "port")


def test_a_replay_gives_the_same_events_and_the_same_views_as_the_board_did(tmp_path):
    path = tmp_path / "session.mfrec"
    live = record(path, unplug_at=30, previews=True)
    replayed = []
    with Viewer(Replay(read_recording(path), math.inf), frames=60) as viewer:
        viewer.listener = replayed.append
        while not viewer.finished.is_set():
            viewer.poll()
    assert replayed == live
    assert any(isinstance(timed.event, Lost) for timed in live)
    one, other = ViewModel(), ViewModel()
    for first, second in zip(live, replayed, strict=True):
        one.update(first)
        other.update(second)
        assert one.view(first.at) == other.view(second.at)


def test_a_default_session_is_recorded_without_a_pixel(tmp_path):
    path = tmp_path / "private.mfrec"
    record(path, frames=200)
    recording = read_recording(path)
    content = b"".join(chunk.content for chunk in recording.chunks if isinstance(chunk.content, bytes))
    assert len(content) > 200 * 90
    assert max(map(len, content.split(b"\0"))) < CROP_BYTES
    assert not any(isinstance(getattr(timed.event, "message", None), CropPreview) for timed in recording.events())


def test_a_recording_with_previews_has_the_crops(tmp_path):
    path = tmp_path / "pictures.mfrec"
    record(path, frames=60, previews=True)
    crops = [t.event.message for t in read_recording(path).events() if isinstance(t.event, Received)]
    assert sum(isinstance(message, CropPreview) for message in crops) > 20


def predictions(events):
    return [
        t.event.message for t in events if isinstance(t.event, Received) and isinstance(t.event.message, Prediction)
    ]


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    path = tmp_path_factory.mktemp("session") / "session.mfrec"
    record(path, frames=80)
    return read_recording(path)


class Clock:
    """Time that passes only where somebody waits."""

    def __init__(self):
        self.now_s = 100.0

    def monotonic(self):
        return self.now_s

    def sleep(self, seconds):
        self.now_s += seconds


def test_a_replay_keeps_the_time_of_its_recording_or_a_part_of_it(session, monkeypatch):
    for speed in (1.0, 4.0):
        clock = Clock()
        monkeypatch.setattr(source, "time", clock)
        replay = Replay(session, speed)
        while not replay.ended:
            replay.poll(0.05)
        assert clock.now_s - 100 == pytest.approx(session.duration_s / speed, abs=0.06)


def test_a_replay_step_by_step_gives_one_prediction_at_a_time(session):
    replay = Replay(session, step=True)
    first = replay.poll(0.001)
    assert predictions(first) == predictions(list(session.events()))[:1]  # an early frame may precede the recording
    assert replay.poll(0.001) == []
    seen = list(first)
    while not replay.ended:
        replay.advance()
        events = replay.poll(0.001)
        assert len(predictions(events)) <= 1
        seen += events
    assert seen == list(session.events())


def test_a_held_replay_loses_nothing_and_its_clock_stands_still(session):
    replay = Replay(session)
    seen: list[Timed] = []
    while len(seen) < 10:
        seen += replay.poll(0.01)
    replay.pause(True)
    now = replay.now()
    for _ in range(5):
        assert replay.poll(0.02) == []
    assert replay.now() == now
    replay.pause(False)
    replay.speed = math.inf
    while not replay.ended:
        seen += replay.poll(0.01)
    assert seen == list(session.events())


def test_a_replay_changes_its_speed_where_it_is_and_loses_nothing(session):
    replay = Replay(session, step=True)
    seen = replay.poll(0.01)
    for speed in (1.0, 0.0, math.inf):
        replay.set_speed(speed)
        at = replay.now()
        events = replay.poll(0.01)
        assert replay.now().since(at) < 0.1
        seen += events
        if speed == 1.0:
            assert replay.kind == "replay, 1 x"
            while len(seen) < 20:
                seen += replay.poll(0.01)
        elif speed == 0:
            assert replay.kind == "replay, step by step"
            assert predictions(events) == replay.poll(0.01) == []
            replay.advance()
            one = replay.poll(0.01)
            assert len(predictions(one)) == 1
            seen += one
    while not replay.ended:
        seen += replay.poll(0.01)
    assert seen == list(session.events())
    with pytest.raises(MicroferError, match="expected above 0"):
        replay.set_speed(-1)


def test_what_a_lost_link_cut_is_an_event_of_the_replay_too(tmp_path):
    path = tmp_path / "cut.mfrec"
    frame = encode(prediction(1), 1)
    with Recorder(path, "port") as recorder:
        recorder.write(Instant(1, 1), Opened("port"))
        recorder.write(Instant(2, 2), frame + frame[:-9])
        recorder.write(Instant(3, 3), Lost("port", "unplugged"))
        recorder.write(Instant(4, 4), Opened("port", again=True))
        recorder.write(Instant(5, 5), encode(prediction(2), 2))
    events = [timed.event for timed in read_recording(path).events()]
    assert [type(event).__name__ for event in events] == ["Opened", "Received", "Damaged", "Lost", "Opened", "Received"]


@pytest.mark.parametrize("speed", [0.0, -1.0, math.nan])
def test_a_replay_begins_at_a_speed_above_0_alone(speed, session):
    with pytest.raises(MicroferError, match="expected above 0"):
        Replay(session, speed)


def test_the_time_of_a_replay_moves_on_between_two_chunks_and_never_back(tmp_path):
    path = tmp_path / "slow.mfrec"
    with Recorder(path, "port") as recorder:
        for second in (0, 100):
            recorder.write(Instant(second * 10**9, second * 10**9), encode(prediction(second), second))
    replay = Replay(read_recording(path), speed=50.0)
    replay.poll(0.01)
    moments = []
    for _ in range(5):
        assert replay.poll(0.01) == []
        moments.append(replay.now())
    assert moments == sorted(moments)
    assert 1 < moments[-1].since(moments[0]) < 90


def test_an_empty_recording_can_be_played(tmp_path):
    path = tmp_path / "empty.mfrec"
    Recorder(path, "port").close()
    with Viewer(Replay(read_recording(path))) as viewer:
        viewer.poll()
        assert viewer.finished.is_set()


def test_the_end_of_a_cut_recording_says_that_it_was_cut(session, tmp_path):
    path = tmp_path / "cut.mfrec"
    shutil.copy(session.path, path)
    path.write_bytes(path.read_bytes()[:-3])
    with Viewer(Replay(read_recording(path), math.inf)) as viewer:
        while not viewer.finished.is_set():
            viewer.poll()
        assert "the recording is over" in viewer.view().state_text
        assert "incomplete chunk" in viewer.view().state_text


def test_a_full_disk_ends_the_recording_and_not_the_viewer(tmp_path, monkeypatch):
    with FakeBoard() as board:
        connection = Connection(board.port)
        with Viewer(LiveSource(connection), record=tmp_path / "full.mfrec", frames=30) as viewer:
            connection.open()
            monkeypatch.setattr(Recorder, "write", _full)
            while not viewer.finished.is_set():
                viewer.poll()
            view = viewer.view()
        assert view.recording is None
        assert "no space" in view.notice
        assert view.frames.shown == 30


def test_a_command_whose_recording_ends_on_a_full_disk_says_so_and_fails(tmp_path):
    """A limit on the size of files makes writes fail as a full disk does, without filling one."""
    resource = pytest.importorskip("resource", reason="limits on file sizes are a Unix matter")
    path = tmp_path / "full.mfrec"
    with FakeBoard(period_s=0.001) as board:
        done = subprocess.run(
            [
                sys.executable,
                "host/serial_viewer.py",
                "--port",
                board.port,
                "--json",
                "--frames",
                "150",
                "--record",
                path,
            ],
            cwd=ROOT,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000)),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert len(done.stdout.splitlines()) > 150  # all was watched
    assert "cannot record into" in done.stderr
    assert "the recording ended there, and can be played up to there" in " ".join(done.stderr.split())
    recording = read_recording(path)
    assert 10 < len(predictions(recording.events())) < 150
    assert recording.cut


def test_a_disk_that_is_full_only_when_the_recording_ends_is_said_too(tmp_path, monkeypatch):
    with FakeBoard() as board:
        viewer = Viewer(LiveSource(connection := Connection(board.port)), record=tmp_path / "full.mfrec", frames=5)
        with viewer:
            connection.open()
            while not viewer.finished.is_set():
                viewer.poll()
            viewer.check()
            monkeypatch.setattr(os, "fsync", _no_space)
        with pytest.raises(MicroferError, match=r"cannot record into .*No space left on device"):
            viewer.check()


def test_a_write_of_which_the_disk_takes_a_part_alone_is_an_error_at_once(tmp_path):
    recorder = Recorder(tmp_path / "part.mfrec", "port")
    with recorder._file:
        recorder._file = SimpleNamespace(write=lambda content: len(content) - 1)
        with pytest.raises(MicroferError, match="the disk is full"):
            recorder.write(Instant(1, 1), b"the last that arrives")


def test_a_disk_with_no_room_for_a_header_leaves_no_file_in_the_way(tmp_path, monkeypatch):
    path = tmp_path / "full.mfrec"
    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "_append", _full)
        with pytest.raises(MicroferError, match="no space left"):
            Recorder(path, "port")
    assert not path.exists()
    Recorder(path, "port").close()
    assert read_recording(path).cut == ""


def _no_space(_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _full(*_):
    raise MicroferError("cannot record into full.mfrec: no space left on device")
