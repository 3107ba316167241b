#ifndef MICROFER_FACE_CASCADE_DETECTOR_H_
#define MICROFER_FACE_CASCADE_DETECTOR_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/span.h"
#include "face/face_detector.h"
#include "face/grouping.h"
#include "face/level_sums.h"
#include "generated/constants.h"
#include "image/gray_view.h"

namespace microfer {

struct Cascade;
class Judge;

// OpenCV's frontal face cascade, as scripts/generate.py turned it into a
// table; its licence stands there.
extern const Cascade kFrontalFace;

// Each level of the pyramid is so much smaller than the one before. Chosen with
// the settings below: see docs/face.md.
inline constexpr double kScaleStep = 1.1;

// Every second window of a level, across and down.
inline constexpr std::size_t kMaxCoarseRows = kMaxSumsRows / 2 + 1;
inline constexpr std::size_t kMaxCoarseWindows = kMaxCoarseRows * (kSumsStride / 2);

// The smallest box that can be found: what is asked for below becomes this, see
// DetectorSettings::searched_from_px().
inline constexpr int kSmallestFacePx = 43;

struct DetectorSettings {
  int smallest_face_px = kSmallestFacePx;  // side of the smallest box looked for
  int min_neighbours = 2;                  // windows that must agree on a face, beyond the first

  // Of a level's windows, every second one of every second row is looked at, and
  // then those beside one that passed so many stages of the cascade: these stages
  // they are spared. 0: all windows are, which finds the very faces that OpenCV
  // finds where most_trees is 0 too, at more than twice the work.
  int look_closer_from_stage = 12;

  // What a frame may cost: once so many of the cascade's trees were asked, no
  // further window is looked at. The largest faces are looked for first. 0: as
  // many as it takes.
  std::uint32_t most_trees = 55'000;

  // The side of the smallest box that is really looked for.
  [[nodiscard]] constexpr int searched_from_px() const {
    return smallest_face_px < kSmallestFacePx ? kSmallestFacePx : smallest_face_px;
  }

  [[nodiscard]] constexpr bool valid() const {
    return smallest_face_px >= 1 && min_neighbours >= 1 && look_closer_from_stage >= 0;
  }
};

// What a detector needs beside the frame: the sums over one level of the
// pyramid at a time, 32 bits each.
inline constexpr std::size_t kDetectorWorkspaceWords = 2 * kSumsElements;

// Searches frames of at most kMaxSearchWidthPx by kMaxSearchHeightPx; a camera's
// are halved first, see FaceTracker.
//
// P. Viola, M. Jones, Rapid Object Detection using a Boosted Cascade of Simple
// Features, CVPR 2001; step by step as OpenCV's CascadeClassifier does it, but
// for the choice of windows that DetectorSettings tells of.
class CascadeDetector final : public FaceDetector {
 public:
  // settings.valid() must hold: check it at compile time. `workspace` is the
  // caller's and is overwritten by each Detect(); a smaller one than
  // kDetectorWorkspaceWords makes every frame kFrameTooLarge.
  CascadeDetector(const Cascade& cascade, const DetectorSettings& settings, Span<std::uint32_t> workspace)
      : cascade_(cascade), settings_(settings), workspace_(workspace) {}

  DetectOutcome Detect(const GrayView& frame, FoundFaces& out) override;

 private:
  struct Level;
  void Search(const Level& level);
  void SearchAllOf(const Level& level);
  void SearchCoarsely(const Level& level);
  void LookCloser(const Level& level);
  [[nodiscard]] int FurthestBeside(const Level& level, int x, int y) const;
  [[nodiscard]] bool MayAsk(const Judge& judge) const;
  void Add(const Level& level, int x, int y);

  const Cascade& cascade_;
  DetectorSettings settings_;
  Span<std::uint32_t> workspace_;
  std::array<Window, kMaxWindows> window_room_{};
  std::size_t windows_ = 0;
  bool has_room_ = true;
  std::array<std::uint8_t, kMaxCoarseWindows> coarse_stages_{};  // how far each came
  std::array<std::uint8_t, kMaxCoarseRows> furthest_of_row_{};
};

}  // namespace microfer

#endif  // MICROFER_FACE_CASCADE_DETECTOR_H_
