#ifndef MICROFER_PROTOCOL_PAYLOAD_READER_H_
#define MICROFER_PROTOCOL_PAYLOAD_READER_H_

#include <cstddef>
#include <cstdint>

#include "base/span.h"

namespace microfer::protocol {

// Reads a payload, field after field. Whoever calls it has compared the
// payload's length with the message's before.
class PayloadReader {
 public:
  explicit PayloadReader(Span<const std::uint8_t> payload) : rest_(payload) {}

  // False once a field held what no correct sender writes.
  [[nodiscard]] bool is_good() const { return is_good_; }
  void Expect(bool is_good) { is_good_ = is_good_ && is_good; }

  // Unsigned, or signed in two's complement; little-endian.
  template <typename T>
  [[nodiscard]] T Integer() {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) value |= std::uint64_t{rest_[i]} << (8 * i);
    rest_ = rest_.From(sizeof(T));
    return static_cast<T>(value);
  }

  [[nodiscard]] bool Bool() {
    const auto value = Integer<std::uint8_t>();
    Expect(value <= 1);
    return value == 1;
  }

  [[nodiscard]] float Real();

  // Copies `size_bytes` characters and a terminating zero into `text`.
  void Text(char* text, std::size_t size_bytes);

  // A view of the payload's own bytes.
  [[nodiscard]] Span<const std::uint8_t> Data(std::size_t size_bytes) {
    const auto bytes = rest_.First(size_bytes);
    rest_ = rest_.From(size_bytes);
    return bytes;
  }

 private:
  Span<const std::uint8_t> rest_;
  bool is_good_ = true;
};

}  // namespace microfer::protocol

#endif  // MICROFER_PROTOCOL_PAYLOAD_READER_H_
