#include "face/grouping.h"

#include <algorithm>
#include <cstdlib>

#include "face/rounding.h"

namespace microfer {
namespace {

bool AreSimilar(const Window& one, const Window& two) {
  const int within = std::min(one.side_px, two.side_px) / 5;
  const int left = one.left_px - two.left_px;
  const int top = one.top_px - two.top_px;
  const int side = one.side_px - two.side_px;
  return std::abs(left) <= within && std::abs(top) <= within && std::abs(left + side) <= within &&
         std::abs(top + side) <= within;
}

using Labels = std::array<std::uint16_t, kMaxWindows>;

// Gives each window the number of its group, in the order of the groups' first
// windows; returns how many there are.
std::uint16_t Label(Span<const Window> windows, Labels& labels) {
  constexpr std::uint16_t kNone = UINT16_MAX;
  std::array<std::uint16_t, kMaxWindows> to_visit;
  std::fill(labels.begin(), labels.end(), kNone);
  std::uint16_t groups = 0;
  for (std::size_t first = 0; first < windows.size(); ++first) {
    if (labels[first] != kNone) continue;
    labels[first] = groups;
    std::size_t count = 1;
    to_visit[0] = static_cast<std::uint16_t>(first);
    for (std::size_t visited = 0; visited < count; ++visited) {
      const Window& window = windows[to_visit[visited]];
      for (std::size_t other = first + 1; other < windows.size(); ++other) {
        if (labels[other] == kNone && AreSimilar(window, windows[other])) {
          labels[other] = groups;
          to_visit[count++] = static_cast<std::uint16_t>(other);
        }
      }
    }
    ++groups;
  }
  return groups;
}

struct Group {
  int left_px = 0;
  int top_px = 0;
  int side_px = 0;
  int windows = 0;
};

// OpenCV's own steps in single precision: where the mean is a half, the last
// bit of 1 / count decides.
int Mean(int sum, int count) { return RoundHalfEven(static_cast<float>(sum) * (1.0F / static_cast<float>(count))); }

Group MeanOf(Span<const Window> windows, const Labels& labels, std::uint16_t label) {
  Group sum;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    if (labels[i] != label) continue;
    sum.left_px += windows[i].left_px;
    sum.top_px += windows[i].top_px;
    sum.side_px += windows[i].side_px;
    ++sum.windows;
  }
  return {Mean(sum.left_px, sum.windows), Mean(sum.top_px, sum.windows), Mean(sum.side_px, sum.windows), sum.windows};
}

bool LiesIn(const Group& inner, const Group& outer) {
  const int slack = (2 * outer.side_px + 5) / 10;  // a fifth, to the nearest
  return inner.left_px >= outer.left_px - slack && inner.top_px >= outer.top_px - slack &&
         inner.left_px + inner.side_px <= outer.left_px + outer.side_px + slack &&
         inner.top_px + inner.side_px <= outer.top_px + outer.side_px + slack &&
         (outer.windows > std::max(3, inner.windows) || inner.windows < 3);
}

bool ComesFirst(const FoundFace& one, const FoundFace& two) {
  if (one.box.width_px != two.box.width_px) return one.box.width_px > two.box.width_px;
  if (one.box.left_px != two.box.left_px) return one.box.left_px < two.box.left_px;
  return one.box.top_px < two.box.top_px;
}

// Keeps the largest faces where there are more than there is room for.
void Insert(const FoundFace& face, FoundFaces& out) {
  std::size_t place = 0;
  while (place < out.count && ComesFirst(out.faces[place], face)) ++place;
  if (out.count == out.faces.size()) {
    out.is_truncated = true;
    if (place == out.count) return;
  } else {
    ++out.count;
  }
  for (std::size_t i = out.count - 1; i > place; --i) out.faces[i] = out.faces[i - 1];
  out.faces[place] = face;
}

}  // namespace

void GroupWindows(Span<const Window> windows, int min_neighbours, FoundFaces& out) {
  Labels labels;
  // Each has two windows or more.
  std::array<Group, kMaxWindows / 2> groups;
  const std::uint16_t labelled = Label(windows, labels);
  std::size_t count = 0;  // of those that are large enough
  for (std::uint16_t label = 0; label < labelled; ++label) {
    const Group group = MeanOf(windows, labels, label);
    if (group.windows > min_neighbours) groups[count++] = group;
  }
  out = FoundFaces{};
  for (std::size_t i = 0; i < count; ++i) {
    bool is_inside = false;
    for (std::size_t j = 0; j < count; ++j) {
      is_inside = is_inside || (j != i && LiesIn(groups[i], groups[j]));
    }
    if (!is_inside) {
      const Group& face = groups[i];
      Insert({{face.left_px, face.top_px, face.side_px, face.side_px}, face.windows}, out);
    }
  }
}

}  // namespace microfer
