#include "image/halve.h"

#include <cstddef>

namespace microfer {

GrayView Halve(const GrayView& frame, Span<std::uint8_t> room) {
  const int width_px = frame.width_px / 2;
  const int height_px = frame.height_px / 2;
  if (static_cast<std::size_t>(width_px) * static_cast<std::size_t>(height_px) > room.size()) return {};
  std::uint8_t* pixel = room.data();
  for (int y = 0; y < height_px; ++y) {
    const std::uint8_t* upper = frame.row(2 * y);
    const std::uint8_t* lower = frame.row(2 * y + 1);
    for (int x = 0; x < width_px; ++x, upper += 2, lower += 2) {
      *pixel++ = static_cast<std::uint8_t>((upper[0] + upper[1] + lower[0] + lower[1] + 2) / 4);
    }
  }
  return {room.data(), width_px, height_px, width_px};
}

}  // namespace microfer
