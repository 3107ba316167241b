#ifndef MICROFER_CAMERA_ESP_H_
#define MICROFER_CAMERA_ESP_H_

#include <memory>

#include "board.h"
#include "capture/camera.h"
#include "esp_camera.h"
#include "generated/constants.h"

namespace microfer {

// The board's sensor behind esp32-camera: gray frames of 320x240 pixels, the
// newest one each time.
class CameraEsp final : public Camera {
 public:
  static constexpr int kWidthPx = kCameraWidthPx;
  static constexpr int kHeightPx = kCameraHeightPx;

  explicit CameraEsp(const Board& board) : pins_(board.camera), is_upside_down_(board.is_camera_upside_down) {}

  [[nodiscard]] bool Start() override;
  CaptureOutcome Capture(GrayView& frame) override;  // waits at most the driver's 4 seconds
  void Release() override;
  void Stop() override;

 private:
  struct GiveBack {
    void operator()(camera_fb_t* frame) const { esp_camera_fb_return(frame); }
  };

  CameraPins pins_;
  bool is_upside_down_;
  std::unique_ptr<camera_fb_t, GiveBack> frame_;  // the driver's, while it is looked at
};

}  // namespace microfer

#endif  // MICROFER_CAMERA_ESP_H_
