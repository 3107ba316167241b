#ifndef MICROFER_SERIAL_BUFFERS_H_
#define MICROFER_SERIAL_BUFFERS_H_

#include <cstddef>

#include "freertos/FreeRTOS.h"
#include "generated/constants.h"
#include "generated/messages.h"

namespace microfer {

inline constexpr std::size_t kLongestFrameBytes = protocol::kMaxEncodedBytes + 2;  // and its two delimiters

// A driver refuses for ever what is larger than its buffer. Both buffers' sizes
// stand in the contract.
static_assert(kSendBufferBytes >= 3 * kLongestFrameBytes);

// The host sends one crop at a time, and may send other commands behind it.
static_assert(kReceiveBufferBytes >= kLongestFrameBytes + 1024);

// How long to wait for room before a frame is dropped.
inline constexpr TickType_t kSendPatience = pdMS_TO_TICKS(5);
static_assert(kSendPatience >= 1, "a wait of no ticks is none: see CONFIG_FREERTOS_HZ");

}  // namespace microfer

#endif  // MICROFER_SERIAL_BUFFERS_H_
