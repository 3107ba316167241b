#include "pipeline/operator_times.h"

namespace microfer {

void OperatorTimes::Clear() {
  // The tables are written anew by the first run.
  network_ticks_ = 0;
  count_ = 0;
  runs_ = 0;
  is_running_ = false;
  is_spoilt_ = false;
}

void OperatorTimes::BeginRun(std::uint32_t now_ticks) {
  is_running_ = true;
  next_ = 0;
  ended_ = 0;
  run_began_ticks_ = now_ticks;
}

std::uint32_t OperatorTimes::Begin(const char* name, std::uint32_t now_ticks) {
  if (!is_running_) return kNoHandle;
  const bool is_first_run = runs_ == 0;
  if (next_ == (is_first_run ? kMostOperators : count_)) {
    is_spoilt_ = true;
    return kNoHandle;
  }
  const std::size_t index = next_++;
  if (is_first_run) {
    count_ = next_;
    operators_[index] = {name == nullptr ? "" : name, 0};
  } else if (operators_[index].name != name) {
    // Names are constants of the runtime, one for each kind: another address is another operator.
    is_spoilt_ = true;
  }
  began_ticks_[index] = now_ticks;
  return static_cast<std::uint32_t>(index);
}

void OperatorTimes::End(std::uint32_t handle, std::uint32_t now_ticks) {
  if (!is_running_ || handle >= next_) return;
  ++ended_;
  operators_[handle].ticks += now_ticks - began_ticks_[handle];
}

void OperatorTimes::EndRun(std::uint32_t now_ticks) {
  if (!is_running_) return;
  is_running_ = false;
  network_ticks_ += now_ticks - run_began_ticks_;
  if (next_ != count_ || ended_ != count_) is_spoilt_ = true;
  ++runs_;
}

}  // namespace microfer
