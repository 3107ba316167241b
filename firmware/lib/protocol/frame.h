#ifndef MICROFER_PROTOCOL_FRAME_H_
#define MICROFER_PROTOCOL_FRAME_H_

#include <cstddef>
#include <cstdint>

#include "base/span.h"

namespace microfer::protocol {

// An intact frame: its CRC was right. What it says is not looked at yet.
struct Frame {
  std::uint8_t version = 0;
  std::uint8_t type = 0;
  std::uint16_t sequence = 0;
  Span<const std::uint8_t> payload;  // a view of the decoder's buffer
};

// The sequence number that follows. 0 is not used a second time: it marks a
// sender's start.
constexpr std::uint16_t NextSequence(std::uint16_t sequence) {
  return sequence == 0xFFFF ? std::uint16_t{1} : static_cast<std::uint16_t>(sequence + 1);
}

// How a message's payload reads. No two outcomes share a value.
enum class [[nodiscard]] PayloadOutcome : std::uint8_t{
    kOk,
    kWrongLength,  // not the length of this type's payload
    kBadValue,     // a field holds what no correct sender writes
};

// A field that holds what no correct sender writes. `name` and `allowed`, what it
// may hold, are for people and last for ever; name is null where there is none.
struct BadField {
  const char* name = nullptr;
  const char* allowed = "";
  std::int64_t value = 0;  // of a whole number; 0 for any other
};

// How writing a frame ended.
enum class [[nodiscard]] EncodeOutcome : std::uint8_t{
    kOk,
    kTooSmall,  // the buffer does not hold the frame
    kBadValue,  // a number is not finite, or bytes are not as many as the field has
};

}  // namespace microfer::protocol

#endif  // MICROFER_PROTOCOL_FRAME_H_
