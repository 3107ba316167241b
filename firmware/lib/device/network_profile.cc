#include "device/network_profile.h"

namespace microfer {

ProfileOutcome NetworkProfile::Measure(std::uint16_t runs, const Crop& crop, Classifier& classifier, Pipeline& pipeline,
                                       System& system) {
  times_.Clear();
  network_us_ = 0;
  if (!classifier.TimeOperators(&times_)) return ProfileOutcome::kNotTimed;
  bool has_run = true;
  for (std::uint16_t run = 0; run < runs && has_run; ++run) {
    system.StillAlive();
    Inference inference;
    has_run = pipeline.Classify(crop, inference) == PipelineOutcome::kOk;
    network_us_ += inference.invoke_us;
  }
  const bool is_off = classifier.TimeOperators(nullptr);
  if (!has_run) return ProfileOutcome::kInvokeFailed;
  return is_off && times_.is_whole() && times_.runs() == runs ? ProfileOutcome::kOk : ProfileOutcome::kNotWhole;
}

}  // namespace microfer
