#ifndef MICROFER_DEVICE_NETWORK_PROFILE_H_
#define MICROFER_DEVICE_NETWORK_PROFILE_H_

#include <cstdint>

#include "device/ports.h"
#include "image/crop.h"
#include "pipeline/classifier.h"
#include "pipeline/operator_times.h"
#include "pipeline/pipeline.h"

namespace microfer {

// How timing a network ended.
enum class [[nodiscard]] ProfileOutcome : std::uint8_t{
    kOk,
    kNotTimed,      // what runs the network cannot time its operators
    kInvokeFailed,  // the network could not run
    kNotWhole,      // more operators than the table holds, or not the same ones in each run
};

// What each operator of the network takes, and all together.
class NetworkProfile {
 public:
  // Runs the network on `crop` so often, and times its operators meanwhile: then and
  // at no other time.
  ProfileOutcome Measure(std::uint16_t runs, const Crop& crop, Classifier& classifier, Pipeline& pipeline,
                         System& system);

  // Of use after a Measure() that ended in kOk.
  [[nodiscard]] const OperatorTimes& times() const { return times_; }
  [[nodiscard]] std::uint64_t network_us() const { return network_us_; }

 private:
  OperatorTimes times_;
  std::uint64_t network_us_ = 0;
};

}  // namespace microfer

#endif  // MICROFER_DEVICE_NETWORK_PROFILE_H_
