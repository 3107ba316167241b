#ifndef MICROFER_FACE_LEVEL_SUMS_H_
#define MICROFER_FACE_LEVEL_SUMS_H_

#include <cstddef>
#include <cstdint>

#include "base/span.h"
#include "image/gray_view.h"

namespace microfer {

// A frame made smaller, as sums: element (x, y) is the sum of all its pixels
// left of x and above y, so that four elements give the sum over any rectangle.
// The size of a row is fixed, so that a rectangle's corners are constants.
inline constexpr int kSumsStride = 76;
inline constexpr int kMaxSumsRows = 57;
inline constexpr int kMaxLevelWidthPx = kSumsStride - 1;
inline constexpr int kMaxLevelHeightPx = kMaxSumsRows - 1;
inline constexpr std::size_t kSumsElements = std::size_t{kSumsStride} * kMaxSumsRows;

// Fills `sums` with those of the frame's pixels and `squares` with those of
// their squares (modulo 2^32), after resizing it to width_px x height_px (at
// most kMaxLevelWidthPx x kMaxLevelHeightPx, and smaller than the frame) by
// bilinear interpolation: the same pixels as OpenCV's INTER_LINEAR_EXACT.
// Each Span holds kSumsElements.
void BuildSums(const GrayView& frame, int width_px, int height_px, Span<std::uint32_t> sums,
               Span<std::uint32_t> squares);

}  // namespace microfer

#endif  // MICROFER_FACE_LEVEL_SUMS_H_
