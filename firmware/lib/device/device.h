#ifndef MICROFER_DEVICE_DEVICE_H_
#define MICROFER_DEVICE_DEVICE_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "capture/camera_keeper.h"
#include "capture/newest_frame.h"
#include "device/link.h"
#include "device/network_profile.h"
#include "device/ports.h"
#include "device/self_test.h"
#include "face/face_detector.h"
#include "generated/messages.h"
#include "image/crop.h"
#include "pipeline/classifier.h"
#include "pipeline/pipeline.h"

namespace microfer {

// What a device is made of: the caller's, must outlive it.
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

// What an LED should tell a person.
enum class DeviceLight : std::uint8_t {
  kStarting,
  kFault,     // the model or the self-test: see the errors on the link
  kNoCamera,  // no frame comes
  kNoFace,    // frames come, with no face
  kFace,
};

// All that a board is to its host: it looks at the newest frame, answers
// commands, says how it fares, and reports what goes wrong and goes on. One task
// calls it. docs/protocol.md says what each message means.
class Device {
 public:
  // How often an error that answers no command may be repeated.
  static constexpr std::uint64_t kErrorPeriodUs = 1'000'000;

  // How often a host may have the network run for one profile.
  static constexpr std::uint16_t kMostProfileRuns = 100;

  explicit Device(const DeviceParts& parts) : parts_(parts), link_(parts.port) {}

  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  // Loads the network, tests itself and says hello. Called once, before Step().
  void Start();

  // One turn: every command that has arrived, one frame, what there is to
  // report. False: there was nothing to do, the caller may rest a little.
  bool Step();

  [[nodiscard]] DeviceLight light() const;

 private:
  struct Settings {
    std::uint16_t statistics_period_ms = 1000;
    bool predictions = true;
    bool previews = false;  // no pixel leaves the board unasked
  };

  // The command that an answer belongs to; type 0: to none.
  struct Cause {
    std::uint8_t type = 0;
    std::uint16_t sequence = 0;
  };

  bool HandleCommands();
  void Handle(const protocol::Frame& command);
  void HandleSettings(const protocol::Frame& command);
  // Reads a command that only the network can answer; false where it was refused.
  template <typename Message>
  [[nodiscard]] bool ReadForNetwork(const protocol::Frame& command, Message& wanted);
  void HandleInfer(const protocol::Frame& command);
  void HandleProfile(const protocol::Frame& command);
  // Times the network; false: it could not, and the host is told.
  bool Measure(const protocol::AskProfile& wanted, Cause cause);
  bool HandleFrame();
  void WatchCamera();
  void SendStatisticsWhenDue();

  void SendHello();
  void SendStandingFaults();
  void SendStatistics();
  // Reports what answers no command, unless the same was reported just now.
  void Report(protocol::ErrorCode code, const char* text);
  void SendError(protocol::ErrorCode code, const char* text, Cause cause);
  void Refuse(const protocol::Frame& command, protocol::PayloadOutcome outcome);

  [[nodiscard]] bool is_loaded() const { return load_outcome_ == LoadOutcome::kOk; }
  [[nodiscard]] protocol::ErrorCode load_error() const;

  DeviceParts parts_;
  Link link_;
  Settings settings_;
  LoadOutcome load_outcome_ = LoadOutcome::kOutOfMemory;
  SelfTestResult self_test_;
  bool is_started_ = false;
  bool has_face_ = false;

  Crop asked_crop_{};  // of an infer command; too large for a task's stack
  NetworkProfile profile_;
  std::uint32_t profile_request_ = 0;  // that it was measured for
  bool has_profile_ = false;

  std::uint32_t frames_predicted_ = 0;
  std::uint32_t dropped_invoke_ = 0;
  std::uint64_t statistics_sent_us_ = 0;
  CameraStatus seen_;  // what was reported of the camera
  static constexpr std::size_t kErrorCodes = 16;
  std::array<std::uint64_t, kErrorCodes> reported_us_{};  // when each code was, 0: never
};

}  // namespace microfer

#endif  // MICROFER_DEVICE_DEVICE_H_
