#ifndef MICROFER_FACE_FACE_TRACKER_H_
#define MICROFER_FACE_FACE_TRACKER_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/span.h"
#include "face/face_detector.h"
#include "generated/constants.h"
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
  Box face;                  // steady, in the frame's pixels; where there is no face, all zero
  Box crop;                  // what CropResize() gets: see CropBox()
  bool is_new_face = false;  // another face than on the frame before, or the first one: reset the predictor
};

// From a face's box to that of a crop as the network was trained on: so many
// times as large about its middle, and moved down by a part of its side, both in
// 256ths. Measured with `microfer evaluate-detector --data ... --box`; see
// docs/face.md.
inline constexpr int kCropSideQ8 = 256;
inline constexpr int kCropDownQ8 = 12;
Box CropBox(const Box& face);

struct TrackerSettings {
  // The detector runs on every frame while there is no face, and then on every
  // Nth; between, and where it does not find the face again, the face is
  // followed by what it looks like.
  int detect_every = 4;

  // So many runs of the detector in a row may fail to find the face again; with
  // the next one there is none.
  int max_misses = 2;

  [[nodiscard]] constexpr bool valid() const { return detect_every >= 1 && max_misses >= 0; }
};

// For the halved frame, where the camera's is larger than the detector takes.
inline constexpr std::size_t kTrackerWorkspaceBytes = std::size_t{kMaxSearchWidthPx} * kMaxSearchHeightPx;

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
  void Reset() { has_face_ = false; }

 private:
  // A square in the searched frame, by its middle, in 256ths of a pixel.
  struct Square {
    int x_q8;
    int y_q8;
    int side_q8;
  };

  // What a face looks like: gray values at kPoints x kPoints places on it.
  static constexpr int kPoints = 16;
  using Look = std::array<std::uint8_t, std::size_t{kPoints} * kPoints>;

  static Square SquareOf(const Box& box);
  static Box BoxOf(const Square& square, int scale);
  static Look LookAt(const GrayView& frame, const Square& square);

  [[nodiscard]] int Difference(const GrayView& frame, int right_px, int down_px, int enough) const;
  bool Move(const GrayView& frame);
  [[nodiscard]] const FoundFace* SameFace(const FoundFaces& found) const;
  void Correct(const Square& detected);
  TrackSource Decide(const GrayView& frame, const FoundFaces& found, bool& is_new_face);

  FaceDetector& detector_;
  TrackerSettings settings_;
  Span<std::uint8_t> workspace_;
  bool has_face_ = false;
  Square face_{};
  Look look_{};  // when the detector found it last
  int frames_since_detector_ = 0;
  int misses_ = 0;
};

}  // namespace microfer

#endif  // MICROFER_FACE_FACE_TRACKER_H_
