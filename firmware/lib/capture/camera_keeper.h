#ifndef MICROFER_CAPTURE_CAMERA_KEEPER_H_
#define MICROFER_CAPTURE_CAMERA_KEEPER_H_

#include <atomic>
#include <cstdint>

#include "base/clock.h"
#include "capture/camera.h"
#include "capture/newest_frame.h"

namespace microfer {

enum class CameraState : std::uint8_t {
  kStarting,  // not tried yet, or quick tries are left
  kRunning,   // frames come
  kStopped,   // frames came once and no longer do; it is being started again
  kMissing,   // none of the quick tries got an answer; tried again now and then
};

// How the camera fares; counts run from the board's start.
struct CameraStatus {
  CameraState state = CameraState::kStarting;
  std::uint32_t frames = 0;         // received, those of a wrong size not included
  std::uint32_t wrong_size = 0;     // dropped for their size
  std::uint32_t timeouts = 0;       // times that nothing came
  std::uint32_t restarts = 0;       // times that it was started after the first
  std::uint16_t seen_width_px = 0;  // size of the last frame that was dropped for it
  std::uint16_t seen_height_px = 0;
};

// Keeps a camera running whatever it does. It never gives up and never hurries:
// after kQuickTries failed starts the next try comes every kSlowRetryMs, so
// that a dead camera costs next to nothing and a board without one stays up.
//
// One task calls Step(); any task may read status().
class CameraKeeper {
 public:
  static constexpr int kQuickTries = 3;
  static constexpr std::uint32_t kQuickRetryMs = 200;
  static constexpr std::uint32_t kSlowRetryMs = 10'000;
  // So many captures in a row without a frame, and the camera is started again.
  static constexpr int kTimeoutsToRestart = 2;

  CameraKeeper(Camera& camera, NewestFrame& frames, Clock& clock) : camera_(camera), frames_(frames), clock_(clock) {}

  CameraKeeper(const CameraKeeper&) = delete;
  CameraKeeper& operator=(const CameraKeeper&) = delete;

  // Starts the camera where it is not running, or captures one frame. Returns
  // how many milliseconds to wait before the next step.
  [[nodiscard]] std::uint32_t Step();

  // From any task. Each number is right; together they may be a frame apart.
  [[nodiscard]] CameraStatus status() const;

 private:
  std::uint32_t Start();
  std::uint32_t Capture();
  void Deliver(const GrayView& view, std::uint64_t begin_us);
  void Enter(CameraState state) { state_.store(state, std::memory_order_relaxed); }

  Camera& camera_;
  NewestFrame& frames_;
  Clock& clock_;
  bool is_running_ = false;
  bool was_running_ = false;
  int failed_starts_ = 0;
  int timeouts_in_a_row_ = 0;

  // Written by the capturing task alone.
  std::atomic<CameraState> state_{CameraState::kStarting};
  std::atomic<std::uint32_t> received_{0};
  std::atomic<std::uint32_t> wrong_size_{0};
  std::atomic<std::uint32_t> timeouts_{0};
  std::atomic<std::uint32_t> restarts_{0};
  std::atomic<std::uint32_t> seen_size_{0};  // width, and height above it
};

}  // namespace microfer

#endif  // MICROFER_CAPTURE_CAMERA_KEEPER_H_
