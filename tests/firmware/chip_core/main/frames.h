#ifndef MICROFER_TESTS_CHIP_CORE_FRAMES_H_
#define MICROFER_TESTS_CHIP_CORE_FRAMES_H_

#include <cstddef>
#include <cstdint>

#include "base/span.h"
#include "face/face_detector.h"
#include "image/gray_view.h"

// The frames that scripts/measure.py core writes into the partition of that name,
// with the boxes that the host found on them.
namespace microfer::testing {

inline constexpr int kFrameWidthPx = 160;
inline constexpr int kFrameHeightPx = 120;
inline constexpr std::size_t kFramePixels = std::size_t{kFrameWidthPx} * kFrameHeightPx;

// On the chip as in the partition: little-endian, nothing in between.
struct ExpectedFaces {
  std::uint32_t count;  // kNotAsked: not computed
  struct {
    std::int32_t left_px, top_px, width_px, height_px, neighbours;
  } faces[kMaxFaces];
};
inline constexpr std::uint32_t kNotAsked = 0xFFFFFFFF;

struct StoredFrame {
  char kind[16];  // ends with a zero
  ExpectedFaces by_default;
  ExpectedFaces by_opencv;  // every window; what reaches over the frame's edge is cut off
  std::uint8_t pixels[kFramePixels];
};

// Empty where the partition holds none.
Span<const StoredFrame> StoredFrames();

// A copy in RAM, where a camera's frame would be; valid until the next call.
GrayView InRam(const StoredFrame& frame);

// Whether the detector found what the host did, in any order.
bool AreSame(const FoundFaces& found, const ExpectedFaces& expected, bool is_cut_off);

}  // namespace microfer::testing

#endif  // MICROFER_TESTS_CHIP_CORE_FRAMES_H_
