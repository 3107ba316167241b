#include "image/crop.h"

#include <algorithm>

namespace microfer {
namespace {

// One side of the box is measured in parts: a source pixel is kCropSizePx parts
// long and a cell as many parts as the box has pixels. So both begin and end at
// whole parts, whatever the size of the box.
constexpr int kPartsPerPixel = kCropSizePx;

// One cell along one axis, in pixels of the frame: the pixel `first` counts by
// `first_parts`, the pixels begin..end-1 in full, the pixel `last` by
// `last_parts`. What lies beyond the frame is counted at its edge pixel, so
// every index is inside.
struct Cell {
  std::int16_t first, last, begin, end, first_parts, last_parts;
};

Cell CellAt(int index, int box_begin_px, int box_side_px, int frame_side_px) {
  const int begin_part = index * box_side_px;
  const int end_part = begin_part + box_side_px;
  int first = begin_part / kPartsPerPixel;
  int last = end_part / kPartsPerPixel;
  int first_parts = box_side_px;
  int last_parts = 0;
  if (first != last) {
    first_parts = kPartsPerPixel - begin_part % kPartsPerPixel;
    last_parts = end_part % kPartsPerPixel;
  }
  const int full_begin = box_begin_px + first + 1;
  const int full_end = std::max(full_begin, box_begin_px + last);
  const int begin = std::clamp(full_begin, 0, frame_side_px);
  const int end = std::clamp(full_end, 0, frame_side_px);
  // Full pixels beyond an edge: those before the frame go to its first pixel,
  // which `first` is then; those after it to its last pixel, which `last` is.
  const int before = std::min(full_end, 0) - std::min(full_begin, 0);
  const int after = std::max(full_end, frame_side_px) - std::max(full_begin, frame_side_px);
  first = std::clamp(box_begin_px + first, 0, frame_side_px - 1);
  last = std::clamp(box_begin_px + last, 0, frame_side_px - 1);
  first_parts += before * kPartsPerPixel;
  last_parts += after * kPartsPerPixel;
  return {static_cast<std::int16_t>(first),       static_cast<std::int16_t>(last),
          static_cast<std::int16_t>(begin),       static_cast<std::int16_t>(end),
          static_cast<std::int16_t>(first_parts), static_cast<std::int16_t>(last_parts)};
}

using Cells = std::array<Cell, kCropSizePx>;
using Sums = std::array<std::uint32_t, kCropSizePx>;

// The sums over the columns of one source row, remembered: where a source row
// lies in two rows of cells, it is the last one asked for and the next one too.
class RowSums {
 public:
  RowSums(const GrayView& frame, const Cells& columns) : frame_(frame), columns_(columns) {}

  const Sums& At(int y_px) {
    if (y_px != y_px_) {
      y_px_ = y_px;
      Compute(frame_.row(y_px));
    }
    return sums_;
  }

 private:
  void Compute(const std::uint8_t* row) {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const Cell& cell = columns_[i];
      std::uint32_t full = 0;
      for (const std::uint8_t* pixel = row + cell.begin; pixel < row + cell.end; ++pixel) {
        full += *pixel;
      }
      sums_[i] = full * kPartsPerPixel + static_cast<std::uint32_t>(cell.first_parts) * row[cell.first] +
                 static_cast<std::uint32_t>(cell.last_parts) * row[cell.last];
    }
  }

  const GrayView& frame_;
  const Cells& columns_;
  int y_px_ = -1;
  Sums sums_{};
};

void AddRow(const Sums& row, int parts, Sums& cells) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    cells[i] += static_cast<std::uint32_t>(parts) * row[i];
  }
}

// Divides sums by the area of a cell, to the nearest, halves up, without a
// division each: the ESP32-S3 multiplies 32 by 32 bits faster than it divides.
class Divider {
 public:
  explicit Divider(std::uint32_t area) : area_(area), reciprocal_(UINT32_MAX / area) {}

  // sum <= 255 * area; area <= 2^24, so that sum + area / 2 fits 32 bits.
  [[nodiscard]] std::uint8_t Round(std::uint32_t sum) const {
    const std::uint32_t value = sum + area_ / 2;
    // The reciprocal is short of 2^32 / area by less than 1 + 1 / area, which
    // makes the product short by less than one, as value < 2^32: the quotient is
    // right or one too small.
    auto quotient = static_cast<std::uint32_t>((std::uint64_t{value} * reciprocal_) >> 32);
    if (value - quotient * area_ >= area_) {
      ++quotient;
    }
    return static_cast<std::uint8_t>(quotient);
  }

 private:
  std::uint32_t area_;
  std::uint32_t reciprocal_;
};

bool IsSide(int side_px, int largest_px) { return side_px >= 1 && side_px <= largest_px; }

CropOutcome Check(const GrayView& frame, const Box& box) {
  if (frame.pixels == nullptr || !IsSide(frame.width_px, kMaxFrameSidePx) ||
      !IsSide(frame.height_px, kMaxFrameSidePx) || frame.stride_bytes < frame.width_px) {
    return CropOutcome::kBadFrame;
  }
  if (!IsSide(box.width_px, kMaxBoxSidePx) || !IsSide(box.height_px, kMaxBoxSidePx)) {
    return CropOutcome::kBadBox;
  }
  // Written so that no corner, however far away, overflows.
  if (box.left_px >= frame.width_px || box.left_px <= -box.width_px || box.top_px >= frame.height_px ||
      box.top_px <= -box.height_px) {
    return CropOutcome::kOutside;
  }
  return CropOutcome::kOk;
}

}  // namespace

CropOutcome CropResize(const GrayView& frame, const Box& box, Crop& out) {
  const CropOutcome outcome = Check(frame, box);
  if (outcome != CropOutcome::kOk) {
    return outcome;
  }
  Cells columns;
  for (int i = 0; i < kCropSizePx; ++i) {
    columns[static_cast<std::size_t>(i)] = CellAt(i, box.left_px, box.width_px, frame.width_px);
  }
  RowSums rows(frame, columns);
  const Divider by_area(static_cast<std::uint32_t>(box.width_px) * static_cast<std::uint32_t>(box.height_px));
  auto pixel = out.begin();
  for (int i = 0; i < kCropSizePx; ++i) {
    const Cell cell = CellAt(i, box.top_px, box.height_px, frame.height_px);
    Sums sums{};
    AddRow(rows.At(cell.first), cell.first_parts, sums);
    for (int y = cell.begin; y < cell.end; ++y) {
      AddRow(rows.At(y), kPartsPerPixel, sums);
    }
    if (cell.last_parts > 0) {
      AddRow(rows.At(cell.last), cell.last_parts, sums);
    }
    for (const std::uint32_t sum : sums) {
      *pixel++ = by_area.Round(sum);
    }
  }
  return CropOutcome::kOk;
}

}  // namespace microfer
