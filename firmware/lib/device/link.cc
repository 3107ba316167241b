#include "device/link.h"

namespace microfer {

ReceiveOutcome Link::Receive(protocol::Frame& command) {
  // No more than the longest frame at a time: a host that never stops sending
  // must not keep the board from its camera.
  for (std::size_t looked_at = 0; looked_at < receiving_.size() + 2; ++looked_at) {
    if (next_ == end_) {
      next_ = 0;
      end_ = port_.Read(arrived_);
      if (end_ == 0) break;
    }
    const ReceiveOutcome outcome = Push(arrived_[next_++], command);
    if (outcome != ReceiveOutcome::kNothing) return outcome;
  }
  return ReceiveOutcome::kNothing;
}

ReceiveOutcome Link::Push(std::uint8_t byte, protocol::Frame& command) {
  switch (decoder_.Push(byte)) {
    case protocol::StreamOutcome::kNotYet:
      return ReceiveOutcome::kNothing;
    case protocol::StreamOutcome::kFrame:
      ++received_;
      command = decoder_.frame();
      return ReceiveOutcome::kCommand;
    case protocol::StreamOutcome::kOtherVersion:
      ++received_;
      return ReceiveOutcome::kOtherVersion;
    case protocol::StreamOutcome::kTooLong:
      ++damaged_;
      return ReceiveOutcome::kTooLong;
    case protocol::StreamOutcome::kCorrupt:
      ++damaged_;
      return ReceiveOutcome::kDamaged;
  }
  return ReceiveOutcome::kNothing;
}

}  // namespace microfer
