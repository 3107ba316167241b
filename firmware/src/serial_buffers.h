#ifndef MICROFER_SERIAL_BUFFERS_H_
#define MICROFER_SERIAL_BUFFERS_H_

#include <cstddef>

#include "freertos/FreeRTOS.h"
#include "generated/messages.h"

namespace microfer {

inline constexpr std::size_t kLongestFrameBytes = protocol::kMaxEncodedBytes + 2;  // and its two delimiters

// To the host: two previews and what comes with them, so that a host that is
// late by a frame or two loses nothing. A driver refuses for ever what is larger
// than its buffer.
inline constexpr std::size_t kSendBufferBytes = 8 * 1024;
static_assert(kSendBufferBytes >= 3 * kLongestFrameBytes);

// From the host: a whole crop, which arrives while the network works on a frame,
// and the commands behind it. The host sends one crop at a time.
inline constexpr std::size_t kReceiveBufferBytes = 4 * 1024;
static_assert(kReceiveBufferBytes >= kLongestFrameBytes + 1024);

// How long to wait for room before a frame is dropped.
inline constexpr TickType_t kSendPatience = pdMS_TO_TICKS(5);
static_assert(kSendPatience >= 1, "a wait of no ticks is none: see CONFIG_FREERTOS_HZ");

}  // namespace microfer

#endif  // MICROFER_SERIAL_BUFFERS_H_
