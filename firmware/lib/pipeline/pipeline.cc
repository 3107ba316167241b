#include "pipeline/pipeline.h"

#include <algorithm>

#include "tensor/encode.h"

namespace microfer {
namespace {

static_assert(static_cast<int>(TrackSource::kNone) == static_cast<int>(protocol::FaceSource::kNone));
static_assert(static_cast<int>(TrackSource::kDetected) == static_cast<int>(protocol::FaceSource::kDetected));
static_assert(static_cast<int>(TrackSource::kTracked) == static_cast<int>(protocol::FaceSource::kTracked));

// Measures one step after the other.
class StopWatch {
 public:
  explicit StopWatch(Clock& clock) : clock_(clock), begin_us_(clock.NowUs()) {}

  // Since the last lap, or since the start.
  std::uint32_t LapUs() {
    const std::uint32_t lap_us = ElapsedUs(clock_, begin_us_);
    begin_us_ += lap_us;
    return lap_us;
  }

 private:
  Clock& clock_;
  std::uint64_t begin_us_;
};

void WriteFace(const Track& track, protocol::Prediction& out) {
  out.face_x_px = static_cast<std::int16_t>(track.crop.left_px);
  out.face_y_px = static_cast<std::int16_t>(track.crop.top_px);
  out.face_width_px = static_cast<std::uint16_t>(track.crop.width_px);
  out.face_height_px = static_cast<std::uint16_t>(track.crop.height_px);
  out.face_source = static_cast<protocol::FaceSource>(track.source);
}

void WriteAnswer(const Scores& scores, const Prediction& prediction, protocol::Prediction& out) {
  out.answer = prediction.certain ? protocol::Answer::kLabel : protocol::Answer::kUncertain;
  out.label = static_cast<std::uint8_t>(prediction.label);
  std::copy(scores.begin(), scores.end(), std::begin(out.raw_scores));
  std::copy(prediction.smoothed_q16.begin(), prediction.smoothed_q16.end(), std::begin(out.smoothed_q16));
}

}  // namespace

PipelineOutcome Pipeline::Run(const CapturedFrame& frame, protocol::Prediction& out) {
  protocol::Prediction answer;
  answer.frame = frame.number;
  answer.capture_time_us = frame.capture_time_us;
  answer.capture_us = frame.capture_us;
  answer.label = protocol::kNoLabel;
  answer.classes = kNumLabels;
  StopWatch watch(clock_);

  Track track;
  if (tracker_.Follow(frame.view, track) != DetectOutcome::kOk) return PipelineOutcome::kBadFrame;
  answer.face_us = watch.LapUs();
  if (track.source == TrackSource::kNone || track.is_new_face) predictor_.Reset();
  if (track.source == TrackSource::kNone) {
    out = answer;
    return PipelineOutcome::kOk;
  }

  if (CropResize(frame.view, track.crop, crop_) != CropOutcome::kOk) return PipelineOutcome::kBadFrame;
  answer.crop_us = watch.LapUs();

  Inference inference;
  if (Classify(crop_, inference) != PipelineOutcome::kOk) return PipelineOutcome::kInvokeFailed;
  answer.tensor_us = inference.tensor_us;
  answer.invoke_us = inference.invoke_us;
  watch.LapUs();

  Prediction prediction;
  if (predictor_.Update(inference.scores, prediction) != PredictOutcome::kOk) return PipelineOutcome::kInvokeFailed;
  WriteFace(track, answer);
  WriteAnswer(inference.scores, prediction, answer);
  answer.prediction_us = watch.LapUs();
  out = answer;
  return PipelineOutcome::kOk;
}

PipelineOutcome Pipeline::Classify(const Crop& crop, Inference& out) {
  StopWatch watch(clock_);
  if (EncodeCrop(crop, classifier_.input()) != EncodeOutcome::kOk) return PipelineOutcome::kInvokeFailed;
  const std::uint32_t tensor_us = watch.LapUs();
  if (!classifier_.Invoke()) return PipelineOutcome::kInvokeFailed;
  const std::uint32_t invoke_us = watch.LapUs();
  const Span<const std::int8_t> scores = classifier_.output();
  if (scores.size() != out.scores.size()) return PipelineOutcome::kInvokeFailed;
  std::copy(scores.begin(), scores.end(), out.scores.begin());
  out.tensor_us = tensor_us;
  out.invoke_us = invoke_us;
  return PipelineOutcome::kOk;
}

}  // namespace microfer
