#ifndef MICROFER_IMAGE_OVERLAP_H_
#define MICROFER_IMAGE_OVERLAP_H_

#include <algorithm>

#include "image/gray_view.h"

namespace microfer {

// How much of the area that two boxes cover together is covered by both, in
// percent, rounded down ("intersection over union"). 0 where they only touch.
// Boxes of a frame: no product here leaves an int.
constexpr int SharedPercent(const Box& one, const Box& two) {
  const int width =
      std::min(one.left_px + one.width_px, two.left_px + two.width_px) - std::max(one.left_px, two.left_px);
  const int height =
      std::min(one.top_px + one.height_px, two.top_px + two.height_px) - std::max(one.top_px, two.top_px);
  if (width <= 0 || height <= 0) return 0;
  const int both = width * height;
  return 100 * both / (one.width_px * one.height_px + two.width_px * two.height_px - both);
}

}  // namespace microfer

#endif  // MICROFER_IMAGE_OVERLAP_H_
