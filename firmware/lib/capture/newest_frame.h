#ifndef MICROFER_CAPTURE_NEWEST_FRAME_H_
#define MICROFER_CAPTURE_NEWEST_FRAME_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/span.h"
#include "image/gray_view.h"

namespace microfer {

// A camera frame, and when it was taken.
struct CapturedFrame {
  GrayView view;
  std::uint32_t number = 0;           // counted from the board's start
  std::uint64_t capture_time_us = 0;  // since the board's start
  std::uint32_t capture_us = 0;       // how long the camera was waited for
};

// Hands the newest frame from the task that captures to the task that looks at
// it. Neither waits for the other: of three buffers the writer fills one, the
// reader holds one, and the third is swapped between them. Frames are copied,
// so that a camera can be switched off while a frame of it is still looked at.
//
// One writer task calls Put(), one reader task calls Take().
class NewestFrame {
 public:
  static constexpr std::size_t kBuffers = 3;

  // `storage` must live as long as this. Where it does not hold kBuffers frames
  // of that size, this takes frames of no size: width_px() and height_px() are 0.
  NewestFrame(Span<std::uint8_t> storage, int width_px, int height_px);

  NewestFrame(const NewestFrame&) = delete;
  NewestFrame& operator=(const NewestFrame&) = delete;

  [[nodiscard]] int width_px() const { return width_px_; }
  [[nodiscard]] int height_px() const { return height_px_; }

  // Copies a frame in place of one that was not taken yet, which then counts as
  // replaced. `frame.view` has the size above.
  void Put(const CapturedFrame& frame);

  // The newest frame that was not taken yet, good until the next Take(); null
  // where there is none.
  [[nodiscard]] const CapturedFrame* Take();

  // Frames that a newer one replaced before they were taken.
  [[nodiscard]] std::uint32_t replaced() const { return replaced_.load(std::memory_order_relaxed); }

 private:
  // In `shared_`: the third buffer's index, and whether a frame waits in it.
  static constexpr std::uint8_t kFull = 0x80;

  [[nodiscard]] std::uint8_t* pixels(std::size_t buffer) const;

  Span<std::uint8_t> storage_;
  int width_px_ = 0;
  int height_px_ = 0;
  std::array<CapturedFrame, kBuffers> frames_{};
  std::uint8_t writing_ = 0;  // the writer's buffer
  std::uint8_t reading_ = 1;  // the reader's
  std::atomic<std::uint8_t> shared_{2};
  std::atomic<std::uint32_t> replaced_{0};
};

}  // namespace microfer

#endif  // MICROFER_CAPTURE_NEWEST_FRAME_H_
