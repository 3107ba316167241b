"""messages.h: the link's messages as C++ structs that write and read their payloads. Standard library alone.

It depends on no model, only on `microfer.link.messages`; the same layouts give the same text.
"""

import textwrap

from microfer.export import cpp
from microfer.link import messages
from microfer.link.layout import Code, Field, Message, layout, payload_struct

NUMBERS = {
    "B": "std::uint8_t",
    "H": "std::uint16_t",
    "I": "std::uint32_t",
    "Q": "std::uint64_t",
    "b": "std::int8_t",
    "h": "std::int16_t",
    "f": "float",
}
"""The C++ type of each letter of Python's struct module that a layout may use."""

LONGEST_COPY_BYTES = 64
"""Longer data is not copied into a struct: the struct views it where it lies, in the caller's buffer."""

INCLUDES = (
    "<cstddef>",
    "<cstdint>",
    "<cstring>",
    '"base/span.h"',
    '"protocol/frame.h"',
    '"protocol/frame_writer.h"',
    '"protocol/payload_reader.h"',
)


def messages_header() -> str:
    """Return messages.h: version and sizes, the enumerations, one struct a message with its two functions."""
    parts = [_constants(), *map(_enumeration, messages.CODES), *map(_message, messages.MESSAGES)]
    body = "namespace protocol {\n\n" + "\n\n".join(parts) + "\n\n}  // namespace protocol"
    return cpp.header("the message layouts", "MICROFER_GENERATED_MESSAGES_H_", INCLUDES, body)


def _constants() -> str:
    return f"""\
inline constexpr std::uint8_t kProtocolVersion = {messages.PROTOCOL_VERSION};

inline constexpr std::size_t kHeaderBytes = {messages.HEADER_BYTES};  // version, type, sequence
inline constexpr std::size_t kCrcBytes = {messages.CRC_BYTES};
inline constexpr std::size_t kMaxPayloadBytes = {messages.MAX_PAYLOAD_BYTES};
inline constexpr std::size_t kMaxEncodedBytes = {messages.MAX_ENCODED_BYTES};  // after COBS, without delimiters

inline constexpr std::uint8_t kFromHost = {messages.FROM_HOST:#04x};  // bit of the type in what a host sends
inline constexpr std::uint8_t kNoLabel = {messages.NO_LABEL};

// Copies a text into a field of a message, cut to the field's length.
template <std::size_t kSize>
inline void SetText(char (&field)[kSize], const char* text) {{
  std::size_t length = 0;
  for (; length < kSize - 1 && text[length] != '\\0'; ++length) field[length] = text[length];
  for (; length < kSize; ++length) field[length] = '\\0';
}}"""


def _enumeration(codes: type[Code]) -> str:
    members = "\n".join(f"{_comment(member.doc, '  ')}\n  {_constant(member)} = {member.value}," for member in codes)
    tests = "".join(f"    case {codes.__name__}::{_constant(member)}:\n" for member in codes)
    return f"""{_comment(codes.__doc__ or "")}
enum class {codes.__name__} : std::uint8_t {{
{members}
}};

[[nodiscard]] constexpr bool IsKnown({codes.__name__} value) {{
  switch (value) {{
{tests}      return true;
  }}
  return false;
}}"""


def _message(message: type[Message]) -> str:
    name, fields = message.__name__, layout(message)
    members = "".join(f"\n{_comment(field.doc, '  ')}\n  {_member(field)}\n" for field in fields)
    unused = "" if fields else "/* it has no fields */"
    writes = "".join(f"  {line}\n" for field in fields for line in _write(field))
    reads = "".join(f"  {line}\n" for field in fields for line in _read(field))
    return f"""{_comment(message.__doc__ or "")}
struct {name} {{
  static constexpr std::uint8_t kType = {message.TYPE:#04x};
  static constexpr std::size_t kPayloadBytes = {payload_struct(message).size};
{members}}};

inline void WritePayload(const {name}&{unused or " message"}, FrameWriter&{unused or " writer"}) {{
{writes}}}

// Overwrites `message`; it is of use only where the outcome is kOk.
[[nodiscard]] inline PayloadOutcome ReadPayload(Span<const std::uint8_t> payload, {name}&{unused or " message"}) {{
  if (payload.size() != {name}::kPayloadBytes) return PayloadOutcome::kWrongLength;
{_reader(reads)}}}"""


def _reader(reads: str) -> str:
    if not reads:
        return "  return PayloadOutcome::kOk;\n"
    return (
        f"  PayloadReader reader(payload);\n{reads}"
        "  return reader.is_good() ? PayloadOutcome::kOk : PayloadOutcome::kBadValue;\n"
    )


def _type(field: Field) -> str:
    wire = field.wire
    if wire.codes is not None:
        return wire.codes.__name__
    return "bool" if wire.kind == "bool" else NUMBERS[wire.letter]


def _is_view(field: Field) -> bool:
    return field.wire.kind == "data" and (field.wire.count or 0) > LONGEST_COPY_BYTES


def _member(field: Field) -> str:
    name, count = field.name, field.wire.count
    if field.wire.kind == "text":
        return f"char {name}[{count} + 1] = {{}};  // ends with a zero"
    if _is_view(field):
        return f"Span<const std::uint8_t> {name};  // {count} bytes that somebody else owns"
    if field.wire.kind == "data":
        return f"std::uint8_t {name}[{count}] = {{}};"
    if count is not None:
        return f"{_type(field)} {name}[{count}] = {{}};"
    if field.wire.codes is not None:
        return f"{_type(field)} {name} = {_type(field)}::{_constant(next(iter(field.wire.codes)))};"
    return f"{_type(field)} {name} = {'false' if field.wire.kind == 'bool' else '0'};"


def _write(field: Field) -> list[str]:
    wire, value = field.wire, f"message.{field.name}"
    if wire.kind in ("text", "data"):
        return [f"writer.{wire.kind.capitalize()}({value}, {wire.count});"]
    if wire.count is not None:
        return [f"for (const auto item : {value}) {_write_number('item', field)}"]
    return [_write_number(value, field)]


def _write_number(value: str, field: Field) -> str:
    if field.wire.letter == "f":
        return f"writer.Real({value});"
    return f"writer.Unsigned(static_cast<std::uint64_t>({value}), {field.wire.size_bytes // (field.wire.count or 1)});"


def _read(field: Field) -> list[str]:
    wire, target = field.wire, f"message.{field.name}"
    if wire.kind == "text":
        return [f"reader.Text({target}, {wire.count});"]
    if _is_view(field):
        return [f"{target} = reader.Data({wire.count});"]
    if wire.kind == "data":
        return [f"std::memcpy({target}, reader.Data({wire.count}).data(), {wire.count});"]
    if wire.codes is not None:
        read = f"{target} = static_cast<{_type(field)}>(reader.Integer<std::uint8_t>());"
        return [read, f"reader.Expect(IsKnown({target}));"]
    if wire.kind == "bool":
        return [f"{target} = reader.Bool();"]
    read = "reader.Real()" if wire.letter == "f" else f"reader.Integer<{_type(field)}>()"
    return [f"{target} = {read};"] if wire.count is None else [f"for (auto& item : {target}) item = {read};"]


def _constant(member: Code) -> str:
    return "k" + "".join(part.capitalize() for part in member.name.split("_"))


def _comment(text: str, indent: str = "") -> str:
    """Return the text as // comment lines of at most 80 characters."""
    prefix = f"{indent}// "
    sentence = " ".join(text.split())
    return "\n".join(textwrap.wrap(sentence, 80, initial_indent=prefix, subsequent_indent=prefix))
