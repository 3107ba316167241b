#include <algorithm>
#include <array>
#include <thread>

#include "capture/camera_keeper.h"
#include "capture/newest_frame.h"
#include "check.h"
#include "fakes.h"

namespace microfer {
namespace {

using testing::FakeCamera;
using testing::FakeClock;
using testing::kFrameHeightPx;
using testing::kFrameWidthPx;

constexpr std::size_t kFramePixels = std::size_t{kFrameWidthPx} * kFrameHeightPx;

struct Kept {
  std::array<std::uint8_t, NewestFrame::kBuffers * kFramePixels> storage{};
  NewestFrame frames{storage, kFrameWidthPx, kFrameHeightPx};
  FakeCamera camera;
  FakeClock clock;
  CameraKeeper keeper{camera, frames, clock};
};

TEST(TheNewestFrameIsTakenOnce) {
  Kept kept;
  EXPECT(kept.frames.Take() == nullptr);
  EXPECT(kept.keeper.Step() == 0);  // starts
  EXPECT(kept.frames.Take() == nullptr);
  EXPECT(kept.keeper.Step() == 0);
  EXPECT(kept.keeper.Step() == 0);
  const CapturedFrame* frame = kept.frames.Take();
  EXPECT(frame != nullptr && frame->number == 1 && frame->view.row(kFrameHeightPx - 1)[kFrameWidthPx - 1] == 2);
  EXPECT(frame != nullptr && frame->capture_us > 0 && frame->capture_time_us > 0);
  EXPECT(kept.frames.Take() == nullptr);
  EXPECT(kept.frames.replaced() == 1);
}

TEST(AFrameThatIsLookedAtStaysAsItIs) {
  Kept kept;
  for (int i = 0; i < 2; ++i) (void)kept.keeper.Step();
  const CapturedFrame* frame = kept.frames.Take();
  for (int i = 0; i < 5; ++i) (void)kept.keeper.Step();
  EXPECT(frame != nullptr && frame->number == 0 && frame->view.pixels[0] == 1);
  EXPECT(kept.camera.held == 0);
}

TEST(RowsThatLieApartAreCopiedWithoutTheirGaps) {
  std::array<std::uint8_t, 12> storage{};
  NewestFrame frames(storage, 2, 2);
  const std::array<std::uint8_t, 6> pixels{1, 2, 9, 3, 4, 9};
  frames.Put({{pixels.data(), 2, 2, 3}, 0, 0, 0});
  const CapturedFrame* frame = frames.Take();
  EXPECT(frame != nullptr && frame->view.stride_bytes == 2);
  EXPECT(frame != nullptr && frame->view.row(1)[0] == 3 && frame->view.row(1)[1] == 4);
}

// Every pixel of a frame holds the frame's number, so a mixed one shows.
TEST(TwoTasksNeverSeeHalfAFrame) {
  constexpr int kSide = 32;
  constexpr std::uint32_t kFrames = 20'000;
  static std::array<std::uint8_t, NewestFrame::kBuffers * kSide * kSide> storage{};
  NewestFrame frames(storage, kSide, kSide);
  std::thread writer([&frames] {
    std::array<std::uint8_t, std::size_t{kSide} * kSide> pixels{};
    for (std::uint32_t number = 0; number < kFrames; ++number) {
      pixels.fill(static_cast<std::uint8_t>(number));
      frames.Put({{pixels.data(), kSide, kSide, kSide}, number, 0, 0});
    }
  });
  std::uint32_t taken = 0;
  std::uint32_t mixed = 0;
  std::uint32_t backwards = 0;
  std::uint32_t last = 0;
  while (last != kFrames - 1) {
    const CapturedFrame* frame = frames.Take();
    if (frame == nullptr) {
      std::this_thread::yield();
      continue;
    }
    const auto expected = static_cast<std::uint8_t>(frame->number);
    const std::uint8_t* end = frame->view.pixels + std::size_t{kSide} * kSide;
    if (std::any_of(frame->view.pixels, end, [=](std::uint8_t pixel) { return pixel != expected; })) ++mixed;
    if (taken > 0 && frame->number <= last) ++backwards;
    last = frame->number;
    ++taken;
  }
  writer.join();
  EXPECT(mixed == 0);
  EXPECT(backwards == 0);
  EXPECT(taken + frames.replaced() == kFrames);
}

TEST(ACameraThatNeverAnswersIsReportedAndTriedNowAndThen) {
  Kept kept;
  kept.camera.answers = false;
  EXPECT(kept.keeper.Step() == CameraKeeper::kQuickRetryMs);
  EXPECT(kept.keeper.status().state == CameraState::kStarting);
  EXPECT(kept.keeper.Step() == CameraKeeper::kQuickRetryMs);
  for (int i = 0; i < 100; ++i) {
    EXPECT(kept.keeper.Step() == CameraKeeper::kSlowRetryMs);
    EXPECT(kept.keeper.status().state == CameraState::kMissing);
  }
  EXPECT(kept.camera.stops == kept.camera.starts);

  kept.camera.answers = true;  // somebody has seated the ribbon cable
  EXPECT(kept.keeper.Step() == 0);
  EXPECT(kept.keeper.Step() == 0);
  EXPECT(kept.keeper.status().state == CameraState::kRunning && kept.frames.Take() != nullptr);
}

TEST(ACameraThatStopsIsStartedAgain) {
  Kept kept;
  for (int i = 0; i < 3; ++i) (void)kept.keeper.Step();
  kept.camera.sends = false;
  EXPECT(kept.keeper.Step() == 0);  // one time-out is waited out
  EXPECT(kept.keeper.status().state == CameraState::kRunning);
  EXPECT(kept.keeper.Step() == CameraKeeper::kQuickRetryMs);
  EXPECT(kept.keeper.status().state == CameraState::kStopped && kept.camera.stops == 1);
  kept.camera.sends = true;
  for (int i = 0; i < 2; ++i) EXPECT(kept.keeper.Step() == 0);
  const CameraStatus status = kept.keeper.status();
  EXPECT(status.state == CameraState::kRunning && status.restarts == 1 && status.timeouts == 2 && status.frames == 3);
}

TEST(QuickTriesAreCountedAnewAfterEachStart) {
  Kept kept;
  kept.camera.answers = false;
  for (int i = 0; i < CameraKeeper::kQuickTries - 1; ++i) EXPECT(kept.keeper.Step() == CameraKeeper::kQuickRetryMs);
  kept.camera.answers = true;
  for (int i = 0; i < 2; ++i) EXPECT(kept.keeper.Step() == 0);
  kept.camera.answers = kept.camera.sends = false;
  for (int i = 0; i < CameraKeeper::kTimeoutsToRestart; ++i) (void)kept.keeper.Step();
  for (int i = 0; i < CameraKeeper::kQuickTries - 1; ++i) EXPECT(kept.keeper.Step() == CameraKeeper::kQuickRetryMs);
  EXPECT(kept.keeper.status().state == CameraState::kStopped);
  EXPECT(kept.keeper.Step() == CameraKeeper::kSlowRetryMs);
}

TEST(TimeoutsWithFramesBetweenThemDoNotRestartTheCamera) {
  Kept kept;
  for (int i = 0; i < 2; ++i) (void)kept.keeper.Step();
  for (int time = 0; time < 5; ++time) {
    for (const bool sends : {false, true}) {
      kept.camera.sends = sends;
      EXPECT(kept.keeper.Step() == 0);
    }
  }
  EXPECT(kept.keeper.status().timeouts == 5 && kept.keeper.status().restarts == 0 && kept.camera.stops == 0);
}

TEST(AFrameWhoseRowsOverlapIsDropped) {
  Kept kept;
  (void)kept.keeper.Step();
  kept.camera.stride_bytes = kFrameWidthPx - 1;
  EXPECT(kept.keeper.Step() == 0);
  EXPECT(kept.keeper.status().wrong_size == 1 && kept.frames.Take() == nullptr && kept.camera.held == 0);
}

TEST(TimesThatDoNotFitThirtyTwoBitsAreTheLongestThatDo) {
  FakeClock clock;
  clock.now_us = std::uint64_t{1} << 40;
  EXPECT(ElapsedUs(clock, 0) == UINT32_MAX);
  EXPECT(ElapsedUs(clock, (std::uint64_t{1} << 40) - 5) < 100);
}

TEST(ACameraThatStopsForGoodBecomesMissing) {
  Kept kept;
  for (int i = 0; i < 3; ++i) (void)kept.keeper.Step();
  kept.camera.sends = false;
  kept.camera.answers = false;
  for (int i = 0; i < 2 + CameraKeeper::kQuickTries; ++i) (void)kept.keeper.Step();
  EXPECT(kept.keeper.status().state == CameraState::kMissing);
  EXPECT(kept.keeper.Step() == CameraKeeper::kSlowRetryMs);
}

TEST(AFrameOfAWrongSizeIsDroppedAndGivenBack) {
  Kept kept;
  (void)kept.keeper.Step();
  kept.camera.width_px = kFrameWidthPx + 1;
  for (int i = 0; i < 3; ++i) EXPECT(kept.keeper.Step() == 0);
  const CameraStatus status = kept.keeper.status();
  EXPECT(status.wrong_size == 3 && status.frames == 0 && kept.frames.Take() == nullptr && kept.camera.held == 0);
  EXPECT(status.seen_width_px == kFrameWidthPx + 1 && status.seen_height_px == kFrameHeightPx);
}

}  // namespace
}  // namespace microfer
