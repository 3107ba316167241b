#ifndef MICROFER_FACE_FACE_TRACKER_H_
#define MICROFER_FACE_FACE_TRACKER_H_

#include <cstddef>
#include <cstdint>

#include "base/span.h"
#include "face/face_detector.h"
#include "image/gray_view.h"

namespace microfer {

// Where a face's box comes from. The numbers are those of the link's FaceSource.
enum class TrackSource : std::uint8_t {
  kNone = 0,      // there is no face
  kDetected = 1,  // the detector ran on this frame and found it
  kTracked = 2,   // carried on from an earlier frame
};

struct Track {
  TrackSource source = TrackSource::kNone;
  Box face;                  // steady; where there is no face, all zero
  Box crop;                  // what CropResize() gets: `face`, enlarged and shifted as training crops were
  bool is_new_face = false;  // another face than on the frame before, or the first one: reset the predictor
};

struct TrackerSettings {
  // The detector runs on every frame while there is no face, and then on every
  // Nth; between, and where it does not find the face again, the face is
  // followed by what it looks like.
  int detect_every = 4;

  // So many runs of the detector in a row may fail to find the face again
  // before there is none.
  int max_misses = 2;

  [[nodiscard]] constexpr bool valid() const { return detect_every >= 1 && max_misses >= 0; }
};

// For the halved frame, where the camera's is larger than the detector takes.
inline constexpr std::size_t kTrackerWorkspaceBytes = std::size_t{160} * 120;

// Follows one face, the largest, from frame to frame and keeps its box steady.
class FaceTracker {
 public:
  // settings.valid() must hold: check it at compile time. The detector and
  // `workspace` (kTrackerWorkspaceBytes) are the caller's and must outlive the
  // tracker; the workspace is overwritten by each Follow().
  FaceTracker(FaceDetector& detector, const TrackerSettings& settings, Span<std::uint8_t> workspace)
      : detector_(detector), settings_(settings), workspace_(workspace) {}

  // Takes the next frame: up to 160x120 pixels, or up to 320x240, which is
  // searched at half its size. `out` is the caller's. Where the outcome is kOk
  // it is overwritten; no face is an answer too. Otherwise it is left alone,
  // and so is what the tracker remembers.
  DetectOutcome Follow(const GrayView& frame, Track& out);

  // Forgets the face: call it where frames are missing or the camera was moved.
  void Reset();

 private:
  FaceDetector& detector_;
  TrackerSettings settings_;
  Span<std::uint8_t> workspace_;
};

}  // namespace microfer

#endif  // MICROFER_FACE_FACE_TRACKER_H_
