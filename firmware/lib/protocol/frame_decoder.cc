#include "protocol/frame_decoder.h"

#include "generated/messages.h"
#include "protocol/cobs.h"
#include "protocol/crc32.h"
#include "protocol/payload_reader.h"

namespace microfer::protocol {

StreamOutcome FrameDecoder::Push(std::uint8_t byte) {
  corruption_ = Corruption::kNone;
  if (byte == 0) return EndFrame();
  if (is_skipping_) return StreamOutcome::kNotYet;
  if (size_bytes_ == buffer_.size()) {
    is_skipping_ = true;
    return StreamOutcome::kTooLong;
  }
  buffer_[size_bytes_++] = byte;
  return StreamOutcome::kNotYet;
}

StreamOutcome FrameDecoder::EndFrame() {
  const Span<std::uint8_t> encoded = buffer_.First(size_bytes_);
  const bool was_skipping = is_skipping_;
  size_bytes_ = 0;
  is_skipping_ = false;
  if (was_skipping || encoded.empty()) return StreamOutcome::kNotYet;

  const CobsDecoded decoded = CobsDecodeInPlace(encoded);
  if (!decoded.valid) return Corrupt(Corruption::kCobs);
  if (decoded.size_bytes < kHeaderBytes + kCrcBytes) return Corrupt(Corruption::kShort);
  const Span<const std::uint8_t> whole = encoded.First(decoded.size_bytes);
  const Span<const std::uint8_t> content = whole.First(whole.size() - kCrcBytes);
  PayloadReader crc(whole.From(content.size()));
  if (crc.Integer<std::uint32_t>() != Crc32(content)) return Corrupt(Corruption::kCrc);

  PayloadReader header(content);
  frame_.version = header.Integer<std::uint8_t>();
  frame_.type = header.Integer<std::uint8_t>();
  frame_.sequence = header.Integer<std::uint16_t>();
  frame_.payload = content.From(kHeaderBytes);
  return frame_.version == kProtocolVersion ? StreamOutcome::kFrame : StreamOutcome::kOtherVersion;
}

StreamOutcome FrameDecoder::Corrupt(Corruption corruption) {
  corruption_ = corruption;
  return StreamOutcome::kCorrupt;
}

}  // namespace microfer::protocol
