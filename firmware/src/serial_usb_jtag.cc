#include "serial_usb_jtag.h"

#include "driver/usb_serial_jtag.h"
#include "serial_buffers.h"

namespace microfer {

bool SerialUsbJtag::Open() {
  usb_serial_jtag_driver_config_t config = {};
  config.tx_buffer_size = kSendBufferBytes;
  config.rx_buffer_size = kReceiveBufferBytes;
  is_open_ = usb_serial_jtag_driver_install(&config) == ESP_OK;
  return is_open_;
}

std::size_t SerialUsbJtag::Read(Span<std::uint8_t> bytes) {
  if (!is_open_) return 0;
  const int count = usb_serial_jtag_read_bytes(bytes.data(), bytes.size(), 0);
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

bool SerialUsbJtag::Write(Span<const std::uint8_t> frame) {
  // Without a host nothing is queued: what it finds when it comes is new.
  if (!is_open_ || frame.empty() || !usb_serial_jtag_is_connected()) return false;
  // The driver takes all of a frame or nothing. A cable may be in without any
  // program that reads: then each frame would cost the whole wait.
  const int count = usb_serial_jtag_write_bytes(frame.data(), frame.size(), is_stuck_ ? 0 : kSendPatience);
  is_stuck_ = count <= 0;
  return !is_stuck_;
}

}  // namespace microfer
