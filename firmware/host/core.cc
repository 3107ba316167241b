#include "core.h"

#include <algorithm>
#include <array>
#include <new>

#include "device/board_core.h"
#include "face/cascade_detector.h"
#include "image/crop.h"
#include "tensor/encode.h"

namespace {

constexpr std::uint32_t kSizes[] = {
    sizeof(MicroferFrame),       sizeof(MicroferBox),   sizeof(MicroferSearch),
    sizeof(MicroferFace),        sizeof(MicroferTrack), sizeof(MicroferModel),
    sizeof(MicroferSystemState), sizeof(MicroferParts), sizeof(MicroferFacts),
};

microfer::GrayView ViewOf(const MicroferFrame& frame) {
  return {frame.pixels, frame.width_px, frame.height_px, frame.stride_bytes};
}

MicroferBox Plain(const microfer::Box& box) { return {box.left_px, box.top_px, box.width_px, box.height_px}; }

}  // namespace

struct MicroferTracker {
  microfer::FaceFinder faces;
};

std::size_t microfer_struct_sizes(std::uint32_t* sizes, std::size_t capacity) {
  std::copy_n(std::begin(kSizes), std::min(capacity, std::size(kSizes)), sizes);
  return std::size(kSizes);
}

MicroferSearch microfer_search_of_the_board() {
  const microfer::DetectorSettings& board = microfer::kDetectorSettings;
  return {board.smallest_face_px, board.min_neighbours, board.look_closer_from_stage, board.most_trees};
}

std::int32_t microfer_detect(const MicroferFrame* frame, const MicroferSearch* search, MicroferFace* faces,
                             std::size_t capacity) {
  const microfer::DetectorSettings settings{search->smallest_face_px, search->min_neighbours,
                                            search->look_closer_from_stage, search->most_trees};
  if (!settings.valid()) return -1 - static_cast<std::int32_t>(microfer::DetectOutcome::kBadFrame);
  std::array<std::uint32_t, microfer::kDetectorWorkspaceWords> workspace{};
  microfer::CascadeDetector detector(microfer::kFrontalFace, settings, workspace);
  microfer::FoundFaces found;
  const microfer::DetectOutcome outcome = detector.Detect(ViewOf(*frame), found);
  if (outcome != microfer::DetectOutcome::kOk) return -1 - static_cast<std::int32_t>(outcome);
  const std::size_t count = std::min(found.count, capacity);
  for (std::size_t i = 0; i < count; ++i) faces[i] = {Plain(found.faces[i].box), found.faces[i].neighbours};
  return static_cast<std::int32_t>(count);
}

std::int32_t microfer_crop(const MicroferFrame* frame, const MicroferBox* box, std::uint8_t* pixels) {
  microfer::Crop crop{};
  const microfer::Box wanted{box->left_px, box->top_px, box->width_px, box->height_px};
  const microfer::CropOutcome outcome = microfer::CropResize(ViewOf(*frame), wanted, crop);
  if (outcome == microfer::CropOutcome::kOk) std::copy(crop.begin(), crop.end(), pixels);
  return static_cast<std::int32_t>(outcome);
}

std::int32_t microfer_encode(const std::uint8_t* pixels, std::int8_t* tensor, std::size_t size) {
  microfer::Crop crop{};
  std::copy_n(pixels, crop.size(), crop.begin());
  return static_cast<std::int32_t>(microfer::EncodeCrop(crop, {tensor, size}));
}

MicroferTracker* microfer_tracker_create() { return new (std::nothrow) MicroferTracker; }

std::int32_t microfer_tracker_follow(MicroferTracker* tracker, const MicroferFrame* frame, MicroferTrack* track) {
  microfer::Track found;
  const microfer::DetectOutcome outcome = tracker->faces.tracker.Follow(ViewOf(*frame), found);
  if (outcome == microfer::DetectOutcome::kOk) {
    *track = {Plain(found.face), Plain(found.crop), static_cast<std::int32_t>(found.source), found.is_new_face ? 1 : 0};
  }
  return static_cast<std::int32_t>(outcome);
}

void microfer_tracker_reset(MicroferTracker* tracker) { tracker->faces.tracker.Reset(); }

void microfer_tracker_destroy(MicroferTracker* tracker) { delete tracker; }
