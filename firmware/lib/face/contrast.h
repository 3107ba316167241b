#ifndef MICROFER_FACE_CONTRAST_H_
#define MICROFER_FACE_CONTRAST_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace microfer {

inline std::uint32_t HighProduct(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::uint32_t>((std::uint64_t{a} * b) >> 32);
}

namespace contrast_internal {

inline constexpr std::uint32_t kFirstEntry = 32;
using RootTable = std::array<std::uint16_t, 128 - kFirstEntry>;

// 1 / sqrt(x) in Q14, for x in 128ths, from the middle of each step.
constexpr RootTable MakeRootTable() {
  RootTable table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    // The largest root with root^2 * (2 * entry + 1) / 256 <= 2^28.
    const std::uint64_t middle = 2 * (i + kFirstEntry) + 1;
    std::uint64_t root = 1U << 14;
    while ((root + 1) * (root + 1) * middle <= (std::uint64_t{1} << 36)) ++root;
    table[i] = static_cast<std::uint16_t>(root);
  }
  return table;
}

inline constexpr RootTable kRootTable = MakeRootTable();

}  // namespace contrast_internal

// sqrt(number) in Q15, off by less than 2^-25 of it, without a division: a
// table's guess at 1 / sqrt, made better twice by Newton's method. number is at
// least 2^22 and below 2^32 (so that the root fits 31 bits).
inline std::uint32_t RootQ15(std::uint32_t number) {
  int half_shift = 0;
  while (number < (1U << 30)) {
    number <<= 2;
    ++half_shift;
  }
  // Now x = number / 2^32 is in 1/4..1, and y = 1 / sqrt(x) in 1..2.
  const std::size_t entry = (number >> 25) - contrast_internal::kFirstEntry;
  std::uint32_t y_q30 = std::uint32_t{contrast_internal::kRootTable[entry]} << 16;
  for (int i = 0; i < 2; ++i) {
    const std::uint32_t x_y_y_q28 = HighProduct(number, HighProduct(y_q30, y_q30));
    y_q30 = HighProduct(y_q30, (3U << 30) - (x_y_y_q28 << 2)) << 1;
  }
  // sqrt(x) = x * y, in Q30; sqrt(2^32) is 2^16, so in Q14 it is sqrt(number).
  return (HighProduct(number, y_q30) << 1) >> half_shift;
}

}  // namespace microfer

#endif  // MICROFER_FACE_CONTRAST_H_
