#ifndef MICROFER_IMAGE_HALVE_H_
#define MICROFER_IMAGE_HALVE_H_

#include <cstdint>

#include "base/span.h"
#include "image/gray_view.h"

namespace microfer {

// Makes the frame half as wide and half as high: each pixel is the mean of two
// by two, rounded to the nearest, halves up. An odd last column or row is left
// out. Writes width / 2 * (height / 2) bytes into `room`, which is the caller's
// and must not overlap the frame, and returns a view of them; a view without
// pixels where they do not fit.
GrayView Halve(const GrayView& frame, Span<std::uint8_t> room);

}  // namespace microfer

#endif  // MICROFER_IMAGE_HALVE_H_
