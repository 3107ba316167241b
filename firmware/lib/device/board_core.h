#ifndef MICROFER_DEVICE_BOARD_CORE_H_
#define MICROFER_DEVICE_BOARD_CORE_H_

#include <array>
#include <cstdint>

#include "base/clock.h"
#include "base/span.h"
#include "capture/camera.h"
#include "capture/camera_keeper.h"
#include "capture/newest_frame.h"
#include "device/device.h"
#include "device/ports.h"
#include "face/cascade_detector.h"
#include "face/face_tracker.h"
#include "generated/contract.h"
#include "pipeline/classifier.h"
#include "pipeline/pipeline.h"
#include "prediction/predictor.h"

namespace microfer {

// The settings that every board runs with.
inline constexpr DetectorSettings kDetectorSettings;
static_assert(kDetectorSettings.valid());
inline constexpr TrackerSettings kTrackerSettings;
static_assert(kTrackerSettings.valid());
inline constexpr PredictorSettings kPredictorSettings = SettingsOf(kTemperature, kUncertainBelow, kScoreFloor);
static_assert(kPredictorSettings.valid(), "the model's temperature, threshold or score floor is out of range");

// The face detector and the tracker that uses it, with their memory.
struct FaceFinder {
  FaceFinder() = default;
  FaceFinder(const FaceFinder&) = delete;
  FaceFinder& operator=(const FaceFinder&) = delete;

  std::array<std::uint32_t, kDetectorWorkspaceWords> detector_workspace{};
  std::array<std::uint8_t, kTrackerWorkspaceBytes> tracker_workspace{};
  CascadeDetector detector{kFrontalFace, kDetectorSettings, detector_workspace};
  FaceTracker tracker{detector, kTrackerSettings, tracker_workspace};
};

// What differs from one kind of board to another. The caller's, must outlive
// the board.
struct BoardPorts {
  Camera& camera;
  Classifier& classifier;
  SerialPort& serial;
  System& system;
  Clock& clock;
};

// Room for NewestFrame::kBuffers frames of the camera's size. With less than that
// every frame is dropped for its size, and the host is told.
struct FrameRoom {
  Span<std::uint8_t> storage;  // the caller's, must outlive the board
  int width_px = 0;
  int height_px = 0;
};

// A whole board but for what touches hardware: firmware/src/main.cc and
// firmware/host/virtual_board.cc each make one. About 70 KB without the frames:
// not for a stack.
class BoardCore {
 public:
  BoardCore(const BoardPorts& ports, const BoardFacts& facts, const FrameRoom& room)
      : frames_(room.storage, room.width_px, room.height_px),
        keeper_(ports.camera, frames_, ports.clock),
        pipeline_(faces_.tracker, ports.classifier, ports.clock, kPredictorSettings),
        device_({keeper_, frames_, faces_.detector, ports.classifier, pipeline_, ports.serial, ports.system,
                 ports.clock, facts}) {}

  BoardCore(const BoardCore&) = delete;
  BoardCore& operator=(const BoardCore&) = delete;

  // Each is for one task: CameraKeeper::Step() may run beside Device's functions.
  [[nodiscard]] CameraKeeper& camera() { return keeper_; }
  [[nodiscard]] Device& device() { return device_; }
  [[nodiscard]] const Device& device() const { return device_; }

 private:
  FaceFinder faces_;
  NewestFrame frames_;
  CameraKeeper keeper_;
  Pipeline pipeline_;
  Device device_;
};

}  // namespace microfer

#endif  // MICROFER_DEVICE_BOARD_CORE_H_
