#ifndef MICROFER_BASE_CLOCK_H_
#define MICROFER_BASE_CLOCK_H_

#include <cstdint>

namespace microfer {

// Time since the board's start, which never goes back.
class Clock {
 public:
  [[nodiscard]] virtual std::uint64_t NowUs() = 0;

 protected:
  ~Clock() = default;  // nobody deletes one through this interface: there is no heap
};

// From `begin_us` to now, at most what 32 bits hold (71 minutes).
[[nodiscard]] inline std::uint32_t ElapsedUs(Clock& clock, std::uint64_t begin_us) {
  const std::uint64_t elapsed_us = clock.NowUs() - begin_us;
  return elapsed_us > UINT32_MAX ? UINT32_MAX : static_cast<std::uint32_t>(elapsed_us);
}

}  // namespace microfer

#endif  // MICROFER_BASE_CLOCK_H_
