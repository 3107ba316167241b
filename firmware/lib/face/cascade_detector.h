#ifndef MICROFER_FACE_CASCADE_DETECTOR_H_
#define MICROFER_FACE_CASCADE_DETECTOR_H_

#include <cstddef>
#include <cstdint>

#include "base/span.h"
#include "face/face_detector.h"
#include "image/gray_view.h"

namespace microfer {

struct Cascade;

// OpenCV's frontal face cascade, as scripts/cascade_table.py turned it into a
// table; its licence stands there.
extern const Cascade kFrontalFace;

// The largest frame that is searched. A camera's 320x240 is halved first: see
// Halve() in image/halve.h, and FaceTracker, which does so by itself.
inline constexpr int kMaxSearchWidthPx = 160;
inline constexpr int kMaxSearchHeightPx = 120;

struct DetectorSettings {
  int smallest_face_px = 40;  // side of the smallest box looked for
  int min_neighbours = 3;     // windows that must agree on a face, beyond the first

  [[nodiscard]] constexpr bool valid() const { return smallest_face_px >= 36 && min_neighbours >= 1; }
};

// What a detector needs beside the frame: the sums over one level of the
// pyramid at a time, 32 bits each.
inline constexpr std::size_t kDetectorWorkspaceWords = 16 * 1024;

// P. Viola, M. Jones, Rapid Object Detection using a Boosted Cascade of Simple
// Features, CVPR 2001; step by step as OpenCV's CascadeClassifier does it, so
// that it finds what that finds.
class CascadeDetector final : public FaceDetector {
 public:
  // settings.valid() must hold: check it at compile time. `workspace` is the
  // caller's and is overwritten by each Detect(); a smaller one than
  // kDetectorWorkspaceWords makes every frame kFrameTooLarge.
  CascadeDetector(const Cascade& cascade, const DetectorSettings& settings, Span<std::uint32_t> workspace)
      : cascade_(cascade), settings_(settings), workspace_(workspace) {}

  DetectOutcome Detect(const GrayView& frame, FoundFaces& out) override;

 private:
  const Cascade& cascade_;
  DetectorSettings settings_;
  Span<std::uint32_t> workspace_;
};

}  // namespace microfer

#endif  // MICROFER_FACE_CASCADE_DETECTOR_H_
