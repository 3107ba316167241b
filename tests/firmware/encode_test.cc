#include "tensor/encode.h"

#include "check.h"

namespace microfer {
namespace {

TEST(EveryGrayValueMovesDownBy128) {
  Crop crop{};
  for (std::size_t i = 0; i < crop.size(); ++i) {
    crop[i] = static_cast<std::uint8_t>(i);
  }
  std::array<std::int8_t, kCropPixels> tensor{};
  EXPECT(EncodeCrop(crop, tensor) == EncodeOutcome::kOk);
  for (int gray = 0; gray < 256; ++gray) {
    EXPECT(tensor[static_cast<std::size_t>(gray)] == gray - 128);
  }
}

TEST(ATensorOfAnotherSizeIsRefusedAndLeftAlone) {
  const Crop crop{};
  std::array<std::int8_t, kCropPixels + 1> tensor{};
  EXPECT(EncodeCrop(crop, tensor) == EncodeOutcome::kWrongSize);
  EXPECT(EncodeCrop(crop, Span<std::int8_t>(tensor).First(kCropPixels - 1)) == EncodeOutcome::kWrongSize);
  EXPECT(tensor.front() == 0);
}

}  // namespace
}  // namespace microfer
