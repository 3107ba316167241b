#ifndef MICROFER_ARENA_H_
#define MICROFER_ARENA_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/span.h"
#include "esp_heap_caps.h"

namespace microfer {

// A piece of memory of one kind, taken at the start; empty where there was none.
class Arena {
 public:
  Arena() = default;

  // In PSRAM, or in internal RAM; aligned as vector loads want it.
  static Arena InPsram(std::size_t size_bytes) { return {size_bytes, MALLOC_CAP_SPIRAM}; }
  static Arena Internal(std::size_t size_bytes) { return {size_bytes, MALLOC_CAP_INTERNAL}; }

  // What could be taken at once, and of internal RAM all that is free.
  [[nodiscard]] static std::size_t LargestInPsram() { return Largest(MALLOC_CAP_SPIRAM); }
  [[nodiscard]] static std::size_t LargestInternal() { return Largest(MALLOC_CAP_INTERNAL); }

  [[nodiscard]] static std::size_t FreeInternal() {
    return heap_caps_get_free_size(MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT);
  }

  [[nodiscard]] bool empty() const { return bytes_ == nullptr; }
  [[nodiscard]] std::size_t size() const { return size_bytes_; }
  [[nodiscard]] Span<std::uint8_t> bytes() const { return {bytes_.get(), size_bytes_}; }

 private:
  static constexpr std::size_t kAlignmentBytes = 16;

  struct Free {
    void operator()(std::uint8_t* bytes) const { heap_caps_free(bytes); }
  };

  Arena(std::size_t size_bytes, std::uint32_t kind)
      : bytes_(
            static_cast<std::uint8_t*>(heap_caps_aligned_alloc(kAlignmentBytes, size_bytes, kind | MALLOC_CAP_8BIT))),
        size_bytes_(bytes_ == nullptr ? 0 : size_bytes) {}

  static std::size_t Largest(std::uint32_t kind) {
    const std::size_t size_bytes = heap_caps_get_largest_free_block(kind | MALLOC_CAP_8BIT);
    return size_bytes < 2 * kAlignmentBytes ? 0 : (size_bytes / kAlignmentBytes - 1) * kAlignmentBytes;
  }

  std::unique_ptr<std::uint8_t, Free> bytes_;
  std::size_t size_bytes_ = 0;
};

}  // namespace microfer

#endif  // MICROFER_ARENA_H_
