#ifndef MICROFER_SERIAL_USB_JTAG_H_
#define MICROFER_SERIAL_USB_JTAG_H_

#include <cstddef>
#include <cstdint>

#include "base/span.h"
#include "device/ports.h"

namespace microfer {

// The link over the chip's own USB port. Nothing else may write there once this
// is open: see quiet.h.
class SerialUsbJtag final : public SerialPort {
 public:
  // Takes the port; false where there is no memory for it. Called once, first.
  [[nodiscard]] bool Open();

  [[nodiscard]] std::size_t Read(Span<std::uint8_t> bytes) override;
  [[nodiscard]] bool Write(Span<const std::uint8_t> frame) override;

 private:
  bool is_open_ = false;
  bool is_stuck_ = false;  // the last frame found no room: do not wait for the next one
};

}  // namespace microfer

#endif  // MICROFER_SERIAL_USB_JTAG_H_
