#ifndef MICROFER_DEVICE_DEVICE_H_
#define MICROFER_DEVICE_DEVICE_H_

#include <cstdint>

#include "device/commands.h"
#include "device/link.h"
#include "device/parts.h"
#include "device/reports.h"

namespace microfer {

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
  explicit Device(const DeviceParts& parts)
      : parts_(parts), link_(parts.port), reports_(parts_, state_, link_), commands_(parts_, state_, link_, reports_) {}

  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  // Loads the network, tests itself and says hello. Called once, before Step().
  void Start();

  // One turn: a command that has arrived, one frame, what there is to report.
  // False: there was nothing to do, the caller may rest a little.
  bool Step();

  [[nodiscard]] DeviceLight light() const;

 private:
  bool HandleFrame();

  DeviceParts parts_;
  DeviceState state_;
  Link link_;
  Reports reports_;
  Commands commands_;
  bool is_started_ = false;
  bool has_face_ = false;
};

}  // namespace microfer

#endif  // MICROFER_DEVICE_DEVICE_H_
