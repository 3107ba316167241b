#include "tensor/encode.h"

#include <algorithm>

namespace microfer {

EncodeOutcome EncodeCrop(const Crop& crop, Span<std::int8_t> tensor) {
  static_assert(kInputLayout == InputLayout::kPlain, "write the encoder of this model's input layout first");
  static_assert(kInputZeroPoint == -128, "with another zero point a gray value would leave int8");
  if (tensor.size() != crop.size()) {
    return EncodeOutcome::kWrongSize;
  }
  std::transform(crop.begin(), crop.end(), tensor.begin(),
                 [](std::uint8_t pixel) { return static_cast<std::int8_t>(pixel + kInputZeroPoint); });
  return EncodeOutcome::kOk;
}

}  // namespace microfer
