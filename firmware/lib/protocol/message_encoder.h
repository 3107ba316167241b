#ifndef MICROFER_PROTOCOL_MESSAGE_ENCODER_H_
#define MICROFER_PROTOCOL_MESSAGE_ENCODER_H_

#include <cstddef>
#include <cstdint>

#include "base/span.h"
#include "generated/messages.h"
#include "protocol/frame.h"
#include "protocol/frame_writer.h"

namespace microfer::protocol {

// Turns messages into frames and numbers them. One for each direction of a link,
// made once at the start.
class MessageEncoder {
 public:
  // `buffer` is overwritten by every Encode() and must live as long as this does.
  // kMaxEncodedBytes and two delimiters hold every frame.
  explicit MessageEncoder(Span<std::uint8_t> buffer) : buffer_(buffer) {}

  // Where the outcome is kOk, frame() is the frame to send, and the message has
  // used up a sequence number: if the port is full and the frame is dropped, the
  // other end sees a gap and counts it. Otherwise frame() is empty.
  template <typename Message>
  [[nodiscard]] EncodeOutcome Encode(const Message& message) {
    FrameWriter writer(buffer_, kProtocolVersion, Message::kType, sequence_);
    WritePayload(message, writer);
    size_bytes_ = 0;
    const EncodeOutcome outcome = writer.Finish(size_bytes_);
    if (outcome == EncodeOutcome::kOk) sequence_ = NextSequence(sequence_);
    return outcome;
  }

  // With both delimiters; a view of the buffer, valid until the next Encode().
  [[nodiscard]] Span<const std::uint8_t> frame() const { return buffer_.First(size_bytes_); }

 private:
  Span<std::uint8_t> buffer_;
  std::size_t size_bytes_ = 0;
  std::uint16_t sequence_ = 0;
};

}  // namespace microfer::protocol

#endif  // MICROFER_PROTOCOL_MESSAGE_ENCODER_H_
