#include "protocol/frame_writer.h"

#include <array>
#include <cmath>
#include <cstring>

#include "protocol/crc32.h"

namespace microfer::protocol {
namespace {

constexpr std::size_t kDelimiters = 2;

// What is left of the buffer between the two delimiters.
Span<std::uint8_t> Inside(Span<std::uint8_t> out) {
  if (out.size() < kDelimiters) return {};
  return {out.data() + 1, out.size() - kDelimiters};
}

}  // namespace

FrameWriter::FrameWriter(Span<std::uint8_t> out, std::uint8_t version, std::uint8_t type, std::uint16_t sequence)
    : out_(out), encoder_(Inside(out)) {
  Unsigned(version, 1);
  Unsigned(type, 1);
  Unsigned(sequence, 2);
}

void FrameWriter::Unsigned(std::uint64_t value, std::size_t size_bytes) {
  std::array<std::uint8_t, 8> bytes{};
  for (std::size_t i = 0; i < size_bytes; ++i) {
    bytes[i] = static_cast<std::uint8_t>(value >> (8 * i));
  }
  Put({bytes.data(), size_bytes});
}

void FrameWriter::Real(float value) {
  static_assert(sizeof(float) == sizeof(std::uint32_t), "the wire carries IEEE 754 single precision");
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  is_good_ = is_good_ && std::isfinite(value);
  Unsigned(bits, sizeof(bits));
}

void FrameWriter::Text(const char* text, std::size_t size_bytes) {
  std::size_t position = 0;
  for (; position < size_bytes && text[position] != '\0'; ++position) {
    const char character = text[position];
    const bool is_printable = character >= ' ' && character <= '~';
    Unsigned(static_cast<std::uint8_t>(is_printable ? character : '?'), 1);
  }
  for (; position < size_bytes; ++position) Unsigned(0, 1);
}

void FrameWriter::Data(Span<const std::uint8_t> bytes, std::size_t size_bytes) {
  is_good_ = is_good_ && bytes.size() == size_bytes;
  if (is_good_) Put(bytes);
}

EncodeOutcome FrameWriter::Finish(std::size_t& size_bytes) {
  Unsigned(crc_, 4);
  const std::size_t encoded_bytes = encoder_.Finish();
  if (!is_good_) return EncodeOutcome::kBadValue;
  if (!encoder_.fits() || out_.size() < kDelimiters) return EncodeOutcome::kTooSmall;
  out_[0] = 0;
  out_[encoded_bytes + 1] = 0;
  size_bytes = encoded_bytes + kDelimiters;
  return EncodeOutcome::kOk;
}

void FrameWriter::Put(Span<const std::uint8_t> bytes) {
  crc_ = Crc32(bytes, crc_);
  encoder_.Put(bytes);
}

}  // namespace microfer::protocol
