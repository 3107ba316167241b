#include "protocol/cobs.h"

namespace microfer::protocol {
namespace {

constexpr std::size_t kFullBlock = 0xFF;  // length byte of 254 data bytes without a zero after them

}  // namespace

void CobsEncoder::Put(Span<const std::uint8_t> bytes) {
  for (const std::uint8_t byte : bytes) {
    // Only when more follows: a full block at the very end has no successor.
    if (end_ - block_ == kFullBlock) CloseBlock();
    if (byte == 0) {
      CloseBlock();
    } else {
      Store(end_, byte);
      ++end_;
    }
  }
}

void CobsEncoder::CloseBlock() {
  Store(block_, static_cast<std::uint8_t>(end_ - block_));
  block_ = end_;
  ++end_;
}

std::size_t CobsEncoder::Finish() {
  Store(block_, static_cast<std::uint8_t>(end_ - block_));
  return end_;
}

CobsDecoded CobsDecodeInPlace(Span<std::uint8_t> bytes) {
  std::size_t read = 0;
  std::size_t write = 0;
  while (read < bytes.size()) {
    const std::size_t length = bytes[read];
    if (length == 0 || length > bytes.size() - read) return {};
    for (std::size_t i = 1; i < length; ++i) {
      // Never ahead of the reading: each block gives at most as many bytes as it takes.
      bytes[write++] = bytes[read + i];
    }
    read += length;
    if (read < bytes.size() && length != kFullBlock) bytes[write++] = 0;
  }
  return {true, write};
}

}  // namespace microfer::protocol
