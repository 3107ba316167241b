"""messages.h: the link's messages as C++ structs that write and read their payloads. Standard library alone.

It depends on no model, only on `microfer.link.messages`; the same layouts give the same text.
"""

import math
import struct
import textwrap

from microfer.export import cpp
from microfer.link import messages
from microfer.link.layout import AtMost, Code, Field, Message, Rule, layout, payload_struct

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

// Overwrites `message`; it is of use only where the outcome is kOk. Where it is
// kBadValue, `bad` says which field is why.
[[nodiscard]] inline PayloadOutcome ReadPayload(Span<const std::uint8_t> payload, {name}&{unused or " message"},
                                                BadField*{unused or " bad"} = nullptr) {{
  if (payload.size() != {name}::kPayloadBytes) return PayloadOutcome::kWrongLength;
{_reader(reads, message)}}}"""


def _reader(reads: str, message: type[Message]) -> str:
    if not reads:
        return "  return PayloadOutcome::kOk;\n"
    rules = "".join(f"  {line}\n" for rule in message.RULES for line in _rule(rule, message))
    return (
        f"  PayloadReader reader(payload);\n{reads}{rules}"
        "  if (bad != nullptr) *bad = reader.bad_field();\n"
        "  return reader.is_good() ? PayloadOutcome::kOk : PayloadOutcome::kBadValue;\n"
    )


def _rule(rule: Rule, message: type[Message]) -> list[str]:
    """Return what checks a rule after all fields are read."""
    fields = {field.name: field for field in layout(message)}
    allowed = rule.condition.removeprefix("is ")
    if isinstance(rule, AtMost):
        test = f"message.{rule.smaller} {'<' if rule.strict else '<='} message.{rule.larger}"
        if rule.besides is not None:
            test = f"message.{rule.smaller} == {rule.besides} || {test}"
    else:
        sides = ((rule.field, rule.value), (rule.other, rule.other_value))
        test = " == ".join(f"(message.{name} == {_value(fields[name], value)})" for name, value in sides)
    return [_expect(test, fields[rule.subject], allowed)]


def _expect(test: str, field: Field, allowed: str) -> str:
    value = f"message.{field.name}"
    number = "0" if field.wire.letter == "f" else f"static_cast<std::int64_t>({value})"
    return f'reader.Expect({test}, {{"{field.name}", "{allowed}", {number}}});'


def _value(field: Field, value: int) -> str:
    return f"{_type(field)}::{_constant(value)}" if isinstance(value, Code) else str(value)


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
    wire, name, target = field.wire, field.name, f"message.{field.name}"
    if wire.kind == "text":
        return [f'reader.Text({target}, {wire.count}, "{name}");']
    if _is_view(field):
        return [f"{target} = reader.Data({wire.count});"]
    if wire.kind == "data":
        return [f"std::memcpy({target}, reader.Data({wire.count}).data(), {wire.count});"]
    if wire.codes is not None:
        read = f"{target} = static_cast<{_type(field)}>(reader.Integer<std::uint8_t>());"
        return [read, _expect(f"IsKnown({target})", field, f"a number of {_type(field)}")]
    if wire.kind == "bool":
        return [f'{target} = reader.Bool("{name}");']
    read = f'reader.Real("{name}")' if wire.letter == "f" else f"reader.Integer<{_type(field)}>()"
    if wire.count is None:
        return [f"{target} = {read};", *_in_range(field, target)]
    checks = "".join(f" {line}" for line in _in_range(field, "item"))
    return [f"for (auto& item : {target}) {{ item = {read};{checks} }}"]


def _in_range(field: Field, value: str) -> list[str]:
    """Return what checks that a value is in its field's range; nothing where every value of the type is."""
    wire = field.wire
    if wire.range is None:
        return []
    least_of_type, most_of_type = _limits(wire.letter)
    tests = [f"{value} >= {_number(wire.range.least, wire.letter)}"] if wire.range.least > least_of_type else []
    tests += [f"{value} <= {_number(wire.range.most, wire.letter)}"] if wire.range.most < most_of_type else []
    test = " && ".join(tests)
    if wire.range.other is not None:
        test = f"{value} == {wire.range.other} || ({test})"
    number = "0" if wire.letter == "f" else f"static_cast<std::int64_t>({value})"
    return [f'reader.Expect({test}, {{"{field.name}", "{wire.range}", {number}}});']


def _limits(letter: str) -> tuple[float, float]:
    """Return the least and the greatest value of a type."""
    if letter == "f":
        return -math.inf, math.inf
    bits = 8 * struct.calcsize("<" + letter)
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if letter.islower() else (0, (1 << bits) - 1)


def _number(number: float, letter: str) -> str:
    return cpp.real(number) if letter == "f" else f"{number}{'ULL' if letter == 'Q' else ''}"


def _constant(member: Code) -> str:
    return "k" + "".join(part.capitalize() for part in member.name.split("_"))


def _comment(text: str, indent: str = "") -> str:
    """Return the text as // comment lines of at most 80 characters."""
    prefix = f"{indent}// "
    sentence = " ".join(text.split())
    return "\n".join(textwrap.wrap(sentence, 80, initial_indent=prefix, subsequent_indent=prefix))
