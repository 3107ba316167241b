#include "tensor/encode.h"

#include <cstddef>

namespace microfer {
namespace {

// The side of the blocks that lie in the tensor one after the other, each row by
// row; the plain layout is one block.
constexpr int BlockSidePx(InputLayout layout) {
  switch (layout) {
    case InputLayout::kPlain:
      return kCropSizePx;
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
  std::int8_t* out = tensor.data();
  for (int top = 0; top < kCropSizePx; top += side) {
    for (int left = 0; left < kCropSizePx; left += side) {
      const std::uint8_t* row = crop.data() + static_cast<std::ptrdiff_t>(top) * kCropSizePx + left;
      for (int y = 0; y < side; ++y, row += kCropSizePx) {
        for (int x = 0; x < side; ++x) *out++ = static_cast<std::int8_t>(row[x] + kInputZeroPoint);
      }
    }
  }
  return EncodeOutcome::kOk;
}

}  // namespace microfer
