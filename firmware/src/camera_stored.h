#ifndef MICROFER_CAMERA_STORED_H_
#define MICROFER_CAMERA_STORED_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "board.h"
#include "capture/camera.h"
#include "freertos/FreeRTOS.h"
#include "generated/constants.h"

namespace microfer {

// A camera for a chip without one: it shows the golden pictures from flash one
// after the other, each moved about a little from frame to frame, with a pause
// without any face after each. The same frames after each start.
class CameraStored final : public Camera {
 public:
  static constexpr int kWidthPx = kMaxSearchWidthPx;
  static constexpr int kHeightPx = kMaxSearchHeightPx;
  static constexpr int kFramesPerSecond = 10;

  explicit CameraStored(const Board& /*any*/) {}

  [[nodiscard]] bool Start() override;
  CaptureOutcome Capture(GrayView& frame) override;
  void Release() override {}
  void Stop() override {}

 private:
  std::uint32_t frame_ = 0;
  TickType_t woken_ = 0;
  std::array<std::uint8_t, static_cast<std::size_t>(kWidthPx) * kHeightPx> pixels_{};
};

}  // namespace microfer

#endif  // MICROFER_CAMERA_STORED_H_
