#ifndef MICROFER_CLASSIFIER_TFLM_H_
#define MICROFER_CLASSIFIER_TFLM_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "arena.h"
#include "base/span.h"
#include "generated/constants.h"
#include "generated/op_resolver.h"
#include "pipeline/classifier.h"
#include "pipeline/operator_times.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_profiler_interface.h"

namespace microfer {

// What TFLM tells of each operator, written into a table while there is one, in
// cycles of the core that computes.
class OperatorClock final : public tflite::MicroProfilerInterface {
 public:
  void WriteTo(OperatorTimes* times) { times_ = times; }

  void BeginRun();
  void EndRun();
  std::uint32_t BeginEvent(const char* tag) override;
  void EndEvent(std::uint32_t event_handle) override;

 private:
  OperatorTimes* times_ = nullptr;
};

// The network in flash, run by TFLM with microfer's kernels and ESP-NN's.
//
// How much tensor arena a network needs on the chip shows only when it is laid
// out there, because kernels take their scratch from it: with ESP-NN's alone
// thesis-bn-1 needs three times what a host does. So it is laid out in PSRAM first and measured. Where
// that much, and kArenaReserveBytes for all the others, is free in internal RAM, it
// moves there, which is faster, and the PSRAM is given back. No size is tuned by
// hand. Without PSRAM it gets what internal RAM has to spare.
class ClassifierTflm final : public Classifier {
 public:
  // More than this no network that is fast enough to be of use would need.
  static constexpr std::size_t kMostBytes = 512 * 1024;

  LoadOutcome Load() override;
  [[nodiscard]] const char* fault() const override { return fault_; }

  [[nodiscard]] Span<std::int8_t> input() override;
  [[nodiscard]] bool Invoke() override;
  [[nodiscard]] Span<const std::int8_t> output() override;

  [[nodiscard]] bool TimeOperators(OperatorTimes* times) override;

  [[nodiscard]] std::size_t arena_used_bytes() const override;
  [[nodiscard]] std::size_t arena_size_bytes() const override { return arena_.size(); }
  [[nodiscard]] const char* kernels() const override;

 private:
  // Makes a new interpreter in that arena; a failed one must not be used again.
  LoadOutcome LayOut(const Arena& arena);
  LoadOutcome Fail(LoadOutcome outcome, const char* fault);
  void MoveIntoInternalRam();

  const char* fault_ = "";
  OpResolver resolver_;
  OperatorClock operator_clock_;
  Arena arena_;  // outlives the interpreter, as all above do
  std::optional<tflite::MicroInterpreter> interpreter_;
};

}  // namespace microfer

#endif  // MICROFER_CLASSIFIER_TFLM_H_
