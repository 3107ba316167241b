#ifndef MICROFER_CAPTURE_CAMERA_H_
#define MICROFER_CAPTURE_CAMERA_H_

#include <cstdint>

#include "image/gray_view.h"

namespace microfer {

enum class [[nodiscard]] CaptureOutcome : std::uint8_t{
    kFrame,
    kTimeout,  // nothing came in the driver's time, which is finite
};

// What gives gray frames: a sensor's driver on the board, stored pictures in the
// emulated chip, a picture or a video on a host. CameraKeeper alone calls it,
// from one task.
class Camera {
 public:
  // Switches on; false where nothing answers. Finite: at most a few seconds.
  [[nodiscard]] virtual bool Start() = 0;

  // Waits for the newest frame. Where the outcome is kFrame, `frame` is good
  // until Release(), which follows before anything else is called.
  virtual CaptureOutcome Capture(GrayView& frame) = 0;
  virtual void Release() = 0;

  // Switches off and gives back all that Start() took; also after a failed one.
  virtual void Stop() = 0;

 protected:
  ~Camera() = default;
};

}  // namespace microfer

#endif  // MICROFER_CAPTURE_CAMERA_H_
