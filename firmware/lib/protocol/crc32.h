#ifndef MICROFER_PROTOCOL_CRC32_H_
#define MICROFER_PROTOCOL_CRC32_H_

#include <cstdint>

#include "base/span.h"

namespace microfer::protocol {

// The CRC-32 of zlib, PNG and Ethernet: polynomial 0xEDB88320 bit-reversed,
// register and result inverted. To go on with more bytes, give the result of
// those before as `crc`.
[[nodiscard]] std::uint32_t Crc32(Span<const std::uint8_t> bytes, std::uint32_t crc = 0);

}  // namespace microfer::protocol

#endif  // MICROFER_PROTOCOL_CRC32_H_
