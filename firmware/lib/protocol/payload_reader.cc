#include "protocol/payload_reader.h"

#include <cmath>
#include <cstring>

namespace microfer::protocol {

float PayloadReader::Real(const char* name) {
  const auto bits = Integer<std::uint32_t>();
  float value = 0;
  static_assert(sizeof(value) == sizeof(bits), "the wire carries IEEE 754 single precision");
  std::memcpy(&value, &bits, sizeof(value));
  Expect(std::isfinite(value), {name, "a finite number", 0});
  return value;
}

void PayloadReader::Text(char* text, std::size_t size_bytes, const char* name) {
  bool has_ended = false;
  for (std::size_t i = 0; i < size_bytes; ++i) {
    const auto character = static_cast<char>(rest_[i]);
    has_ended = has_ended || character == '\0';
    // After the first zero only zeros may follow.
    Expect(has_ended ? character == '\0' : character >= ' ' && character <= '~', {name, "printable ASCII", rest_[i]});
    text[i] = character;
  }
  text[size_bytes] = '\0';
  rest_ = rest_.From(size_bytes);
}

}  // namespace microfer::protocol
