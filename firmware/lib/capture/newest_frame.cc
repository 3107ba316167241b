#include "capture/newest_frame.h"

#include <cstring>

namespace microfer {

namespace {

bool HasRoom(Span<std::uint8_t> storage, int width_px, int height_px) {
  return width_px >= 1 && height_px >= 1 &&
         storage.size() / NewestFrame::kBuffers / static_cast<std::size_t>(width_px) >=
             static_cast<std::size_t>(height_px);
}

}  // namespace

NewestFrame::NewestFrame(Span<std::uint8_t> storage, int width_px, int height_px) : storage_(storage) {
  if (!HasRoom(storage, width_px, height_px)) return;
  width_px_ = width_px;
  height_px_ = height_px;
}

std::uint8_t* NewestFrame::pixels(std::size_t buffer) const {
  return storage_.data() + buffer * static_cast<std::size_t>(width_px_) * static_cast<std::size_t>(height_px_);
}

void NewestFrame::Put(const CapturedFrame& frame) {
  const auto row_bytes = static_cast<std::size_t>(width_px_);
  std::uint8_t* to = pixels(writing_);
  for (int y_px = 0; y_px < height_px_; ++y_px, to += row_bytes) {
    std::memcpy(to, frame.view.row(y_px), row_bytes);
  }
  frames_[writing_] = frame;
  frames_[writing_].view = {pixels(writing_), width_px_, height_px_, width_px_};
  // Release: the reader that sees the index sees the pixels. Acquire: what the
  // reader gave back is no longer read when it is overwritten.
  const auto full = static_cast<std::uint8_t>(writing_ | kFull);
  const std::uint8_t before = shared_.exchange(full, std::memory_order_acq_rel);
  if ((before & kFull) != 0) replaced_.fetch_add(1, std::memory_order_relaxed);
  writing_ = before & static_cast<std::uint8_t>(~kFull);
}

const CapturedFrame* NewestFrame::Take() {
  // Only the writer sets the flag and only the reader clears it.
  if ((shared_.load(std::memory_order_relaxed) & kFull) == 0) return nullptr;
  reading_ = shared_.exchange(reading_, std::memory_order_acq_rel) & static_cast<std::uint8_t>(~kFull);
  return &frames_[reading_];
}

}  // namespace microfer
