#ifndef MICROFER_DEVICE_PARTS_H_
#define MICROFER_DEVICE_PARTS_H_

#include <cstdint>

#include "base/clock.h"
#include "capture/camera_keeper.h"
#include "capture/newest_frame.h"
#include "device/ports.h"
#include "device/self_test.h"
#include "face/face_detector.h"
#include "generated/constants.h"
#include "pipeline/classifier.h"
#include "pipeline/pipeline.h"

namespace microfer {

// What a device is made of: the caller's, must outlive it. BoardCore puts them
// together.
struct DeviceParts {
  const CameraKeeper& camera;  // stepped by a task of its own
  NewestFrame& frames;
  FaceDetector& detector;
  Classifier& classifier;
  Pipeline& pipeline;  // works with that detector and that classifier
  SerialPort& port;
  System& system;
  Clock& clock;
  BoardFacts facts;
};

// What the host may change: see protocol::StreamSettings.
struct StreamState {
  std::uint16_t statistics_period_ms = kStartPeriodMs;
  bool predictions = true;
  bool previews = false;  // no pixel leaves the board unasked
};

// What a device has found out about itself. Device writes it; commands and
// reports read it, and a command may change the stream.
struct DeviceState {
  LoadOutcome load_outcome = LoadOutcome::kOutOfMemory;
  SelfTestResult self_test;
  StreamState stream;
  std::uint32_t frames_predicted = 0;
  std::uint32_t dropped_invoke = 0;

  [[nodiscard]] bool is_loaded() const { return load_outcome == LoadOutcome::kOk; }
};

}  // namespace microfer

#endif  // MICROFER_DEVICE_PARTS_H_
