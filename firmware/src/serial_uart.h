#ifndef MICROFER_SERIAL_UART_H_
#define MICROFER_SERIAL_UART_H_

#include <cstddef>
#include <cstdint>

#include "base/span.h"
#include "device/ports.h"

namespace microfer {

// The link over UART0 on its usual pins, at the console's rate, which the
// board's sdkconfig layer says. Nothing else may write there once this is open:
// see quiet.h.
//
// The USB bridges of these boards use their RTS and DTR lines to reset the chip,
// so there are no lines left for flow control. What takes its place: the receive
// buffer holds more than the one crop that a host sends before it waits for the
// answer, and a frame to the host is only begun where all of it has room.
class SerialUart final : public SerialPort {
 public:
  // Takes the port; false where there is no memory for it. Called once, first.
  [[nodiscard]] bool Open();

  [[nodiscard]] std::size_t Read(Span<std::uint8_t> bytes) override;
  [[nodiscard]] bool Write(Span<const std::uint8_t> frame) override;

 private:
  bool is_open_ = false;
};

}  // namespace microfer

#endif  // MICROFER_SERIAL_UART_H_
