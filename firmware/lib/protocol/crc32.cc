#include "protocol/crc32.h"

#include <array>
#include <cstddef>

namespace microfer::protocol {
namespace {

constexpr std::uint32_t kPolynomial = 0xEDB88320U;

constexpr std::array<std::uint32_t, 256> MakeTable() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t index = 0; index < 256; ++index) {
    std::uint32_t value = index;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value >> 1) ^ ((value & 1U) != 0 ? kPolynomial : 0U);
    }
    table[index] = value;
  }
  return table;
}

// What one byte does to the register: 1 KiB in flash for a loop of one lookup.
constexpr std::array<std::uint32_t, 256> kTable = MakeTable();

}  // namespace

std::uint32_t Crc32(Span<const std::uint8_t> bytes, std::uint32_t crc) {
  std::uint32_t value = ~crc;
  for (const std::uint8_t byte : bytes) {
    value = (value >> 8) ^ kTable[(value ^ byte) & 0xFFU];
  }
  return ~value;
}

}  // namespace microfer::protocol
