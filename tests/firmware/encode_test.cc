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
  EXPECT(EncodeCrop(crop, InputLayout::kPlain, tensor) == EncodeOutcome::kOk);
  for (int gray = 0; gray < 256; ++gray) {
    EXPECT(tensor[static_cast<std::size_t>(gray)] == gray - 128);
  }
}

TEST(BlocksOfPixelsBecomeChannels) {
  Crop crop{};
  crop[kCropSizePx + 2] =
      255;  // row 1, column 2: of the second block of 2x2 the third pixel, of the first of 4x4 the seventh
  std::array<std::int8_t, kCropPixels> tensor{};
  EXPECT(EncodeCrop(crop, InputLayout::kSpaceToDepth2, tensor) == EncodeOutcome::kOk);
  EXPECT(tensor[4 + 2] == 127 && tensor[4 + 3] == -128);
  EXPECT(EncodeCrop(crop, InputLayout::kSpaceToDepth4, tensor) == EncodeOutcome::kOk);
  EXPECT(tensor[4 + 2] == 127 && tensor[4 + 3] == -128);
  crop = {};
  crop[4] = 255;  // row 0, column 4: the third block of 2x2, the second of 4x4
  EXPECT(EncodeCrop(crop, InputLayout::kSpaceToDepth2, tensor) == EncodeOutcome::kOk);
  EXPECT(tensor[8] == 127);
  EXPECT(EncodeCrop(crop, InputLayout::kSpaceToDepth4, tensor) == EncodeOutcome::kOk);
  EXPECT(tensor[16] == 127);
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
