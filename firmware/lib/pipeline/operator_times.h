#ifndef MICROFER_PIPELINE_OPERATOR_TIMES_H_
#define MICROFER_PIPELINE_OPERATOR_TIMES_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/span.h"
#include "generated/constants.h"

namespace microfer {

// What one operator of the network took, in ticks of whatever counter the caller reads.
struct OperatorTicks {
  const char* name = "";    // as the schema names it; somebody else's, for ever
  std::uint64_t ticks = 0;  // the sum over all runs
};

// The time of each operator of a network, summed over several runs of it. A table
// of a fixed size; what has no room in it is not written, and is_whole() says so.
// The counter may run over once in each span that is timed, not more often: one of
// 32 bits at 240 MHz is good for 17 seconds.
class OperatorTimes {
 public:
  static constexpr std::size_t kMostOperators = microfer::kMostOperators;

  // Forgets everything.
  void Clear();

  // Around each run, and within it around each operator, in the order of
  // execution. Begin() returns what End() wants; nothing happens outside a run.
  void BeginRun(std::uint32_t now_ticks);
  [[nodiscard]] std::uint32_t Begin(const char* name, std::uint32_t now_ticks);
  void End(std::uint32_t handle, std::uint32_t now_ticks);
  void EndRun(std::uint32_t now_ticks);

  // Whether there was a run, all had the same operators, each ended, and all had room.
  [[nodiscard]] bool is_whole() const { return runs_ > 0 && count_ > 0 && !is_spoilt_; }

  // Of use where is_whole().
  [[nodiscard]] Span<const OperatorTicks> operators() const { return {operators_.data(), count_}; }
  [[nodiscard]] std::uint16_t runs() const { return runs_; }
  [[nodiscard]] std::uint64_t network_ticks() const { return network_ticks_; }

 private:
  static constexpr std::uint32_t kNoHandle = kMostOperators;

  std::array<OperatorTicks, kMostOperators> operators_{};
  std::array<std::uint32_t, kMostOperators> began_ticks_{};
  std::uint64_t network_ticks_ = 0;
  std::uint32_t run_began_ticks_ = 0;
  std::size_t count_ = 0;  // of the first run
  std::size_t next_ = 0;   // in this run
  std::size_t ended_ = 0;  // in this run
  std::uint16_t runs_ = 0;
  bool is_running_ = false;
  bool is_spoilt_ = false;
};

}  // namespace microfer

#endif  // MICROFER_PIPELINE_OPERATOR_TIMES_H_
