#ifndef MICROFER_PROTOCOL_PAYLOAD_READER_H_
#define MICROFER_PROTOCOL_PAYLOAD_READER_H_

#include <cstddef>
#include <cstdint>

#include "base/span.h"
#include "protocol/frame.h"

namespace microfer::protocol {

// Reads a payload, field after field, and remembers the first one that holds what
// no correct sender writes. Whoever calls it has compared the payload's length
// with the message's before.
class PayloadReader {
 public:
  explicit PayloadReader(Span<const std::uint8_t> payload) : rest_(payload) {}

  [[nodiscard]] bool is_good() const { return bad_field_.name == nullptr; }
  [[nodiscard]] const BadField& bad_field() const { return bad_field_; }

  void Expect(bool is_good, const BadField& field) {
    if (!is_good && bad_field_.name == nullptr) bad_field_ = field;
  }

  // Unsigned, or signed in two's complement; little-endian.
  template <typename T>
  [[nodiscard]] T Integer() {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) value |= std::uint64_t{rest_[i]} << (8 * i);
    rest_ = rest_.From(sizeof(T));
    return static_cast<T>(value);
  }

  [[nodiscard]] bool Bool(const char* name) {
    const auto value = Integer<std::uint8_t>();
    Expect(value <= 1, {name, "0 or 1", value});
    return value == 1;
  }

  [[nodiscard]] float Real(const char* name);

  // Copies `size_bytes` characters and a terminating zero into `text`.
  void Text(char* text, std::size_t size_bytes, const char* name);

  // A view of the payload's own bytes.
  [[nodiscard]] Span<const std::uint8_t> Data(std::size_t size_bytes) {
    const auto bytes = rest_.First(size_bytes);
    rest_ = rest_.From(size_bytes);
    return bytes;
  }

 private:
  Span<const std::uint8_t> rest_;
  BadField bad_field_;
};

}  // namespace microfer::protocol

#endif  // MICROFER_PROTOCOL_PAYLOAD_READER_H_
