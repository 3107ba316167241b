#include "tensor/encode.h"

namespace microfer {
namespace {

constexpr int BlockSidePx(InputLayout layout) {
  switch (layout) {
    case InputLayout::kPlain:
      return 1;
    case InputLayout::kSpaceToDepth2:
      return 2;
    case InputLayout::kSpaceToDepth4:
      return 4;
  }
  return 0;
}

}  // namespace

EncodeOutcome EncodeCrop(const Crop& crop, InputLayout layout, Span<std::int8_t> tensor) {
  static_assert(kInputZeroPoint == -128, "with another zero point a gray value would leave int8");
  const int side = BlockSidePx(layout);
  if (side == 0 || tensor.size() != crop.size()) {
    return EncodeOutcome::kWrongSize;
  }
  std::size_t at = 0;
  for (int top = 0; top < kCropSizePx; top += side) {
    for (int left = 0; left < kCropSizePx; left += side) {
      for (int y = top; y < top + side; ++y) {
        for (int x = left; x < left + side; ++x) {
          const std::uint8_t pixel = crop[static_cast<std::size_t>(y) * kCropSizePx + static_cast<std::size_t>(x)];
          tensor[at++] = static_cast<std::int8_t>(pixel + kInputZeroPoint);
        }
      }
    }
  }
  return EncodeOutcome::kOk;
}

}  // namespace microfer
