#ifndef MICROFER_DEVICE_LINK_H_
#define MICROFER_DEVICE_LINK_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/span.h"
#include "device/ports.h"
#include "generated/messages.h"
#include "protocol/frame_decoder.h"
#include "protocol/message_encoder.h"

namespace microfer {

// What has come from the host. No two outcomes share a value.
enum class [[nodiscard]] ReceiveOutcome : std::uint8_t{
    kNothing,       // no whole frame yet
    kCommand,       // an intact frame of this protocol version
    kOtherVersion,  // an intact frame of another one
    kDamaged,       // dropped: damaged, or noise
    kTooLong,       // dropped: longer than any frame
};

// Messages to the host and commands from it, over a port that may be full,
// noisy or without a host.
class Link {
 public:
  explicit Link(SerialPort& port) : port_(port), encoder_(sending_), decoder_(receiving_) {}

  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Sends a message, or counts it as dropped: its sequence number is used up
  // either way, so that the host sees a gap. False: it was dropped.
  template <typename Message>
  bool Send(const Message& message) {
    const bool is_sent = encoder_.Encode(message) == protocol::EncodeOutcome::kOk && port_.Write(encoder_.frame());
    ++(is_sent ? sent_ : dropped_);
    return is_sent;
  }

  // Looks at what has arrived, up to the end of the next frame. Where the outcome
  // is kCommand, `command` is that frame, good until the next Receive().
  ReceiveOutcome Receive(protocol::Frame& command);

  [[nodiscard]] std::uint32_t sent() const { return sent_; }
  [[nodiscard]] std::uint32_t dropped() const { return dropped_; }
  [[nodiscard]] std::uint32_t received() const { return received_; }
  [[nodiscard]] std::uint32_t damaged() const { return damaged_; }

 private:
  ReceiveOutcome Push(std::uint8_t byte, protocol::Frame& command);

  SerialPort& port_;
  std::array<std::uint8_t, protocol::kMaxEncodedBytes + 2> sending_{};
  std::array<std::uint8_t, protocol::kMaxEncodedBytes> receiving_{};
  std::array<std::uint8_t, 256> arrived_{};  // read from the port and not looked at yet
  std::size_t next_ = 0;                     // of those
  std::size_t end_ = 0;
  protocol::MessageEncoder encoder_;
  protocol::FrameDecoder decoder_;
  std::uint32_t sent_ = 0;
  std::uint32_t dropped_ = 0;
  std::uint32_t received_ = 0;
  std::uint32_t damaged_ = 0;
};

}  // namespace microfer

#endif  // MICROFER_DEVICE_LINK_H_
