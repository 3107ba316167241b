#ifndef MICROFER_PIPELINE_PIPELINE_H_
#define MICROFER_PIPELINE_PIPELINE_H_

#include <cstdint>

#include "base/clock.h"
#include "capture/newest_frame.h"
#include "face/face_tracker.h"
#include "generated/messages.h"
#include "image/crop.h"
#include "pipeline/classifier.h"
#include "prediction/predictor.h"

namespace microfer {

enum class [[nodiscard]] PipelineOutcome : std::uint8_t{
    kOk,            // an answer; "no face" is one
    kBadFrame,      // a step refused the frame or the box
    kInvokeFailed,  // the network could not run, or gave no scores
};

struct Inference {
  Scores scores{};
  std::uint32_t tensor_us = 0;
  std::uint32_t invoke_us = 0;
};

// The steps from a camera frame to a prediction, in their order.
class Pipeline {
 public:
  // The parts are the caller's and must outlive this; settings.valid() holds.
  Pipeline(FaceTracker& tracker, Classifier& classifier, Clock& clock, const PredictorSettings& settings)
      : tracker_(tracker), classifier_(classifier), clock_(clock), predictor_(settings) {}

  // Finds the face, cuts it out, classifies it and smooths what comes out.
  // `out` is the caller's; it is overwritten where the outcome is kOk and left
  // alone otherwise.
  PipelineOutcome Run(const CapturedFrame& frame, protocol::Prediction& out);

  // The crop of the last Run() that answered with a face: what the network saw.
  [[nodiscard]] const Crop& crop() const { return crop_; }

  // The network alone on one crop, without smoothing: also what the self-test
  // and the parity check call. `out` as above.
  PipelineOutcome Classify(const Crop& crop, Inference& out);

 private:
  FaceTracker& tracker_;
  Classifier& classifier_;
  Clock& clock_;
  Predictor predictor_;
  Crop crop_{};
};

}  // namespace microfer

#endif  // MICROFER_PIPELINE_PIPELINE_H_
