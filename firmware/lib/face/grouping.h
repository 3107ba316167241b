#ifndef MICROFER_FACE_GROUPING_H_
#define MICROFER_FACE_GROUPING_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/span.h"
#include "face/face_detector.h"

namespace microfer {

// A window in which the cascade saw a face, in the frame's pixels.
struct Window {
  std::int16_t left_px;
  std::int16_t top_px;
  std::int16_t side_px;
};

// More in one frame are left out, which FoundFaces::is_truncated says. Every
// pair of them is compared.
inline constexpr std::size_t kMaxWindows = 256;

// A face is seen in many windows that differ a little. Puts those together whose
// edges are within a fifth of their side, directly or by way of others; the mean
// of a group with more than `min_neighbours` windows is a face, unless it lies in
// that of a much larger group. As OpenCV's groupRectangles with eps = 0.2.
// windows.size() <= kMaxWindows; min_neighbours >= 1. Overwrites `out`.
void GroupWindows(Span<const Window> windows, int min_neighbours, FoundFaces& out);

}  // namespace microfer

#endif  // MICROFER_FACE_GROUPING_H_
