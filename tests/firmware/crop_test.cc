#include "image/crop.h"

#include <array>
#include <climits>

#include "check.h"

namespace microfer {
namespace {

constexpr int kSide = kCropSizePx;

template <std::size_t kSize>
GrayView View(const std::array<std::uint8_t, kSize>& pixels, int width_px, int height_px) {
  return {pixels.data(), width_px, height_px, width_px};
}

// Every pixel differs from its neighbours.
template <std::size_t kSize>
std::array<std::uint8_t, kSize> Pattern() {
  std::array<std::uint8_t, kSize> pixels{};
  for (std::size_t i = 0; i < kSize; ++i) {
    pixels[i] = static_cast<std::uint8_t>(i * 37 + i / 48);
  }
  return pixels;
}

TEST(ACropOfItsOwnSizeIsACopy) {
  const auto pixels = Pattern<kCropPixels>();
  Crop crop{};
  EXPECT(CropResize(View(pixels, kSide, kSide), {0, 0, kSide, kSide}, crop) == CropOutcome::kOk);
  EXPECT(crop == pixels);
}

TEST(TwoByTwoPixelsBecomeTheirMeanHalvesUp) {
  constexpr int kTwice = 2 * kSide;
  std::array<std::uint8_t, std::size_t{kTwice} * kTwice> pixels{};
  pixels[0] = 1;           // 1 + 0 + 0 + 0: a quarter, down
  pixels[2] = 1;           // and
  pixels[kTwice + 3] = 1;  // another: a half, up
  Crop crop{};
  EXPECT(CropResize(View(pixels, kTwice, kTwice), {0, 0, kTwice, kTwice}, crop) == CropOutcome::kOk);
  EXPECT(crop[0] == 0);
  EXPECT(crop[1] == 1);
}

TEST(AFractionOfAPixelCountsAsThatFraction) {
  // 72 columns into 48: each cell is a pixel and a half.
  std::array<std::uint8_t, 72> pixels{};
  pixels[1] = 240;  // half in cell 0, half in cell 1: 240 * 1/2 / (3/2) = 80
  Crop crop{};
  EXPECT(CropResize(View(pixels, 72, 1), {0, 0, 72, 1}, crop) == CropOutcome::kOk);
  EXPECT(crop[0] == 80);
  EXPECT(crop[1] == 80);
  EXPECT(crop[2] == 0);
}

TEST(OnePixelFillsTheCrop) {
  const std::array<std::uint8_t, 1> pixel{201};
  Crop crop{};
  EXPECT(CropResize(View(pixel, 1, 1), {0, 0, 1, 1}, crop) == CropOutcome::kOk);
  EXPECT(crop.front() == 201 && crop.back() == 201);
}

TEST(TheLargestBoxOfWhiteStaysWhite) {
  const std::array<std::uint8_t, 1> white{255};
  Crop crop{};
  const Box largest{-4000, -95, kMaxBoxSidePx, kMaxBoxSidePx};
  EXPECT(CropResize(View(white, 1, 1), largest, crop) == CropOutcome::kOk);
  for (const std::uint8_t pixel : crop) {
    EXPECT(pixel == 255);
  }
}

TEST(WhereTheBoxLeavesTheFrameItsEdgeIsRepeated) {
  const std::array<std::uint8_t, 4> pixels{10, 20, 30, 40};
  Crop crop{};
  // Pixel (0, 0) of the frame lies at (24, 24) of the crop.
  EXPECT(CropResize(View(pixels, 2, 2), {-24, -24, kSide, kSide}, crop) == CropOutcome::kOk);
  EXPECT(crop.front() == 10);
  EXPECT(crop[kSide - 1] == 20);
  EXPECT(crop[kCropPixels - kSide] == 30);
  EXPECT(crop.back() == 40);
  EXPECT(crop[24 * kSide + 24] == 10 && crop[24 * kSide + 25] == 20);
}

TEST(RowsMayBeFurtherApartThanTheyAreLong) {
  const auto pixels = Pattern<2 * kCropPixels>();
  Crop crop{};
  const GrayView frame{pixels.data(), kSide, kSide, 2 * kSide};
  EXPECT(CropResize(frame, {0, 0, kSide, kSide}, crop) == CropOutcome::kOk);
  EXPECT(crop[kSide] == pixels[std::size_t{2} * kSide]);
}

TEST(ABoxBesideTheFrameIsRefusedAndTheCropLeftAlone) {
  const auto pixels = Pattern<kCropPixels>();
  const GrayView frame = View(pixels, kSide, kSide);
  Crop crop;
  crop.fill(99);
  const Crop before = crop;
  for (const Box& box : {Box{kSide, 0, 9, 9}, Box{-9, 0, 9, 9}, Box{0, kSide, 9, 9}, Box{0, -9, 9, 9},
                         Box{INT_MAX, 0, 9, 9}, Box{INT_MIN, 0, 9, 9}, Box{0, INT_MIN, 4096, 4096}}) {
    EXPECT(CropResize(frame, box, crop) == CropOutcome::kOutside);
  }
  EXPECT(crop == before);
}

TEST(ABoxWithoutAnAreaOrTooLargeIsRefused) {
  const auto pixels = Pattern<kCropPixels>();
  Crop crop{};
  for (const Box& box : {Box{0, 0, 0, 9}, Box{0, 0, 9, 0}, Box{0, 0, -9, 9}, Box{0, 0, INT_MIN, 9},
                         Box{0, 0, kMaxBoxSidePx + 1, 9}, Box{0, 0, 9, INT_MAX}}) {
    EXPECT(CropResize(View(pixels, kSide, kSide), box, crop) == CropOutcome::kBadBox);
  }
}

TEST(AFrameThatCannotBeIsRefused) {
  const auto pixels = Pattern<kCropPixels>();
  Crop crop{};
  for (const GrayView& frame :
       {GrayView{nullptr, 48, 48, 48}, GrayView{pixels.data(), 0, 48, 48}, GrayView{pixels.data(), 48, -1, 48},
        GrayView{pixels.data(), 48, 48, 47}, GrayView{pixels.data(), kMaxFrameSidePx + 1, 1, 4096}}) {
    EXPECT(CropResize(frame, {0, 0, 9, 9}, crop) == CropOutcome::kBadFrame);
  }
}

}  // namespace
}  // namespace microfer
