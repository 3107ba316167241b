#include "device/self_test.h"

#include <algorithm>
#include <cstddef>

#include "image/crop.h"
#include "image/overlap.h"

namespace microfer {
namespace {

// A face is found where a box shares at least so much with it.
constexpr int kFoundPercent = 50;

bool IsFound(const GoldenFrame& golden, const GrayView& view, FaceDetector& detector) {
  FoundFaces found;
  if (detector.Detect(view, found) != DetectOutcome::kOk) return false;
  return std::any_of(found.faces.begin(), found.faces.begin() + static_cast<std::ptrdiff_t>(found.count),
                     [&](const FoundFace& face) { return SharedPercent(face.box, golden.face) >= kFoundPercent; });
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
