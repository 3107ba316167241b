#include "device/self_test.h"

#include <algorithm>
#include <cstddef>

#include "image/crop.h"

namespace microfer {
namespace {

int Overlap(int begin_a, int size_a, int begin_b, int size_b) {
  return std::max(0, std::min(begin_a + size_a, begin_b + size_b) - std::max(begin_a, begin_b));
}

// At least half of the area that the two cover together is covered by both.
bool IsSameFace(const Box& a, const Box& b) {
  const int shared =
      Overlap(a.left_px, a.width_px, b.left_px, b.width_px) * Overlap(a.top_px, a.height_px, b.top_px, b.height_px);
  const int together = a.width_px * a.height_px + b.width_px * b.height_px - shared;
  return 2 * shared >= together;
}

bool IsFound(const GoldenFrame& golden, const GrayView& view, FaceDetector& detector) {
  FoundFaces found;
  if (detector.Detect(view, found) != DetectOutcome::kOk) return false;
  return std::any_of(found.faces.begin(), found.faces.begin() + static_cast<std::ptrdiff_t>(found.count),
                     [&](const FoundFace& face) { return IsSameFace(face.box, golden.face); });
}

void Compare(const GoldenFrame& golden, const GrayView& view, Pipeline& pipeline, SelfTestResult& result) {
  Crop crop;
  Inference inference;
  result.total = static_cast<std::uint16_t>(result.total + inference.scores.size());
  if (CropResize(view, golden.face, crop) != CropOutcome::kOk) return;
  if (pipeline.Classify(crop, inference) != PipelineOutcome::kOk) return;
  for (std::size_t i = 0; i < inference.scores.size(); ++i) {
    if (inference.scores[i] == golden.scores[i]) ++result.equal;
  }
  result.invoke_us = std::max(result.invoke_us, inference.invoke_us);
}

}  // namespace

SelfTestResult RunSelfTest(Span<const GoldenFrame> frames, bool is_loaded, Pipeline& pipeline, FaceDetector& detector,
                           System& system) {
  SelfTestResult result;
  for (const GoldenFrame& golden : frames) {
    const GrayView view{golden.pixels, golden.width_px, golden.height_px, golden.width_px};
    system.StillAlive();
    ++result.faces_total;
    if (IsFound(golden, view, detector)) ++result.faces_found;
    if (is_loaded && kGoldenScoresKnown) Compare(golden, view, pipeline, result);
  }
  return result;
}

}  // namespace microfer
