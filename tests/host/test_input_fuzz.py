"""Thousands of damaged and invented inputs from outside: each is read, or refused by one error in words.

pytest tests/host/test_input_fuzz.py            a few hundred examples, always the same
pytest tests/host/test_input_fuzz.py --soak     for about ten minutes each, and others every time
"""

import contextlib
import io
import json
import math
import struct
import tempfile
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import ROOT
from tests.firmware.protocol_cases import random_message
from tests.host.fake_board import HELLO, STATISTICS, prediction, preview
from tests.host.fuzzing import EXAMPLES, changes, damaged, documents, json_values, outcome

from microfer.console import Console, printable
from microfer.cost.profile import read_profile
from microfer.errors import MicroferError
from microfer.json_reader import JsonError, parse
from microfer.link.events import Instant, Lost, Opened, Timed
from microfer.link.layout import payload_struct
from microfer.link.messages import BOARD_MESSAGES, PROTOCOL_VERSION, Hello
from microfer.link.protocol import Frame, encode, encode_frame, pack_payload
from microfer.link.reader import LinkReader, Received
from microfer.link.recording import Recorder, read_recording
from microfer.link.source import Replay
from microfer.model import networks
from microfer.model.saved import MEMBER, read_config
from microfer.parity import certificate_file
from microfer.parity.page import render
from microfer.release import default_model
from microfer.tflite.metadata import ENTRY_NAME, read_metadata
from microfer.tflite.tflite_file import read
from microfer.training import checkpoint
from microfer.viewer.json_lines import line_of
from microfer.viewer.terminal import render as render_terminal
from microfer.viewer.view_model import ViewModel

MODEL = read(default_model())
TAIL = st.integers(0, 200)


def in_a_file(name: str, content: bytes, read_file):
    """What a reader of files gives for a file of this content; an error names the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        found, error = outcome(lambda: read_file(path))
        assert not error or name in error
        return found


def shown(events) -> None:
    """Take events into a view, and draw it: as JSON for the page and scripts, and in a terminal."""
    model, last = ViewModel(), Instant(0, 0)
    for timed in events:
        model.update(timed)
        json.dumps(line_of(timed))
        last = timed.at
    view = model.view(last)
    json.dumps(view.as_dict())
    out = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=120)
    out.print(render_terminal(view, 120, 40))
    text = out.file.getvalue()
    assert printable(text) == text


# --- JSON


@EXAMPLES
@given(st.one_of(st.binary(max_size=200), json_values.map(lambda value: json.dumps(value).encode("utf-8", "ignore"))))
def test_what_is_parsed_is_what_json_says(content):
    with contextlib.suppress(JsonError):
        value = parse(content)
        assert json.loads(content) == value
        json.dumps(value, allow_nan=False).encode()


# --- the link


@EXAMPLES
@given(st.sampled_from(BOARD_MESSAGES), st.randoms(use_true_random=False), changes)
def test_a_message_of_any_bytes_is_one_that_can_be_shown_or_malformed(kind, source, at_values):
    payload = damaged(pack_payload(random_message(source, kind)), at_values, 0)
    frame = encode_frame(Frame(PROTOCOL_VERSION, kind.TYPE, 1, payload))
    events = LinkReader().feed(encode(HELLO, 0) + frame)
    shown(Timed(Instant(n, n), event) for n, event in enumerate(events))
    for event in events:
        if isinstance(event, Received):
            assert pack_payload(event.message) in (payload, pack_payload(HELLO))


@EXAMPLES
@given(st.lists(st.one_of(st.binary(max_size=60), st.sampled_from([m.TYPE for m in BOARD_MESSAGES])), max_size=6))
def test_a_stream_of_anything_is_accounted_for_byte_by_byte(pieces):
    reader, events, fed = LinkReader(), [], 0
    for number, piece in enumerate(pieces):
        content = piece
        if isinstance(piece, int):
            size = next(payload_struct(m).size for m in BOARD_MESSAGES if piece == m.TYPE)
            content = encode_frame(Frame(number % 3, piece, number, bytes(size)))
        events += reader.feed(content)
        fed += len(content)
    events += reader.close()
    assert reader.counters.bytes == fed
    shown(Timed(Instant(n, n), event) for n, event in enumerate(events))


@EXAMPLES
@given(st.binary(max_size=80), st.integers(0, 255))
def test_a_hello_of_another_version_never_does_more_than_name_it(payload, version):
    events = LinkReader().feed(encode_frame(Frame(version, Hello.TYPE, 0, payload)))
    shown([Timed(Instant(0, 0), event) for event in events])


def a_recording() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "right.mfrec"
        with Recorder(path, "socket://board") as recorder:
            recorder.write(Instant(1000, 5000), Opened("socket://board"))
            for number, message in enumerate((HELLO, prediction(1), preview(1), STATISTICS, prediction(2))):
                recorder.write(Instant(2000 + number, 6000 + number), encode(message, number))
            recorder.write(Instant(3000, 7000), Lost("socket://board", "unplugged"))
        return path.read_bytes()


RECORDING = a_recording()


def played(path: Path) -> None:
    recording = read_recording(path)
    shown(recording.events())
    replay = Replay(recording, math.inf)
    for _ in range(2 * len(recording.chunks) + 1):
        replay.poll(0)
    assert replay.ended


@EXAMPLES
@given(changes, TAIL)
def test_a_damaged_recording_is_played_up_to_there_or_refused(at_values, cut):
    in_a_file("a.mfrec", damaged(RECORDING, at_values, cut), played)


times = st.one_of(st.integers(0, 2**64 - 1), st.sampled_from([0, 1, 2**63, 2**64 - 1]))
contents = st.one_of(
    st.binary(max_size=60),
    documents({"port": "a", "reason": "b", "again": True}),
    st.sampled_from([encode(prediction(1), 1), encode(HELLO, 0), encode(preview(1), 2)]),
)


@EXAMPLES
@given(
    documents({"port": "a", "start": "b"}), st.lists(st.tuples(st.integers(0, 4), times, times, contents), max_size=4)
)
def test_a_recording_that_somebody_invented_with_right_checks_is_played_or_refused(header, chunks):
    head = b"MICROFER-LINK\n" + struct.pack("<HH", 1, len(header) % 65536) + header[:65535]
    content = head + struct.pack("<I", zlib.crc32(head))
    for kind, monotonic_ns, wall_ns, stored in chunks:
        body = struct.pack("<BIQQ", kind, len(stored), monotonic_ns, wall_ns) + stored
        content += body + struct.pack("<I", zlib.crc32(body))
    in_a_file("a.mfrec", content, played)


# --- checkpoints and trained networks


def a_checkpoint(progress: bytes | None = None) -> bytes:
    content = io.BytesIO()
    text = json.dumps(vars(checkpoint.Progress({"seed": 1}, [{"epoch": 1, "loss": 0.5}]))) if progress is None else ""
    text = text or progress.decode("utf-8", "replace").replace("\0", "")
    np.savez(content, allow_pickle=False, progress=np.array(text), weights=np.ones((3, 4), np.float32))
    return content.getvalue()


CHECKPOINT = a_checkpoint()


@EXAMPLES
@given(changes, TAIL)
def test_a_damaged_checkpoint_is_read_or_refused(at_values, cut):
    found = in_a_file("last.npz", damaged(CHECKPOINT, at_values, cut), checkpoint.read)
    if found is not None:
        assert sum(array.nbytes for array in found[1].values()) <= len(CHECKPOINT)


@EXAMPLES
@given(documents(vars(checkpoint.Progress({"seed": 1}, [{"epoch": 1, "loss": 0.5}]))))
def test_a_checkpoint_whose_progress_somebody_invented_is_read_or_refused(progress):
    found = in_a_file("last.npz", a_checkpoint(progress), checkpoint.read)
    if found is not None:
        json.dumps(vars(found[0]))
        assert found[0].epoch == len(found[0].history)
        assert found[0].best("accuracy") == found[0].best_accuracy


@EXAMPLES
@given(documents({"network": networks.to_json(networks.network("nano")), "notes": {"recipe": "strong"}}))
def test_a_description_of_a_network_that_somebody_invented_is_one_that_can_be_built_or_refused(content):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(MEMBER, content)
    found = in_a_file("a.keras", packed.getvalue(), read_config)
    if found is not None:
        assert networks.from_json(networks.to_json(found[0])) == found[0]


# --- what describes models and measurements


@EXAMPLES
@given(documents(json.loads(MODEL.metadata[ENTRY_NAME])))
def test_a_metadata_entry_that_somebody_invented_is_read_or_refused(entry):
    found, error = outcome(lambda: read_metadata(replace(MODEL, metadata={ENTRY_NAME: entry})))
    assert (
        error.startswith(MODEL.name) if error else read_metadata(replace(MODEL, metadata={ENTRY_NAME: found.to_json()}))
    )


PROFILE = {
    "format_version": 1,
    "model_sha256": "00" * 32,
    "unit": "us",
    "operators": [{"name": "CONV_2D", "value": 12.5}, {"name": "ADD", "value": 3}],
    "paths": {"conv rows": 1.1},
    "measured_on": {"board": "eye", "network_us": 20.0},
}


@EXAMPLES
@given(documents(PROFILE))
def test_a_profile_that_somebody_invented_is_read_or_refused(content):
    found = in_a_file("profile.json", content, read_profile)
    if found is not None:
        assert all(0 < seconds < 1e9 for _, seconds in found.operators)
        assert all(0 < factor < 1e13 for factor in found.paths.values())


PARITY = json.loads((ROOT / "models" / "nano-1" / "parity.json").read_text())


@EXAMPLES
@given(documents(PARITY))
def test_a_certificate_that_somebody_invented_is_shown_as_text_or_refused(content):
    found = in_a_file("parity.json", content, lambda path: certificate_file.read(path.parent))
    if found is not None:
        json.dumps(found.to_json())


MARKUP = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def test_no_text_of_a_certificate_becomes_a_tag_of_its_page(tmp_path):
    document = _with_markup(PARITY)
    (tmp_path / "parity.json").write_text(json.dumps(document | {"schema": PARITY["schema"]}))
    page = render(certificate_file.read(tmp_path))
    assert page.count("&lt;script&gt;") > 5
    assert "<script" not in page
    assert "<img src=x" not in page


def _with_markup(value):
    """Every text that says something free, with tags in it; words that the reader knows stay."""
    if isinstance(value, dict):
        return {key: _with_markup(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_markup(inner) for inner in value]
    return value + MARKUP if isinstance(value, str) and value not in {"passed", "not run", "not judged"} else value


def test_the_only_error_of_a_reader_is_one_that_people_can_read():
    """As a test of the tests: anything but a MicroferError gets through `outcome`."""

    def bug():
        raise KeyError("x")

    def wrong():
        raise MicroferError("a.json is wrong")

    assert outcome(wrong) == (None, "a.json is wrong")
    try:
        outcome(bug)
    except KeyError:
        return
    raise AssertionError("a bug passed for an error")
