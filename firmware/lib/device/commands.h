#ifndef MICROFER_DEVICE_COMMANDS_H_
#define MICROFER_DEVICE_COMMANDS_H_

#include <cstdint>

#include "device/link.h"
#include "device/network_profile.h"
#include "device/parts.h"
#include "device/reports.h"
#include "generated/messages.h"
#include "image/crop.h"
#include "protocol/frame.h"

namespace microfer {

// What a host may ask of a device. Each command is answered, or refused with an
// error that names it.
class Commands {
 public:
  // All four are the device's.
  Commands(const DeviceParts& parts, DeviceState& state, Link& link, Reports& reports)
      : parts_(parts), state_(state), link_(link), reports_(reports) {}

  Commands(const Commands&) = delete;
  Commands& operator=(const Commands&) = delete;

  // Handles the next command that has arrived: one only, as each may run the
  // network and frames must not wait for all of them. False: there was none.
  bool HandleNext();

 private:
  void Handle(const protocol::Frame& command);
  void HandleSettings(const protocol::Frame& command);
  void HandleInfer(const protocol::Frame& command);
  void HandleProfile(const protocol::Frame& command);
  // Reads a command; false where it was refused.
  template <typename Message>
  [[nodiscard]] bool Read(const protocol::Frame& command, Message& wanted);
  // The same for one that only the network can answer.
  template <typename Message>
  [[nodiscard]] bool ReadForNetwork(const protocol::Frame& command, Message& wanted);
  // Times the network; false: it could not, and the host is told.
  bool Measure(const protocol::AskProfile& wanted, Cause cause);

  const DeviceParts& parts_;
  DeviceState& state_;
  Link& link_;
  Reports& reports_;

  Crop asked_crop_{};  // of an infer command; too large for a task's stack
  NetworkProfile profile_;
  std::uint32_t profile_request_ = 0;  // that it was measured for
  bool has_profile_ = false;
};

}  // namespace microfer

#endif  // MICROFER_DEVICE_COMMANDS_H_
