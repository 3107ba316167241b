#ifndef MICROFER_PIPELINE_CLASSIFIER_H_
#define MICROFER_PIPELINE_CLASSIFIER_H_

#include <cstddef>
#include <cstdint>

#include "base/span.h"
#include "generated/constants.h"
#include "pipeline/operator_times.h"

namespace microfer {

// The network, whatever runs it: TFLM on the board and in the emulated chip,
// TFLM on a host. One task at a time.
class Classifier {
 public:
  // Loads it, once. Until it has ended in kOk nothing else may be called.
  virtual LoadOutcome Load() = 0;

  // What went wrong in Load(), for people; empty where nothing did.
  [[nodiscard]] virtual const char* fault() const = 0;

  // The input tensor. It must be filled before each Invoke(), which may
  // overwrite it.
  [[nodiscard]] virtual Span<std::int8_t> input() = 0;

  // Runs the network; false where it could not.
  [[nodiscard]] virtual bool Invoke() = 0;

  // The output tensor, after an Invoke() that returned true.
  [[nodiscard]] virtual Span<const std::int8_t> output() = 0;

  // From now on writes into `times` what each operator of each run takes, and each
  // run as a whole; null: no longer. False: what runs the network cannot time it,
  // and nothing is written.
  [[nodiscard]] virtual bool TimeOperators(OperatorTimes* times) = 0;

  // Of the tensor arena, scratch included; 0 where it is not known.
  [[nodiscard]] virtual std::size_t arena_used_bytes() const = 0;
  [[nodiscard]] virtual std::size_t arena_size_bytes() const = 0;

  // Which kernels compute, such as "esp-nn 1.2.3".
  [[nodiscard]] virtual const char* kernels() const = 0;

 protected:
  ~Classifier() = default;
};

}  // namespace microfer

#endif  // MICROFER_PIPELINE_CLASSIFIER_H_
