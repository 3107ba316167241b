#pragma once
#include <cstdint>

namespace tflite {
class MicroProfilerInterface {
 public:
  virtual ~MicroProfilerInterface() = default;
  virtual std::uint32_t BeginEvent(const char* tag) = 0;
  virtual void EndEvent(std::uint32_t event_handle) = 0;
};
}  // namespace tflite
