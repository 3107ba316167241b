#ifndef MICROFER_PROTOCOL_FRAME_DECODER_H_
#define MICROFER_PROTOCOL_FRAME_DECODER_H_

#include <cstddef>
#include <cstdint>

#include "base/span.h"
#include "protocol/frame.h"

namespace microfer::protocol {

// What one more byte made of the stream. No two outcomes share a value.
enum class [[nodiscard]] StreamOutcome : std::uint8_t{
    kNotYet,        // no frame has ended with this byte
    kFrame,         // an intact frame of this protocol version: see frame()
    kOtherVersion,  // an intact frame of another one: see frame(); answer with a hello
    kTooLong,       // longer than the buffer; dropped up to the next delimiter
    kCorrupt,       // a damaged frame, or noise: see corruption()
};

enum class Corruption : std::uint8_t {
  kNone,   // the last outcome was not kCorrupt
  kCobs,   // no encoder writes such bytes
  kShort,  // shorter than header and CRC
  kCrc,    // the CRC-32 is another one
};

// Finds the frames in a stream, byte after byte, and its place again at the next
// delimiter after any damage.
class FrameDecoder {
 public:
  // `buffer` is overwritten by every Push() and must live as long as this does.
  // kMaxEncodedBytes of generated/messages.h hold every frame.
  explicit FrameDecoder(Span<std::uint8_t> buffer) : buffer_(buffer) {}

  [[nodiscard]] StreamOutcome Push(std::uint8_t byte);

  // The frame of the last kFrame or kOtherVersion, a view of the buffer: valid
  // until the next Push().
  [[nodiscard]] const Frame& frame() const { return frame_; }
  [[nodiscard]] Corruption corruption() const { return corruption_; }

 private:
  StreamOutcome EndFrame();
  StreamOutcome Corrupt(Corruption corruption);

  Span<std::uint8_t> buffer_;
  std::size_t size_bytes_ = 0;
  bool is_skipping_ = false;
  Corruption corruption_ = Corruption::kNone;
  Frame frame_;
};

}  // namespace microfer::protocol

#endif  // MICROFER_PROTOCOL_FRAME_DECODER_H_
