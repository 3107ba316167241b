#ifndef MICROFER_FACE_FACE_DETECTOR_H_
#define MICROFER_FACE_FACE_DETECTOR_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "generated/constants.h"
#include "image/gray_view.h"

namespace microfer {

struct FoundFace {
  Box box;             // a square, in the frame's pixels; it may reach a pixel over the right or lower edge
  int neighbours = 0;  // how many of the detector's windows agree on it: more is surer
};

struct FoundFaces {
  std::array<FoundFace, kMaxFaces> faces{};  // the first `count` of them, the largest first
  std::size_t count = 0;
  bool is_truncated = false;    // there was more than the detector has room for
  bool is_cut_short = false;    // the search ended before the smallest faces
  std::uint32_t questions = 0;  // what the search took, in the detector's own unit
};

enum class [[nodiscard]] DetectOutcome : std::uint8_t{
    kOk,             // also where no face was found
    kBadFrame,       // no pixels, a side below 1, or rows that overlap
    kFrameTooLarge,  // larger than the detector's workspace was made for
};

// Finds the upright frontal faces on a frame.
class FaceDetector {
 public:
  // `out` is the caller's. It is overwritten where the outcome is kOk and left
  // alone otherwise. Nothing is remembered from one frame to the next.
  virtual DetectOutcome Detect(const GrayView& frame, FoundFaces& out) = 0;

  FaceDetector() = default;
  FaceDetector(const FaceDetector&) = delete;
  FaceDetector& operator=(const FaceDetector&) = delete;

 protected:
  ~FaceDetector() = default;  // never deleted through this interface: there is no heap
};

}  // namespace microfer

#endif  // MICROFER_FACE_FACE_DETECTOR_H_
