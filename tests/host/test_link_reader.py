"""Reading the link: damage, text and noise between frames, other versions, gaps and restarts, bounded memory."""

import random
import re
import struct

import pytest
from cobs import cobs
from tests.firmware.protocol_cases import damaged, random_message
from tests.host.fake_board import infer_result

from microfer.link.layout import layout
from microfer.link.messages import (
    CROP_BYTES,
    MAX_ENCODED_BYTES,
    PROTOCOL_VERSION,
    AskHello,
    CropPreview,
    Hello,
    InferCrop,
    InferResult,
    Prediction,
    StreamSettings,
)
from microfer.link.protocol import Frame, encode, encode_frame, pack_payload
from microfer.link.reader import (
    Cause,
    Damaged,
    LinkReader,
    Malformed,
    OtherVersion,
    Received,
    Text,
    TooLong,
    UnknownType,
)


def joined() -> LinkReader:
    """A reader that has seen a delimiter, so that what comes next is not cut by its own start."""
    reader = LinkReader()
    reader.feed(b"\0")
    return reader


def test_a_stream_in_pieces_of_any_size_gives_the_same_events():
    source = random.Random(2)
    stream = bytearray(b"ESP-ROM:esp32s3-20210327\r\n")
    for sequence in range(60):
        frame = bytearray(encode(random_message(source), sequence))
        if source.random() < 0.3:
            frame[source.randrange(len(frame))] ^= 1 << source.randrange(8)
        stream += frame + source.choice((b"", b"I (31) boot: text\n", bytes(3000), source.randbytes(5000)))
    whole, pieces = LinkReader(), LinkReader()
    expected = whole.feed(bytes(stream))
    events = []
    position = 0
    while position < len(stream):
        size = source.choice((1, 2, 7, 64, 4096))
        events += pieces.feed(bytes(stream[position : position + size]))
        position += size
    assert events == expected
    assert pieces.counters == whole.counters


def test_every_single_bit_flip_of_a_frame_is_seen():
    frame = encode(infer_result(7, (1, 2, 3, 4, 5, 6, 7), 250_000), 9)
    for bit in range(8, 8 * (len(frame) - 1)):
        content = bytearray(frame)
        content[bit // 8] ^= 1 << bit % 8
        events = joined().feed(bytes(content))
        assert events
        assert all(isinstance(event, Damaged) for event in events)


@pytest.mark.parametrize("seed", range(5))
def test_frames_delivered_and_gaps_add_up_to_frames_sent_under_every_fault(seed):
    source = random.Random(seed)
    sent = [random_message(source, source.choice((Prediction, InferResult, CropPreview))) for _ in range(800)]
    stream = bytearray()
    for sequence, message in enumerate(sent):
        frame = encode(message, sequence)
        is_end = sequence in (0, len(sent) - 1)
        if not is_end and source.random() < 0.2:
            frame = damaged(source, frame) if source.random() < 0.8 else b""
        if source.random() < 0.1:
            stream += source.choice((b"\0", b"W (9) cam: late\r\n", source.randbytes(source.randrange(4000)) + b"\0"))
        stream += frame
    reader = LinkReader()
    events = reader.feed(bytes(stream)) + reader.close()
    got = [event for event in events if isinstance(event, Received)]
    assert len(got) + reader.counters.missed == len(sent)
    assert all(event.message == sent[event.sequence] for event in got)
    assert sum(event.missed for event in got) == reader.counters.missed > 0
    assert reader.counters.bytes == len(stream)
    assert reader.counters.restarts == 0


def test_the_frame_after_a_damaged_one_arrives():
    """Even where the damage took the delimiter between them: each frame has one of its own on either side."""
    one, two = encode(infer_result(1, (0,) * 7, 1), 0), encode(infer_result(2, (0,) * 7, 2), 1)
    events = joined().feed(one[:-1] + two)
    assert [event.message.request for event in events if isinstance(event, Received)] == [1, 2]
    events = joined().feed(one[:-9] + two)
    assert [type(event) for event in events] == [Damaged, Received]


@pytest.mark.parametrize(
    ("segment", "cause"),
    [
        (b"\x05\x01\x02", Cause.COBS),
        (cobs.encode(b"\x01\x05\x01"), Cause.SHORT),
        (cobs.encode(b"\x01\x05\x01\x00\xff\xff\xff\xff"), Cause.CRC),
    ],
)
def test_damage_is_reported_with_its_cause_and_first_bytes(segment, cause):
    reader = joined()
    assert reader.feed(segment + b"\0") == [Damaged(cause, len(segment), segment[:32])]
    assert reader.counters.damaged == {cause: 1}


def test_a_frame_that_began_before_the_reader_is_cut_and_nobodys_fault():
    frame = encode(infer_result(1, (5,) * 7, 1), 4)
    reader = LinkReader()
    events = reader.feed(frame[6:] + frame)
    assert [type(event) for event in events] == [Damaged, Received]
    assert reader.counters.damaged == {Cause.CUT: 1}
    assert reader.counters.missed == 0


def test_a_frame_that_the_end_of_the_stream_cuts_is_said_to_be_cut():
    frame = encode(infer_result(1, (5,) * 7, 1), 4)
    reader = joined()
    assert reader.feed(frame[:-3]) == []
    assert [type(event) for event in reader.close()] == [Damaged]
    assert reader.close() == []
    assert reader.counters.damaged == {Cause.CUT: 1}


def test_text_between_frames_is_handed_on_as_text():
    frame = encode(infer_result(1, (5,) * 7, 1), 0)
    boot = "ESP-ROM:esp32s3-20210327\r\nrst:0x1 (POWERON)\r\n"
    log = "\x1b[0;32mI (312) camera: ok\x1b[0m\n"
    reader = LinkReader()
    events = reader.feed(boot.encode() + frame + log.encode() + frame[:1])
    assert [type(event) for event in events] == [Text, Received, Text]
    assert (events[0], events[2]) == (Text(boot), Text(log))
    assert reader.counters.texts == 2
    assert reader.counters.text_bytes == len(boot + log)


def test_a_text_without_end_comes_in_pieces_and_loses_no_letter():
    line = b"Guru Meditation Error: Core 1 panic'ed (LoadProhibited)\r\n"
    reader = LinkReader()
    events = reader.feed(line * 200) + reader.close()
    assert len(events) > 1
    assert "".join(event.text for event in events if isinstance(event, Text)).encode() == line * 200


def test_too_long_is_said_once_and_the_next_frame_arrives():
    frame = encode(infer_result(1, (5,) * 7, 1), 0)
    noise = b"\xaa" * (3 * MAX_ENCODED_BYTES)
    reader = joined()
    assert reader.feed(noise) == [TooLong()]
    assert [type(event) for event in reader.feed(noise + frame)] == [Received]
    assert reader.counters.too_long == 1
    assert reader.counters.discarded_bytes == 2 * len(noise)


def test_the_longest_frame_is_not_too_long_and_one_byte_more_is():
    longest = encode(InferCrop(0xFFFFFFFF, bytes([255]) * CROP_BYTES), 0xFFFF)
    assert [type(event) for event in LinkReader(from_host=True).feed(longest)] == [Received]
    filled = b"\xff" * MAX_ENCODED_BYTES
    assert [type(event) for event in joined().feed(filled + b"\0")] == [Damaged]
    assert joined().feed(filled + b"\xff\0") == [TooLong()]


def test_endless_noise_takes_no_memory():
    source = random.Random(11)
    reader = LinkReader()
    fed = 0
    for _ in range(300):
        noise = source.randbytes(16_384).replace(b"\0", b"\1")
        fed += len(noise)
        reader.feed(noise)
        assert reader.pending_bytes <= MAX_ENCODED_BYTES
    assert reader.counters.bytes + reader.pending_bytes == fed
    assert reader.counters.received == 0


def test_random_bytes_hold_no_message_and_raise_nothing():
    source = random.Random(12)
    reader = LinkReader()
    content = source.randbytes(2_000_000)
    events = reader.feed(content) + reader.close()
    assert not any(isinstance(event, Received | OtherVersion | UnknownType | Malformed) for event in events)
    assert reader.counters.bytes == len(content)


@pytest.mark.parametrize(
    ("version", "do"), [(PROTOCOL_VERSION + 1, "update microfer on this"), (0, "flash the firmware of this")]
)
def test_a_hello_of_another_version_is_refused_with_what_to_do(version, do):
    """Its payload is of an unknown layout but for the first two fields."""
    payload = b"0.9.7".ljust(16, b"\0") + b"XIAO ESP32S3 Sense".ljust(32, b"\0") + b"anything else"
    reader = LinkReader()
    (event,) = reader.feed(encode_frame(Frame(version, 0x01, 0, payload)))
    assert event == OtherVersion(version, 0x01, "0.9.7", "XIAO ESP32S3 Sense")
    assert f"the board (XIAO ESP32S3 Sense, firmware 0.9.7) speaks protocol version {version}" in event.explain()
    assert do in event.explain()
    assert reader.counters.other_version == 1


@pytest.mark.parametrize("payload", [b"", b"\xff" * 48, b"0.9.7"])
def test_a_frame_of_another_version_is_refused_whatever_it_holds(payload):
    (event,) = LinkReader().feed(encode_frame(Frame(PROTOCOL_VERSION + 1, 0x01, 0, payload)))
    assert event == OtherVersion(PROTOCOL_VERSION + 1, 0x01, None, None)
    assert f"version {PROTOCOL_VERSION + 1}, this microfer speaks {PROTOCOL_VERSION}" in event.explain()
    (event,) = LinkReader().feed(encode_frame(Frame(PROTOCOL_VERSION + 1, 0x55, 0, payload)))
    assert event == OtherVersion(PROTOCOL_VERSION + 1, 0x55, None, None)


def test_an_unknown_type_and_an_echoed_command_are_no_messages():
    reader = LinkReader()
    assert reader.feed(encode_frame(Frame(PROTOCOL_VERSION, 0x7F, 0, b""))) == [UnknownType(0x7F)]
    assert reader.feed(encode(AskHello(), 1)) == [UnknownType(0x81)]
    assert LinkReader(from_host=True).feed(encode(infer_result(1, (0,) * 7, 1), 0)) == [UnknownType(0x05)]
    assert reader.counters.unknown_type == 2


def test_an_intact_frame_with_an_impossible_payload_names_the_field():
    hello = pack_payload(random_message(random.Random(1), Hello))
    names = {field.name: field.offset for field in layout(Hello)}
    for offset, value, reason in (
        (names["reset_reason"], b"\xee", "Hello.reset_reason: 238 is not a ResetReason"),
        (names["input_scale"], struct.pack("<f", float("nan")), "Hello.input_scale: a number that is not finite"),
        (names["board"], b"\x07", "Hello.board: .* is not printable ASCII"),
        (names["firmware_version"], b"a\0b", "Hello.firmware_version: .* is not printable ASCII"),
    ):
        payload = hello[:offset] + value + hello[offset + len(value) :]
        (event,) = LinkReader().feed(encode_frame(Frame(PROTOCOL_VERSION, Hello.TYPE, 0, payload)))
        assert isinstance(event, Malformed)
        assert re.match(reason, event.reason), event.reason
    settings = encode_frame(Frame(PROTOCOL_VERSION, StreamSettings.TYPE, 0, b"\0\0\2\0"))
    (event,) = LinkReader(from_host=True).feed(settings)
    assert event == Malformed(StreamSettings.TYPE, "StreamSettings.predictions: 2 is neither 0 nor 1")


def test_a_payload_of_a_wrong_length_is_malformed():
    for payload in (b"", bytes(24), bytes(26)):
        (event,) = LinkReader().feed(encode_frame(Frame(PROTOCOL_VERSION, InferResult.TYPE, 0, payload)))
        assert event == Malformed(InferResult.TYPE, f"InferResult has {len(payload)} bytes, expected 25")


@pytest.mark.parametrize(
    ("sequences", "missed", "restarts"),
    [
        ((0, 1, 2, 3), 0, 0),
        ((5, 6, 9, 10), 2, 0),
        ((65534, 65535, 1, 2), 0, 0),
        ((65534, 2), 2, 0),
        ((400, 401, 0, 1), 0, 1),
        ((65000, 0, 1), 0, 1),
        ((5000, 3, 4), 0, 1),
        ((7, 7), 0, 1),
        ((10, 12), 1, 0),
        ((65535, 2), 1, 0),
        ((65535, 65534), 0, 1),
        ((1, 2 + 0x7FFF), 0x7FFF, 0),  # the longest gap, half of all numbers
        ((1, 2 + 0x8000), 0, 1),
        ((40000, 1 + (40000 + 0x7FFF) % 0xFFFF), 0x7FFF, 0),
        ((40000, 1 + (40000 + 0x8000) % 0xFFFF), 0, 1),
    ],
)
def test_gaps_and_restarts_are_told_apart(sequences, missed, restarts):
    reader = LinkReader()
    for sequence in sequences:
        reader.feed(encode(infer_result(1, (0,) * 7, 1), sequence))
    assert (reader.counters.missed, reader.counters.restarts) == (missed, restarts)
    assert reader.counters.received == len(sequences)


def test_a_reader_that_goes_on_with_another_stream_blames_nobody_for_its_cut_begin():
    reader = joined()
    frame = encode(infer_result(1, (5,) * 7, 1), 4)
    reader.feed(frame)
    reader.close()
    events = reader.feed(frame[6:] + encode(infer_result(2, (5,) * 7, 1), 8))
    assert [type(event) for event in events] == [Damaged, Received]
    assert events[0].cause == Cause.CUT
    assert events[1].missed == 8 - 4 - 1
