#ifndef MICROFER_FACE_CASCADE_H_
#define MICROFER_FACE_CASCADE_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/span.h"
#include "face/level_sums.h"

namespace microfer {

// Where the four corners of a rectangle lie in the sums, counted from those of
// the window's own corner: top left, top right, bottom left, bottom right.
using Corners = std::array<std::uint16_t, 4>;

constexpr Corners Rectangle(int left, int top, int width, int height) {
  const int first = top * kSumsStride + left;
  const int below = first + height * kSumsStride;
  return {static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(first + width),
          static_cast<std::uint16_t>(below), static_cast<std::uint16_t>(below + width)};
}

// What a feature takes from the sums at the corners of its parts, which lie in
// even steps: the sum over a part is one of differences between them. It comes to
// what OpenCV computes, twice or three times the bright parts less the whole
// rectangle, but each corner is read once.
enum class HaarShape : std::uint8_t {
  kThirds,         // of two columns of four corners: a bright third between two
  kHalves,         // of two columns of three: a bright half and a dark one
  kQuarters,       // of three columns of three: two bright quarters across from each other
  kOtherQuarters,  // the other two
};

// How much brighter are parts of a rectangle than the rest of it?
struct HaarFeature {
  std::uint16_t first;  // corner, counted as in Corners
  std::int16_t step;    // from one corner of a column to the next
  std::int16_t across;  // from one column to the next
  HaarShape shape;
};

constexpr HaarFeature Feature(int first, int step, int across, HaarShape shape) {
  return {static_cast<std::uint16_t>(first), static_cast<std::int16_t>(step), static_cast<std::int16_t>(across), shape};
}

// Of the rectangle that is given, the bright part is its ...
constexpr HaarFeature LowerHalf(int left, int top, int width, int height) {
  return Feature(top * kSumsStride + left + width, height / 2 * kSumsStride, -width, HaarShape::kHalves);
}

constexpr HaarFeature UpperHalf(int left, int top, int width, int height) {
  return Feature(top * kSumsStride + left, height / 2 * kSumsStride, width, HaarShape::kHalves);
}

constexpr HaarFeature RightHalf(int left, int top, int width, int height) {
  return Feature((top + height) * kSumsStride + left, width / 2, -height * kSumsStride, HaarShape::kHalves);
}

constexpr HaarFeature LeftHalf(int left, int top, int width, int height) {
  return Feature(top * kSumsStride + left, width / 2, height * kSumsStride, HaarShape::kHalves);
}

constexpr HaarFeature MiddleRow(int left, int top, int width, int height) {
  return Feature(top * kSumsStride + left, height / 3 * kSumsStride, width, HaarShape::kThirds);
}

constexpr HaarFeature MiddleColumn(int left, int top, int width, int height) {
  return Feature(top * kSumsStride + left, width / 3, height * kSumsStride, HaarShape::kThirds);
}

// The upper left quarter and the lower right one.
constexpr HaarFeature FallingQuarters(int left, int top, int width, int height) {
  return Feature(top * kSumsStride + left, height / 2 * kSumsStride, width / 2, HaarShape::kQuarters);
}

// The upper right quarter and the lower left one.
constexpr HaarFeature RisingQuarters(int left, int top, int width, int height) {
  return Feature(top * kSumsStride + left, height / 2 * kSumsStride, width / 2, HaarShape::kOtherQuarters);
}

// One question to a window: is the feature above the threshold times the
// window's contrast?
struct HaarNode {
  HaarFeature feature;
  std::int32_t threshold_q30;
  std::int32_t below_q24;  // the vote below the threshold, or kAskNext
  std::int32_t above_q24;  // the vote from it on, or kAskNext
};

// Instead of a vote, which is above 0: the tree's second node decides.
inline constexpr std::int32_t kAskNext = -1;

// Two nodes that give one vote. The votes of a stage's trees are added up and
// must reach the stage's threshold; what the trees to come can add at least and
// at most is known, so most windows need not wait for all of them. The last
// tree's two bounds are the threshold.
struct HaarTree {
  std::array<HaarNode, 2> nodes;
  std::int32_t fail_below_q24;
  std::int32_t pass_from_q24;
};

// Cascades look at windows of this side; larger faces are found in a smaller picture.
inline constexpr int kWindowSidePx = 20;

struct Cascade {
  Span<const std::uint16_t> first_trees;  // of each stage
  Span<const HaarTree> trees;             // of all stages, one after the other
};

}  // namespace microfer

#endif  // MICROFER_FACE_CASCADE_H_
