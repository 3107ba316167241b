"""The link's frames: round trips, their bytes, values that have no place, and no damaged frame accepted."""

import random
import struct
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cobs import cobs
from tests.firmware.protocol_cases import (
    BROKEN_RULES,
    SMALL_MESSAGES,
    damaged,
    impossible_payloads,
    random_message,
)

from microfer.errors import MicroferError
from microfer.link import messages
from microfer.link.layout import Message, Range, layout
from microfer.link.messages import (
    CROP_BYTES,
    HOST_MESSAGES,
    MAX_ENCODED_BYTES,
    MAX_FRAME_BYTES,
    MESSAGES,
    PROTOCOL_VERSION,
    AskHello,
    BoardError,
    ErrorCode,
    Hello,
    InferCrop,
    InferResult,
    OperatorTime,
    padded,
)
from microfer.link.protocol import (
    DamagedFrameError,
    Frame,
    LinkWriter,
    PayloadError,
    decode_frame,
    encode,
    encode_frame,
    fixed_hello,
    next_sequence,
    pack_payload,
    unpack_payload,
)
from microfer.link.reader import (
    LinkReader,
    Received,
)

ROOT = Path(__file__).resolve().parents[2]


def reader_for(message: Message | type[Message]) -> LinkReader:
    return LinkReader(from_host=bool(message.TYPE & 0x80))


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_comes_back_as_it_was_sent(message):
    source = random.Random(message.TYPE)
    reader = reader_for(message)
    for sequence in range(200):
        sent = random_message(source, message)
        assert reader.feed(encode(sent, sequence)) == [Received(sent, sequence, 0)]
    assert reader.counters.received == reader.counters.intact == 200
    assert reader.counters.discarded_bytes == reader.counters.missed == 0


def test_the_layout_is_little_endian_without_padding():
    """Written out by hand once, so that a change of the layout code does not go unseen."""
    result = InferResult(0x01020304, 7, padded(-128, -1, 0, 1, 2, 3, 127), 0x0A0B0C0D)
    content = bytes.fromhex("02 05 0201 04030201 07 80ff000102037f 000000000000000000 0d0c0b0a")
    content += struct.pack("<I", zlib.crc32(content))
    assert encode(result, 0x0102) == b"\0" + cobs.encode(content) + b"\0"


def test_no_frame_is_longer_than_the_stated_maximum():
    source = random.Random(3)
    worst = InferCrop(0xFFFFFFFF, bytes([255]) * CROP_BYTES)
    lengths = [len(encode(random_message(source, message), 0xFFFF)) - 2 for message in MESSAGES for _ in range(50)]
    assert max(lengths) <= MAX_ENCODED_BYTES
    assert MAX_ENCODED_BYTES - 2 <= len(encode(worst, 0xFFFF)) - 2 <= MAX_ENCODED_BYTES
    assert MAX_FRAME_BYTES == 4 + 4 + CROP_BYTES + 4


def test_type_numbers_are_one_each_and_tell_the_direction():
    numbers = [message.TYPE for message in MESSAGES]
    assert len(set(numbers)) == len(numbers)
    assert all((message.TYPE >= 0x80) == (message in HOST_MESSAGES) for message in MESSAGES)


def test_what_is_fixed_for_all_time_has_not_moved():
    """If this fails, an older peer can no longer say that it is older. Change anything else instead."""
    assert (Hello.TYPE, AskHello.TYPE) == (0x01, 0x81)
    assert [(field.name, field.offset, field.wire.name) for field in layout(Hello)[:2]] == [
        ("firmware_version", 0, "char[16]"),
        ("board", 16, "char[32]"),
    ]
    frame = Frame(7, 0x01, 0x1234, b"x")
    content = bytes.fromhex("07013412") + b"x"
    assert encode_frame(frame) == b"\0" + cobs.encode(content + struct.pack("<I", zlib.crc32(content))) + b"\0"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"request": -1}, r"InferResult\.request is -1, expected u32"),
        ({"request": 2**32}, r"InferResult\.request is 4294967296, expected u32"),
        ({"raw_scores": (0,) * 15}, r"InferResult\.raw_scores is \(0, .*expected i8\[16\]: 15 values"),
        ({"raw_scores": (0,) * 15 + (128,)}, r"InferResult\.raw_scores is .*expected i8\[16\]"),
        ({"invoke_us": 1.5}, r"InferResult\.invoke_us is 1\.5, expected u32"),
    ],
)
def test_a_value_that_does_not_fit_names_its_field(change, expected):
    values: dict[str, Any] = {"request": 1, "classes": 7, "raw_scores": (0,) * 16, "invoke_us": 1}
    with pytest.raises(MicroferError, match=expected):
        encode(InferResult(**(values | change)), 0)


def test_text_that_is_too_long_or_not_ascii_is_refused():
    for text in ("x" * 81, "größe", "two\nlines"):
        with pytest.raises(MicroferError, match=r"BoardError\.text is .*expected char\[80\]"):
            encode(BoardError(ErrorCode.INVOKE_FAILED, 0, 0, text), 0)


def test_pixels_of_a_wrong_number_are_refused():
    with pytest.raises(MicroferError, match=r"InferCrop\.pixels is .*expected u8\[2304\]: 2303 values"):
        encode(InferCrop(1, bytes(CROP_BYTES - 1)), 0)


def test_each_field_s_impossible_values_are_malformed_and_named():
    cases = list(impossible_payloads())
    assert {(message, field) for message, field, _ in cases} >= {
        (message, field.name) for message in MESSAGES for field in layout(message) if field.wire.values
    }
    for message, field, payload in cases:
        with pytest.raises(PayloadError, match=rf"^{message.__name__}\.{field}\b"):
            unpack_payload(message.TYPE, payload)


def test_impossible_values_are_counted_as_malformed_and_not_shown():
    reader, seen = LinkReader(from_host=False), []
    cases = [case for case in impossible_payloads() if case[0].TYPE < 0x80]
    for number, (message, _, payload) in enumerate(cases):
        seen += reader.feed(encode_frame(Frame(PROTOCOL_VERSION, message.TYPE, number, payload)))
    assert reader.counters.malformed == len(cases)
    assert not [event for event in seen if isinstance(event, Received)]


@pytest.mark.parametrize(("message", "fields", "refused"), BROKEN_RULES)
def test_fields_that_contradict_each_other_are_malformed(message, fields, refused):
    sent = replace(random_message(random.Random(4), message), **fields)
    with pytest.raises(PayloadError, match=rf"{message.__name__}\.{refused} is \d+, but it is "):
        unpack_payload(message.TYPE, pack_payload(sent))


def test_the_ends_of_what_fields_say_of_each_other_are_whole_messages():
    source = random.Random(5)
    for message, fields in (
        (Hello, {"self_test_equal": 70, "self_test_total": 70, "self_test_faces_found": 2, "self_test_faces_total": 2}),
        (OperatorTime, {"index": 6, "total": 7}),
    ):
        sent = replace(random_message(source, message), **fields)
        assert unpack_payload(message.TYPE, pack_payload(sent)) == sent


def test_the_first_byte_after_printable_ascii_is_no_text():
    for character in (b"\x7f", b"\x1f"):
        payload = character.ljust(80, b"\0")
        with pytest.raises(PayloadError, match="is not printable ASCII"):
            unpack_payload(BoardError.TYPE, bytes([ErrorCode.COMMAND_REFUSED, 0, 0, 0]) + payload)
    with pytest.raises(MicroferError, match="not printable ASCII"):
        encode(BoardError(ErrorCode.COMMAND_REFUSED, 0, 0, "\x7f"), 0)


def test_a_hello_of_another_version_may_end_right_behind_the_fields_that_are_fixed():
    payload = b"0.9.7".ljust(16, b"\0") + b"board".ljust(32, b"\0")
    assert fixed_hello(payload) == {"firmware_version": "0.9.7", "board": "board"}
    with pytest.raises(PayloadError, match="a hello of 47 bytes, expected at least 48"):
        fixed_hello(payload[:-1])


def test_a_range_reads_as_people_say_it():
    assert str(Range(100, 60_000, 0)) == "0 or 100 to 60000"
    assert str(Range(0, 6, 255)) == "0 to 6 or 255"
    assert str(Range(0, 1)) == "0 to 1"


def test_no_damaged_frame_is_accepted_over_20000_seeded_faults():
    """Flips, bursts, lost and inserted bytes, truncation; a fault that happens to change nothing is left out."""
    source = random.Random(20_000)
    faults = 0
    while faults < 20_000:
        sequence = source.randrange(65536)
        kinds = MESSAGES if faults % 50 == 0 else SMALL_MESSAGES
        sent = random_message(source, source.choice(kinds))
        intact = encode(sent, sequence)
        segments = damaged(source, intact).split(b"\0")
        if intact.strip(b"\0") in segments:
            continue
        faults += 1
        for segment in segments:
            with pytest.raises(DamagedFrameError):
                decode_frame(segment)


def test_zero_marks_a_start_and_is_not_used_again():
    assert [next_sequence(number) for number in (0, 1, 65534, 65535)] == [1, 2, 65535, 1]


def test_a_writer_numbers_its_frames_and_loses_no_number_to_a_refused_one():
    writer, reader = LinkWriter(), LinkReader(from_host=True)
    for _ in range(70_000):
        reader.feed(writer.frame(AskHello()))
    with pytest.raises(MicroferError):
        writer.frame(InferCrop(1, b""))
    reader.feed(writer.frame(AskHello()))
    assert reader.counters.received == 70_001
    assert reader.counters.missed == reader.counters.restarts == 0


def test_the_layouts_need_the_standard_library_alone():
    """PlatformIO's bare Python writes the board's structs from them before every build."""
    host = str(ROOT / "host")
    program = f"import sys; sys.path.insert(0, {host!r}); import microfer.link.messages as m; print(len(m.MESSAGES))"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == (str(len(messages.MESSAGES)), "")
