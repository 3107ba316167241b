#ifndef MICROFER_PROTOCOL_COBS_H_
#define MICROFER_PROTOCOL_COBS_H_

#include <cstddef>
#include <cstdint>

#include "base/span.h"

namespace microfer::protocol {

// Consistent Overhead Byte Stuffing (Cheshire and Baker, 1999): the same bytes
// without any zero, so that a zero can stand between frames. Data is cut at its
// zeros into blocks of at most 254 bytes, each led by one more than its length.

// The most bytes that `size_bytes` bytes become.
constexpr std::size_t CobsMaxEncodedBytes(std::size_t size_bytes) {
  return size_bytes == 0 ? 1 : size_bytes + (size_bytes + 253) / 254;
}

// Encodes piece after piece into the caller's buffer.
class CobsEncoder {
 public:
  // Overwrites `out`, which must live as long as this does.
  explicit CobsEncoder(Span<std::uint8_t> out) : out_(out) {}

  void Put(Span<const std::uint8_t> bytes);

  // False once anything did not fit into `out`; what was written is then of no
  // use.
  [[nodiscard]] bool fits() const { return end_ <= out_.size(); }

  // Ends the last block. Returns the bytes written; meaningful where fits().
  [[nodiscard]] std::size_t Finish();

 private:
  void CloseBlock();
  void Store(std::size_t position, std::uint8_t byte) {
    if (position < out_.size()) out_[position] = byte;
  }

  Span<std::uint8_t> out_;
  std::size_t block_ = 0;  // where the open block's length byte goes
  std::size_t end_ = 1;    // where the next byte goes; may pass the buffer's end
};

struct CobsDecoded {
  bool valid = false;          // false: no encoder writes such bytes
  std::size_t size_bytes = 0;  // of the decoded data, where valid
};

// Decodes in place: the data begins where the encoded bytes, which hold no zero,
// began.
[[nodiscard]] CobsDecoded CobsDecodeInPlace(Span<std::uint8_t> bytes);

}  // namespace microfer::protocol

#endif  // MICROFER_PROTOCOL_COBS_H_
