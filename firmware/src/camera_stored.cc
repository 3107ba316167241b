#include "camera_stored.h"

#include <algorithm>
#include <cstring>

#include "freertos/task.h"
#include "generated/golden.h"

namespace microfer {
namespace {

constexpr TickType_t kPeriod = pdMS_TO_TICKS(1000 / CameraStored::kFramesPerSecond);

// Of each picture so many frames, and then so many without a face.
constexpr std::uint32_t kFramesWithFace = 24;
constexpr std::uint32_t kFramesWithout = 6;
constexpr std::uint32_t kFramesPerPicture = kFramesWithFace + kFramesWithout;

// How far a picture moves to either side: little enough to keep the face inside.
constexpr int kSwayPx = 6;

// 0, 1, .. to kSwayPx, back over 0 to -kSwayPx, and again.
int Sway(std::uint32_t step) {
  const int at = static_cast<int>(step % (4 * kSwayPx));
  if (at <= kSwayPx) return at;
  return at <= 3 * kSwayPx ? 2 * kSwayPx - at : at - 4 * kSwayPx;
}

// The picture moved to the right and down; what comes in at the edges is the
// edge's own pixels.
void Move(const GoldenFrame& picture, int right_px, int down_px, std::uint8_t* to) {
  for (int y = 0; y < CameraStored::kHeightPx; ++y) {
    const int from_y = std::clamp(y - down_px, 0, picture.height_px - 1);
    const std::uint8_t* row = picture.pixels + from_y * picture.width_px;
    for (int x = 0; x < CameraStored::kWidthPx; ++x) {
      *to++ = row[std::clamp(x - right_px, 0, picture.width_px - 1)];
    }
  }
}

}  // namespace

bool CameraStored::Start() {
  woken_ = xTaskGetTickCount();
  return true;
}

CaptureOutcome CameraStored::Capture(GrayView& frame) {
  xTaskDelayUntil(&woken_, kPeriod);
  const std::uint32_t step = frame_ % kFramesPerPicture;
  const GoldenFrame& picture = kGoldenFrames[frame_ / kFramesPerPicture % kNumGoldenFrames];
  if (step < kFramesWithFace) {
    Move(picture, Sway(step), Sway(step / 2), pixels_.data());
  } else {
    std::memset(pixels_.data(), 128, pixels_.size());
  }
  ++frame_;
  frame = {pixels_.data(), kWidthPx, kHeightPx, kWidthPx};
  return CaptureOutcome::kFrame;
}

}  // namespace microfer
