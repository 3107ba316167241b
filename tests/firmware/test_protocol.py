"""The board's codec against the host's: golden frames, 10,000 random ones, streams with every fault; same outcomes."""

import json
import random
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.firmware.protocol_cases import (
    BROKEN_RULES,
    damaged,
    faulty_stream,
    impossible_payloads,
    random_frame,
    random_message,
)
from tests.firmware.toolchain import HERE, LIB, TOOLCHAINS, Toolchain, link
from tests.golden.make_protocol_vectors import PATH, as_json, vectors

from microfer.export.messages_header import NUMBERS, messages_header
from microfer.link.layout import Field, layout
from microfer.link.messages import (
    MAX_ENCODED_BYTES,
    MESSAGES,
    PROTOCOL_VERSION,
    BoardError,
    ErrorCode,
    Hello,
    StreamSettings,
)
from microfer.link.protocol import DamagedFrameError, Frame, decode_frame, encode, encode_frame, pack_payload

TEXTS = {field.name for message in MESSAGES for field in layout(message) if field.wire.kind == "text"}
Probe = Callable[..., list[str]]


@pytest.fixture(scope="module", params=TOOLCHAINS, ids=lambda toolchain: toolchain.name)
def probe(request, tmp_path_factory) -> Probe:
    """The compiled probe, as a function from mode and input to the lines that it prints."""
    toolchain: Toolchain = request.param
    if missing := toolchain.missing():
        pytest.skip(f"{missing} not installed")
    program = _built(toolchain, tmp_path_factory.mktemp(f"protocol_{toolchain.name}"))

    def run(mode: str, content: bytes = b"") -> list[str]:
        command = [*toolchain.emulator, str(program), mode]
        done = subprocess.run(command, input=content, capture_output=True, check=False, timeout=300)
        assert done.returncode == 0, f"status {done.returncode}\n{done.stderr.decode()[-3000:]}"
        return done.stdout.decode().splitlines()

    return run


def _built(toolchain: Toolchain, folder: Path) -> Path:
    made = folder / "generated"
    made.mkdir()
    (made / "messages.h").write_text(messages_header())
    (folder / "print_messages.h").write_text(print_messages_header())
    sources = [HERE / "protocol_probe.cc", *sorted((LIB / "protocol").glob("*.cc"))]
    return link(toolchain, folder, "probe", sources)


def print_messages_header() -> str:
    """Functions that print a struct's members by name, so that no two fields can be swapped unseen."""
    functions = "\n".join(
        f"inline void PrintFields(const microfer::protocol::{message.__name__}&"
        f"{' message' if layout(message) else ''}) {{\n"
        + '  std::printf(", ");\n'.join(f"  {_print(field)}\n" for field in layout(message))
        + "}"
        for message in MESSAGES
    )
    names = " ".join(f"X({message.__name__})" for message in MESSAGES)
    return (
        "#include <cstdio>\n"
        '#include "generated/messages.h"\n'
        f"#define FOR_EACH_MESSAGE(X) {names}\n"
        "inline void PrintBytes(microfer::Span<const std::uint8_t> bytes) {\n"
        '  for (const std::uint8_t byte : bytes) std::printf("%02x", byte);\n'
        "}\n"
        f"{functions}\n"
    )


def _print(field: Field) -> str:
    name, wire = field.name, field.wire
    label = f'std::printf("\\"{name}\\": ");'
    if wire.kind == "text":  # in hexadecimal, so that no quotes need escaping
        return f'{label} std::printf("\\""); for (const char* c = message.{name}; *c != \'\\0\'; ++c) ' + (
            'std::printf("%02x", static_cast<unsigned char>(*c)); std::printf("\\"");'
        )
    if wire.kind == "data":
        return f'{label} std::printf("\\""); PrintBytes(message.{name}); std::printf("\\"");'
    number, cast = ("%.17g", "double") if wire.letter == "f" else ("%lld", "long long")
    if wire.letter == "Q":
        number, cast = "%llu", "unsigned long long"
    assert wire.letter in NUMBERS
    if wire.count is None:
        return f'{label} std::printf("{number}", static_cast<{cast}>(message.{name}));'
    loop = f'const char* comma = "["; for (const auto item : message.{name})'
    item = f'std::printf("%s{number}", comma, static_cast<{cast}>(item)); comma = ", ";'
    return f'{label} {{ {loop} {{ {item} }} std::printf("]"); }}'


def printed(fields: dict[str, Any]) -> dict[str, Any]:
    """What the probe prints of a message's fields: texts in hexadecimal."""
    return {name: value.encode().hex() if name in TEXTS else value for name, value in fields.items()}


def expected_outcomes(stream: bytes) -> list[str]:
    """What the board's decoder should say of a stream, from the host's own functions."""
    lines = []
    for position, segment in enumerate(stream.split(b"\0")):
        is_ended = position < stream.count(0)
        if len(segment) > MAX_ENCODED_BYTES:
            lines.append("too long")
        elif segment and is_ended:
            try:
                frame = decode_frame(segment)
            except DamagedFrameError as error:
                lines.append(f"corrupt {error}")
            else:
                kind = "frame" if frame.version == PROTOCOL_VERSION else "other"
                lines.append(f"{kind} {frame.version} {frame.type} {frame.sequence} {frame.payload.hex()}")
    return lines


def test_the_golden_frames_are_what_the_host_writes():
    assert json.loads(PATH.read_text()) == vectors(), "another protocol: raise its version, then make the vectors anew"
    assert {frame["message"] for frame in vectors()["frames"]} >= {m.__name__ for m in MESSAGES} - {"CropPreview"}


def test_the_board_reads_the_golden_frames_and_writes_the_same_bytes(probe):
    frames = json.loads(PATH.read_text())["frames"]
    said = [json.loads(line) for line in probe("messages", b"".join(bytes.fromhex(f["frame"]) for f in frames))]
    assert [answer["again"] for answer in said] == [frame["frame"] for frame in frames]
    assert [answer["fields"] for answer in said] == [printed(frame["fields"]) for frame in frames]


def test_ten_thousand_random_messages_are_read_and_written_alike(probe):
    source = random.Random(5)
    for _ in range(10):
        sent = [random_message(source) for _ in range(1000)]
        frames = [encode(message, source.randrange(1 << 16)) for message in sent]
        said = [json.loads(line) for line in probe("messages", b"".join(frames))]
        assert [answer["again"] for answer in said] == [frame.hex() for frame in frames]
        assert [answer["fields"] for answer in said] == [printed(as_json(message)) for message in sent]


@pytest.mark.parametrize("seed", range(10))
def test_streams_with_faults_have_the_same_outcomes_on_both_sides(probe, seed):
    stream = b"".join(faulty_stream(random.Random(seed), 1000))
    said = probe("stream", stream)
    assert said == expected_outcomes(stream)
    kinds = {" ".join(line.split()[:2]) if line.startswith("corrupt") else line.split()[0] for line in said}
    assert kinds >= {"frame", "other", "too", "corrupt cobs", "corrupt crc", "corrupt short"}


def test_no_damaged_frame_is_accepted_by_the_board(probe):
    source = random.Random(77)
    stream, intact = bytearray(), set()
    for _ in range(20_000):
        frame = encode(random_message(source, StreamSettings), source.randrange(1 << 16))
        broken = damaged(source, frame)
        if frame.strip(b"\0") not in broken.split(b"\0"):
            stream += broken + b"\0"
            intact.add(frame)
    assert len(intact) > 15_000
    assert not [line for line in probe("stream", bytes(stream)) if line.startswith(("frame", "other"))]


def test_a_payload_that_no_sender_writes_is_refused(probe):
    hello = pack_payload(random_message(random.Random(1), Hello))
    offset = {field.name: field.offset for field in layout(Hello)}
    payloads = [
        hello[:at] + value + hello[at + len(value) :]
        for at, value in (
            (offset["reset_reason"], b"\xee"),
            (offset["input_scale"], bytes.fromhex("0000c07f")),
            (offset["board"], b"\x07"),
            (offset["board"], b"\x80"),
            (offset["firmware_version"], b"a\0b"),
        )
    ]
    frames = [Frame(PROTOCOL_VERSION, Hello.TYPE, 0, payload) for payload in (*payloads, hello[:-1], hello + b"x", b"")]
    frames += [Frame(PROTOCOL_VERSION, StreamSettings.TYPE, 0, b"\0\0\2\0"), Frame(PROTOCOL_VERSION, 0x7F, 0, b"")]
    said = [json.loads(line) for line in probe("messages", b"".join(map(encode_frame, frames)))]
    assert [line["refused"] for line in said] == ["value"] * 5 + ["length"] * 3 + ["value", "type"]


def test_each_field_s_impossible_values_are_refused_by_its_name(probe):
    cases = list(impossible_payloads())
    stream = b"".join(encode_frame(Frame(PROTOCOL_VERSION, message.TYPE, 0, payload)) for message, _, payload in cases)
    said = [json.loads(line) for line in probe("messages", stream)]
    assert said == [{"refused": "value", "field": field} for _, field, _ in cases]


def test_fields_that_contradict_each_other_are_refused(probe):
    source = random.Random(4)
    sent = [replace(random_message(source, message), **fields) for message, fields, _ in BROKEN_RULES]
    said = [json.loads(line) for line in probe("messages", b"".join(encode(message, 0) for message in sent))]
    assert said == [{"refused": "value", "field": field} for _, _, field in BROKEN_RULES]


def test_no_buffer_is_too_small_unseen(probe):
    """Frames into buffers of every size, values that have no place; the sanitizers watch the rims."""
    assert probe("small") == ["passed"]


@pytest.mark.parametrize(
    ("given", "sent"),
    [(b"", ""), (b"no sensor", "no sensor"), (b"x" * 200, "x" * 80), (b"two\nlines \xc3\xa9", "two?lines ??")],
)
def test_text_is_cut_and_cleaned_before_it_is_sent(probe, given, sent):
    expected = encode(BoardError(ErrorCode.CAMERA_MISSING, 0, 0, sent), 0)
    assert probe("settext", given) == [expected.hex()]


def test_frames_of_every_length_go_through_cobs_alike(probe):
    """Around 254, where a block is full, and its multiples; with and without zeros."""
    source = random.Random(9)
    lengths = (*range(20), *range(240, 260), *range(490, 520), *range(755, 770))
    fills = [bytes([1]), bytes([255]), bytes([0]), None]
    stream = b"".join(
        encode_frame(Frame(PROTOCOL_VERSION, 0x55, 0x0101, fill * n if fill else source.randbytes(n)))
        for n in lengths
        for fill in fills
    )
    assert probe("stream", stream) == expected_outcomes(stream)
    assert len(expected_outcomes(stream)) == 4 * len(lengths)


def test_random_frames_are_of_many_kinds():
    source = random.Random(3)
    versions = {decode_frame(random_frame(source).strip(b"\0")).version for _ in range(300)}
    assert versions == {0, 1, 2, 255}
