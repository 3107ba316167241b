#ifndef MICROFER_TESTS_FUZZ_FUZZ_H_
#define MICROFER_TESTS_FUZZ_FUZZ_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/span.h"

// What the fuzz targets share. Each target is one file with one
// LLVMFuzzerTestOneInput(); tests/fuzz/README.md says how they are run.
namespace microfer::fuzz {

// Ends the program where something does not hold that must hold for every input.
#define MUST_HOLD(condition) ::microfer::fuzz::MustHold((condition), #condition, __FILE__, __LINE__)

inline void MustHold(bool holds, const char* condition, const char* file, int line) {
  if (holds) return;
  std::fprintf(stderr, "%s:%d: %s does not hold\n", file, line, condition);
  std::abort();
}

// Takes values off the front of an input; zeros once it is used up.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}

  template <typename T>
  T Take() {
    T value{};
    const std::size_t size = sizeof value < rest_.size() ? sizeof value : rest_.size();
    if (size > 0) std::memcpy(&value, rest_.data(), size);
    rest_ = rest_.From(size);
    return value;
  }

  // From `low` to `high`, both included.
  int Between(int low, int high) {
    const auto span = static_cast<std::uint32_t>(high - low) + 1;
    return low + static_cast<int>(Take<std::uint32_t>() % span);
  }

  Span<const std::uint8_t> TakeBytes(std::size_t count) {
    const auto taken = rest_.First(count < rest_.size() ? count : rest_.size());
    rest_ = rest_.From(taken.size());
    return taken;
  }

  [[nodiscard]] Span<const std::uint8_t> rest() const { return rest_; }
  [[nodiscard]] bool empty() const { return rest_.empty(); }

 private:
  Span<const std::uint8_t> rest_;
};

}  // namespace microfer::fuzz

#endif  // MICROFER_TESTS_FUZZ_FUZZ_H_
