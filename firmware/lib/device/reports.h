#ifndef MICROFER_DEVICE_REPORTS_H_
#define MICROFER_DEVICE_REPORTS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/sentence.h"
#include "device/link.h"
#include "device/parts.h"
#include "generated/messages.h"

namespace microfer {

// The text of an error.
using ErrorText = Sentence<sizeof(protocol::BoardError::text)>;

// The command that an answer belongs to; type 0: to none.
struct Cause {
  std::uint8_t type = 0;
  std::uint16_t sequence = 0;
};

// What a device tells of itself: who it is, how it fares, what is wrong.
class Reports {
 public:
  // How often an error that answers no command may be repeated.
  static constexpr std::uint64_t kErrorPeriodUs = 1'000'000;

  // All three are the device's.
  Reports(const DeviceParts& parts, const DeviceState& state, Link& link) : parts_(parts), state_(state), link_(link) {}

  Reports(const Reports&) = delete;
  Reports& operator=(const Reports&) = delete;

  void SendHello();
  // The faults that last: each of them again to every host that asks.
  void SendStandingFaults();

  void SendStatistics();
  // The first ones come a period after this.
  void BeginPeriod() { statistics_sent_us_ = parts_.clock.NowUs(); }
  void SendStatisticsWhenDue();

  // Compares the camera with what was reported of it last.
  void WatchCamera();

  // Reports what answers no command, unless the same was reported just now.
  void Report(protocol::ErrorCode code, const char* text);
  void SendError(protocol::ErrorCode code, const char* text, Cause cause);

  // Why the network could not be loaded, as an answer to a command or to none.
  void SendLoadError(Cause cause);

 private:
  const DeviceParts& parts_;
  const DeviceState& state_;
  Link& link_;
  std::uint64_t statistics_sent_us_ = 0;
  CameraStatus seen_;  // what was reported of the camera
  static constexpr std::size_t kErrorCodes = 16;
  std::array<std::uint64_t, kErrorCodes> reported_us_{};  // when each code was, 0: never
};

}  // namespace microfer

#endif  // MICROFER_DEVICE_REPORTS_H_
