#ifndef MICROFER_IMAGE_GRAY_VIEW_H_
#define MICROFER_IMAGE_GRAY_VIEW_H_

#include <cstddef>
#include <cstdint>

namespace microfer {

// A gray picture that somebody else owns, 8 bits a pixel, row by row from the
// top left. Read only: it may look straight into the camera's frame buffer,
// and is good for as long as that buffer is.
struct GrayView {
  const std::uint8_t* pixels = nullptr;
  int width_px = 0;
  int height_px = 0;
  int stride_bytes = 0;  // from one row's first pixel to the next one's, at least width_px

  [[nodiscard]] const std::uint8_t* row(int y_px) const {
    return pixels + static_cast<std::ptrdiff_t>(y_px) * stride_bytes;
  }

  // Whether there are pixels, and each row's lie within it.
  [[nodiscard]] bool is_frame() const {
    return pixels != nullptr && width_px >= 1 && height_px >= 1 && stride_bytes >= width_px;
  }
};

// A rectangle in the pixels of a frame; it may reach over the frame's edges.
struct Box {
  int left_px = 0;
  int top_px = 0;
  int width_px = 0;
  int height_px = 0;
};

}  // namespace microfer

#endif  // MICROFER_IMAGE_GRAY_VIEW_H_
