#ifndef MICROFER_IMAGE_CROP_H_
#define MICROFER_IMAGE_CROP_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "generated/constants.h"
#include "generated/contract.h"
#include "image/gray_view.h"

namespace microfer {

// The face as the network takes it: gray, row by row from the top left.
inline constexpr std::size_t kCropPixels = static_cast<std::size_t>(kCropSizePx) * kCropSizePx;
using Crop = std::array<std::uint8_t, kCropPixels>;

enum class [[nodiscard]] CropOutcome : std::uint8_t{
    kOk,
    // Larger ones than these are refused, so that every sum fits 32 bits.
    kBadFrame,  // no pixels, a side outside 1..kMaxFrameSidePx, or rows that overlap
    kBadBox,    // a side outside 1..kMaxBoxSidePx
    kOutside,   // the box does not touch the frame
};

// Cuts `box` out of `frame` and resizes it to the crop by averaging areas: the
// box is divided into equal cells, and a pixel of the crop is the mean of the
// area that its cell covers, source pixels counted by the part of them that
// lies in it, rounded to the nearest gray value, halves up. Integer arithmetic
// that is exact for every frame and box, so each compiler and processor gives
// the same bytes; host/microfer/oracle/crop.py says the same in NumPy.
//
// Where the box leaves the frame, the frame's edge pixels are repeated. Work
// grows with the part of the box that lies inside.
//
// `out` is the caller's. It is overwritten where the outcome is kOk and left
// alone otherwise; it must not share memory with the frame.
CropOutcome CropResize(const GrayView& frame, const Box& box, Crop& out);

}  // namespace microfer

#endif  // MICROFER_IMAGE_CROP_H_
