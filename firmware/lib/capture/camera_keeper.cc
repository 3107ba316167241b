#include "capture/camera_keeper.h"

namespace microfer {
namespace {

void Count(std::atomic<std::uint32_t>& counter) { counter.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

std::uint32_t CameraKeeper::Step() { return is_running_ ? Capture() : Start(); }

std::uint32_t CameraKeeper::Start() {
  if (was_running_) Count(restarts_);
  if (camera_.Start()) {
    is_running_ = true;
    failed_starts_ = 0;
    timeouts_in_a_row_ = 0;
    return 0;
  }
  camera_.Stop();  // a failed start may have taken something
  if (failed_starts_ < kQuickTries) ++failed_starts_;
  if (failed_starts_ < kQuickTries) return kQuickRetryMs;
  Enter(CameraState::kMissing);
  return kSlowRetryMs;
}

std::uint32_t CameraKeeper::Capture() {
  const std::uint64_t begin_us = clock_.NowUs();
  GrayView view;
  if (camera_.Capture(view) == CaptureOutcome::kFrame) {
    timeouts_in_a_row_ = 0;
    Deliver(view, begin_us);
    camera_.Release();
    return 0;
  }
  Count(timeouts_);
  if (++timeouts_in_a_row_ < kTimeoutsToRestart) return 0;
  camera_.Stop();
  is_running_ = false;
  was_running_ = true;
  Enter(CameraState::kStopped);
  return kQuickRetryMs;
}

void CameraKeeper::Deliver(const GrayView& view, std::uint64_t begin_us) {
  if (view.pixels == nullptr || view.width_px != frames_.width_px() || view.height_px != frames_.height_px() ||
      view.stride_bytes < view.width_px) {
    const auto size =
        static_cast<std::uint32_t>(view.width_px & 0xFFFF) | static_cast<std::uint32_t>(view.height_px & 0xFFFF) << 16;
    seen_size_.store(size, std::memory_order_relaxed);
    Count(wrong_size_);
    return;
  }
  Enter(CameraState::kRunning);
  CapturedFrame frame;
  frame.view = view;
  frame.number = received_.load(std::memory_order_relaxed);
  frame.capture_time_us = clock_.NowUs();
  frame.capture_us = ElapsedUs(clock_, begin_us);
  frames_.Put(frame);
  Count(received_);
}

CameraStatus CameraKeeper::status() const {
  CameraStatus status;
  status.state = state_.load(std::memory_order_relaxed);
  status.frames = received_.load(std::memory_order_relaxed);
  status.wrong_size = wrong_size_.load(std::memory_order_relaxed);
  status.timeouts = timeouts_.load(std::memory_order_relaxed);
  status.restarts = restarts_.load(std::memory_order_relaxed);
  const std::uint32_t size = seen_size_.load(std::memory_order_relaxed);
  status.seen_width_px = static_cast<std::uint16_t>(size & 0xFFFF);
  status.seen_height_px = static_cast<std::uint16_t>(size >> 16);
  return status;
}

}  // namespace microfer
