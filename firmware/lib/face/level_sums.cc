#include "face/level_sums.h"

#include <algorithm>
#include <array>

namespace microfer {
namespace {

// Where a pixel of the level lies between two of the frame, along one axis.
struct Between {
  std::uint16_t first;    // the next one is the second
  std::uint16_t part_q8;  // of the second one, 0..256; the rest is the first one's
};

// The middle of pixel `index`, in the frame's pixels, rounded to 256ths with
// halves to even. The frame has at least two pixels along the axis.
Between Place(int index, int level_side_px, int frame_side_px) {
  const int whole = 2 * level_side_px;
  const int middle = (2 * index + 1) * frame_side_px - level_side_px;  // in 1 / whole of a pixel
  if (middle < 0) return {0, 0};
  const int first = middle / whole;
  if (first >= frame_side_px - 1) return {static_cast<std::uint16_t>(frame_side_px - 2), 256};
  const int scaled = (middle - first * whole) * 256;
  int part = scaled / whole;
  const int twice_rest = 2 * (scaled - part * whole);
  if (twice_rest > whole || (twice_rest == whole && part % 2 == 1)) ++part;
  return {static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(part)};
}

using Columns = std::array<Between, kMaxLevelWidthPx>;

// In 256ths.
int Mix(int first, int second, int part_q8) { return first * 256 + (second - first) * part_q8; }

// One row of the level, resized and added up in one go.
void BuildRow(const std::uint8_t* upper, const std::uint8_t* lower, int lower_part_q8, Span<const Between> columns,
              std::uint32_t* sums, std::uint32_t* squares) {
  std::uint32_t row_sum = 0;
  std::uint32_t row_squares = 0;
  for (const Between& column : columns) {
    const std::uint8_t* above = upper + column.first;
    const std::uint8_t* below = lower + column.first;
    const int above_q8 = Mix(above[0], above[1], column.part_q8);
    const int below_q8 = Mix(below[0], below[1], column.part_q8);
    const auto pixel = static_cast<std::uint32_t>(Mix(above_q8, below_q8, lower_part_q8) + (1 << 15)) >> 16;
    row_sum += pixel;
    row_squares += pixel * pixel;
    ++sums;
    ++squares;
    *sums = *(sums - kSumsStride) + row_sum;
    *squares = *(squares - kSumsStride) + row_squares;
  }
}

}  // namespace

void BuildSums(const GrayView& frame, int width_px, int height_px, Span<std::uint32_t> sums,
               Span<std::uint32_t> squares) {
  Columns room;
  const Span<Between> columns = Span<Between>(room).First(static_cast<std::size_t>(width_px));
  for (int x = 0; x < width_px; ++x) {
    columns[static_cast<std::size_t>(x)] = Place(x, width_px, frame.width_px);
  }
  std::fill_n(sums.data(), width_px + 1, 0U);
  std::fill_n(squares.data(), width_px + 1, 0U);
  for (int y = 0; y < height_px; ++y) {
    const Between row = Place(y, height_px, frame.height_px);
    const auto begin = static_cast<std::size_t>(y + 1) * kSumsStride;
    sums[begin] = 0;
    squares[begin] = 0;
    BuildRow(frame.row(row.first), frame.row(row.first + 1), row.part_q8, columns, &sums[begin], &squares[begin]);
  }
}

}  // namespace microfer
