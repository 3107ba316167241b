// Frames of any size and content through the face detector and the tracker.
#include <memory>
#include <vector>

#include "face/cascade.h"
#include "face/cascade_detector.h"
#include "face/face_tracker.h"
#include "fuzz.h"

namespace microfer {
namespace {

// A frame on the heap that ends with its last pixel, so that the address sanitizer
// sees a read behind it.
struct HeapFrame {
  explicit HeapFrame(fuzz::Input& input) {
    view.width_px = input.Between(-1, 2 * kMaxSearchWidthPx + 3);
    view.height_px = input.Between(-1, 2 * kMaxSearchHeightPx + 3);
    view.stride_bytes = view.width_px + input.Between(-1, 5);
    const auto tiles = input.TakeBytes(static_cast<std::size_t>(input.Between(1, 256)));
    const int tile_px = input.Between(1, 40);
    if (view.width_px < 1 || view.height_px < 1 || view.stride_bytes < view.width_px) return;
    pixels.resize(static_cast<std::size_t>(view.stride_bytes * (view.height_px - 1) + view.width_px));
    for (std::size_t i = 0; i < pixels.size() && !tiles.empty(); ++i) {
      const int x = static_cast<int>(i) % view.stride_bytes / tile_px;
      const int y = static_cast<int>(i) / view.stride_bytes / tile_px;
      pixels[i] = tiles[static_cast<std::size_t>(x * 7 + y * 31) % tiles.size()];
    }
    view.pixels = pixels.data();
  }

  GrayView view;
  std::vector<std::uint8_t> pixels;
};

void CheckFound(const GrayView& frame, const FoundFaces& found) {
  MUST_HOLD(found.count <= kMaxFaces);
  for (std::size_t i = 0; i < found.count; ++i) {
    const Box& box = found.faces[i].box;
    MUST_HOLD(box.width_px == box.height_px && box.width_px > kWindowSidePx);
    MUST_HOLD(box.left_px >= 0 && box.top_px >= 0);
    MUST_HOLD(box.left_px + box.width_px <= frame.width_px + 2 && box.top_px + box.height_px <= frame.height_px + 2);
    MUST_HOLD(i == 0 || found.faces[i - 1].box.width_px >= box.width_px);
  }
}

}  // namespace
}  // namespace microfer

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace microfer;  // NOLINT: this function is about nothing else
  static std::vector<std::uint32_t> sums(kDetectorWorkspaceWords);
  static std::vector<std::uint8_t> room(kTrackerWorkspaceBytes);
  fuzz::Input input(data, size);
  DetectorSettings settings;
  settings.min_neighbours = input.Between(1, 3);
  settings.look_closer_from_stage = input.Between(0, 22);
  settings.most_trees = static_cast<std::uint32_t>(input.Between(0, 60'000));
  CascadeDetector detector(kFrontalFace, settings, {sums.data(), sums.size()});
  FaceTracker tracker(detector, TrackerSettings{input.Between(1, 4), input.Between(0, 2)}, {room.data(), room.size()});
  for (int frames = 0; frames < 4 && !input.empty(); ++frames) {
    const HeapFrame frame(input);
    FoundFaces found;
    const DetectOutcome outcome = detector.Detect(frame.view, found);
    MUST_HOLD((outcome == DetectOutcome::kBadFrame) == !frame.view.is_frame());
    if (outcome == DetectOutcome::kOk) CheckFound(frame.view, found);
    Track track;
    if (tracker.Follow(frame.view, track) != DetectOutcome::kOk) continue;
    MUST_HOLD((track.source == TrackSource::kNone) == (track.face.width_px == 0));
    MUST_HOLD(track.crop.width_px == track.crop.height_px);
  }
  return 0;
}
