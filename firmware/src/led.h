#ifndef MICROFER_LED_H_
#define MICROFER_LED_H_

#include <atomic>
#include <cstdint>

#include "board.h"
#include "device/device.h"

namespace microfer {

// Is the LED lit, `time_ms` after any moment? What a person sees:
//   starting   lit
//   fault      flickers, five times a second: read the errors on the link
//   no camera  two flashes every two seconds
//   no face    one flash every two seconds
//   a face     lit, with one short gap every two seconds
[[nodiscard]] constexpr bool IsLit(DeviceLight light, std::uint32_t time_ms) {
  const std::uint32_t moment_ms = time_ms % 2000;
  switch (light) {
    case DeviceLight::kStarting:
      return true;
    case DeviceLight::kFault:
      return moment_ms % 200 < 100;
    case DeviceLight::kNoCamera:
      return moment_ms < 100 || (moment_ms >= 300 && moment_ms < 400);
    case DeviceLight::kNoFace:
      return moment_ms < 100;
    case DeviceLight::kFace:
      return moment_ms >= 100;
  }
  return false;
}

// Shows one of these on the board's LED, from a timer of its own, so that it does
// not stumble while the network works. Without an LED it does nothing.
class LedEsp {
 public:
  explicit LedEsp(const Led& led) : led_(led) {}

  LedEsp(const LedEsp&) = delete;
  LedEsp& operator=(const LedEsp&) = delete;

  void Start();                  // called once
  void Show(DeviceLight light);  // from any task

 private:
  static void Tick(void* self);

  Led led_;
  std::atomic<DeviceLight> light_{DeviceLight::kStarting};
};

}  // namespace microfer

#endif  // MICROFER_LED_H_
