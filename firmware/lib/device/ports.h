#ifndef MICROFER_DEVICE_PORTS_H_
#define MICROFER_DEVICE_PORTS_H_

#include <cstddef>
#include <cstdint>

#include "base/span.h"
#include "generated/messages.h"

namespace microfer {

// Bytes to the host and back. Neither call waits longer than a few
// milliseconds, whether a host is there or not.
class SerialPort {
 public:
  // Copies what has arrived into `bytes`, as much as there is room for, and
  // returns how much that is.
  [[nodiscard]] virtual std::size_t Read(Span<std::uint8_t> bytes) = 0;

  // Sends all of a frame, or nothing of it and returns false: there is no room.
  [[nodiscard]] virtual bool Write(Span<const std::uint8_t> frame) = 0;

 protected:
  ~SerialPort() = default;
};

// Memory and temperature now; 0 where a thing is not there or not known.
struct SystemState {
  std::uint32_t heap_free_bytes = 0;
  std::uint32_t heap_min_free_bytes = 0;
  std::uint32_t heap_largest_block_bytes = 0;
  std::uint32_t psram_free_bytes = 0;
  std::int8_t temperature_c = -128;  // -128: not measured
};

// The chip around the program.
class System {
 public:
  [[nodiscard]] virtual SystemState Now() = 0;

  // Tells the watchdog that the calling task is well. Called at least every few
  // seconds, whatever the device is doing.
  virtual void StillAlive() = 0;

  // Starts again. Comes back only where that is a test's or a host's board.
  virtual void Restart() = 0;

 protected:
  ~System() = default;
};

// What does not change while the board runs.
struct BoardFacts {
  const char* name = "";              // at most 32 characters
  const char* firmware_version = "";  // at most 16
  std::uint32_t flash_size_bytes = 0;
  std::uint32_t psram_size_bytes = 0;
  protocol::ResetReason reset_reason = protocol::ResetReason::kUnknown;
};

}  // namespace microfer

#endif  // MICROFER_DEVICE_PORTS_H_
