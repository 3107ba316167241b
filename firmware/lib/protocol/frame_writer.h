#ifndef MICROFER_PROTOCOL_FRAME_WRITER_H_
#define MICROFER_PROTOCOL_FRAME_WRITER_H_

#include <cstddef>
#include <cstdint>

#include "base/span.h"
#include "protocol/cobs.h"
#include "protocol/frame.h"

namespace microfer::protocol {

// Writes one frame, field after field, straight into the caller's buffer:
// delimiter, header, payload, CRC-32, delimiter, COBS-encoded on the way.
class FrameWriter {
 public:
  // Overwrites `out`, which must live as long as this does. CobsMaxEncodedBytes()
  // of the frame and two delimiters are always enough.
  FrameWriter(Span<std::uint8_t> out, std::uint8_t version, std::uint8_t type, std::uint16_t sequence);

  void Unsigned(std::uint64_t value, std::size_t size_bytes);  // little-endian
  void Real(float value);
  // Printable ASCII up to the terminating zero or `size_bytes`, then zeros;
  // other characters become '?'.
  void Text(const char* text, std::size_t size_bytes);
  void Data(Span<const std::uint8_t> bytes, std::size_t size_bytes);

  // Ends the frame. `size_bytes` is set where the outcome is kOk.
  [[nodiscard]] EncodeOutcome Finish(std::size_t& size_bytes);

 private:
  void Put(Span<const std::uint8_t> bytes);

  Span<std::uint8_t> out_;
  CobsEncoder encoder_;
  std::uint32_t crc_ = 0;
  bool is_good_ = true;
};

}  // namespace microfer::protocol

#endif  // MICROFER_PROTOCOL_FRAME_WRITER_H_
