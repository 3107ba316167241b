// Any box of any frame: refused, or pixels between the frame's darkest and brightest.
#include "image/crop.h"

#include <algorithm>
#include <vector>

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace microfer;  // NOLINT: this function is about nothing else
  fuzz::Input input(data, size);
  const auto wild = input.Take<std::uint8_t>();
  GrayView frame;
  frame.width_px = (wild & 1) == 0 ? input.Between(1, 70) : input.Take<std::int32_t>();
  frame.height_px = (wild & 2) == 0 ? input.Between(1, 70) : input.Take<std::int32_t>();
  frame.stride_bytes = (wild & 4) == 0 ? frame.width_px : input.Take<std::int32_t>();
  Box box;
  box.left_px = (wild & 8) == 0 ? input.Between(-90, 90) : input.Take<std::int32_t>();
  box.top_px = (wild & 8) == 0 ? input.Between(-90, 90) : input.Take<std::int32_t>();
  box.width_px = (wild & 16) == 0 ? input.Between(0, 200) : input.Take<std::int32_t>();
  box.height_px = (wild & 32) == 0 ? input.Between(0, 200) : input.Take<std::int32_t>();

  // Exactly as many bytes as the frame has; one that is refused needs none.
  const bool is_frame = frame.width_px >= 1 && frame.height_px >= 1 && frame.width_px <= kMaxFrameSidePx &&
                        frame.height_px <= kMaxFrameSidePx && frame.stride_bytes >= frame.width_px;
  if (is_frame && frame.stride_bytes > 4096) return 0;  // rows further apart than memory is worth
  std::vector<std::uint8_t> pixels(1);
  if (is_frame) {
    const auto rows = static_cast<std::size_t>(frame.height_px - 1);
    pixels.resize(rows * static_cast<std::size_t>(frame.stride_bytes) + static_cast<std::size_t>(frame.width_px));
    const auto given = input.rest();
    for (std::size_t i = 0; i < pixels.size() && !given.empty(); ++i) pixels[i] = given[i % given.size()];
  }
  frame.pixels = pixels.data();
  Crop crop;
  crop.fill(77);
  const CropOutcome outcome = CropResize(frame, box, crop);
  MUST_HOLD(is_frame || outcome == CropOutcome::kBadFrame);
  if (outcome != CropOutcome::kOk) {
    MUST_HOLD(std::all_of(crop.begin(), crop.end(), [](std::uint8_t pixel) { return pixel == 77; }));
    return 0;
  }
  const auto [darkest, brightest] = std::minmax_element(pixels.begin(), pixels.end());
  for (const std::uint8_t pixel : crop) MUST_HOLD(pixel >= *darkest && pixel <= *brightest);
  return 0;
}
