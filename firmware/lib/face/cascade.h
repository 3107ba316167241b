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

// One question to a window: how much brighter is a part of a rectangle than the
// whole? It weighs part_weight * part - whole, with a second part where `second`
// is not 0, against the threshold times the window's contrast.
struct HaarNode {
  Corners whole;
  Corners part;
  std::int32_t threshold_q30;
  std::int32_t below_q24;  // the vote below the threshold, or kAskNext
  std::int32_t above_q24;  // the vote from it on, or kAskNext
  std::int16_t part_weight;
  std::uint16_t second;  // 1 + index into Cascade::second_parts
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
  Span<const Corners> second_parts;
};

}  // namespace microfer

#endif  // MICROFER_FACE_CASCADE_H_
