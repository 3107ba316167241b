#include "device/device.h"

#include "generated/golden.h"

namespace microfer {

void Device::Start() {
  parts_.system.StillAlive();
  state_.load_outcome = parts_.classifier.Load();
  state_.self_test = RunSelfTest({kGoldenFrames, kNumGoldenFrames}, state_.is_loaded(), parts_.pipeline,
                                 parts_.detector, parts_.system);
  is_started_ = true;
  reports_.SendHello();
  reports_.SendStandingFaults();
  reports_.BeginPeriod();
}

bool Device::Step() {
  parts_.system.StillAlive();
  const bool had_command = commands_.HandleNext();
  reports_.WatchCamera();
  if (parts_.camera.status().state != CameraState::kRunning) has_face_ = false;
  const bool had_frame = HandleFrame();
  reports_.SendStatisticsWhenDue();
  return had_command || had_frame;
}

DeviceLight Device::light() const {
  if (!is_started_) return DeviceLight::kStarting;
  if (!state_.is_loaded() || !state_.self_test.passed()) return DeviceLight::kFault;
  if (parts_.camera.status().state != CameraState::kRunning) return DeviceLight::kNoCamera;
  return has_face_ ? DeviceLight::kFace : DeviceLight::kNoFace;
}

bool Device::HandleFrame() {
  // Nobody is told: the camera goes on, and the network rests or is free for
  // the host's own crops.
  if (!state_.stream.predictions && !state_.stream.previews) return false;
  const CapturedFrame* frame = parts_.frames.Take();
  if (frame == nullptr) return false;

  protocol::Prediction prediction;
  const PipelineOutcome outcome =
      state_.is_loaded() ? parts_.pipeline.Run(*frame, prediction) : PipelineOutcome::kInvokeFailed;
  if (outcome != PipelineOutcome::kOk) {
    ++state_.dropped_invoke;
    has_face_ = false;
    if (state_.is_loaded()) {
      reports_.Report(protocol::ErrorCode::kInvokeFailed, outcome == PipelineOutcome::kBadFrame
                                                              ? "a step refused a camera frame"
                                                              : "the network could not run on a crop");
    }
    return true;
  }
  ++state_.frames_predicted;
  has_face_ = prediction.answer != protocol::Answer::kNoFace;
  if (state_.stream.predictions) link_.Send(prediction);
  if (state_.stream.previews && has_face_) {
    protocol::CropPreview preview;
    preview.frame = prediction.frame;
    preview.pixels = parts_.pipeline.crop();
    link_.Send(preview);
  }
  return true;
}

}  // namespace microfer
