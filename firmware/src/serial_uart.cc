#include "serial_uart.h"

#include "driver/uart.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "sdkconfig.h"
#include "serial_buffers.h"
#include "soc/uart_pins.h"

namespace microfer {

// With a console elsewhere there is no rate to take over; then nothing of this
// is called.
#if CONFIG_ESP_CONSOLE_UART
namespace {

constexpr uart_port_t kPort = UART_NUM_0;
constexpr int kRateBaud = CONFIG_ESP_CONSOLE_UART_BAUDRATE;
static_assert(kRateBaud >= 921'600, "crops need the rate: set CONFIG_ESP_CONSOLE_UART_BAUDRATE");

// What the driver puts into its buffer with each frame: headers of the two
// pieces that it may be cut into, and a note of its length.
constexpr std::size_t kOverheadBytes = 64;

bool HasRoom(std::size_t frame_bytes) {
  std::size_t free_bytes = 0;
  return uart_get_tx_buffer_free_size(kPort, &free_bytes) == ESP_OK && free_bytes >= frame_bytes + kOverheadBytes;
}

}  // namespace

bool SerialUart::Open() {
  uart_config_t config = {};
  config.baud_rate = kRateBaud;
  config.data_bits = UART_DATA_8_BITS;
  config.parity = UART_PARITY_DISABLE;
  config.stop_bits = UART_STOP_BITS_1;
  config.flow_ctrl = UART_HW_FLOWCTRL_DISABLE;
  config.source_clk = UART_SCLK_DEFAULT;
  is_open_ = uart_driver_install(kPort, kReceiveBufferBytes, kSendBufferBytes, 0, nullptr, 0) == ESP_OK &&
             uart_param_config(kPort, &config) == ESP_OK &&
             uart_set_pin(kPort, U0TXD_GPIO_NUM, U0RXD_GPIO_NUM, UART_PIN_NO_CHANGE, UART_PIN_NO_CHANGE) == ESP_OK;
  return is_open_;
}

std::size_t SerialUart::Read(Span<std::uint8_t> bytes) {
  if (!is_open_) return 0;
  const int count = uart_read_bytes(kPort, bytes.data(), bytes.size(), 0);
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

bool SerialUart::Write(Span<const std::uint8_t> frame) {
  if (!is_open_ || frame.empty()) return false;
  // uart_write_bytes() waits without end where there is no room, so it is looked
  // for first. This task alone writes: what is free stays free.
  for (TickType_t waited = 0; !HasRoom(frame.size()); ++waited) {
    if (waited == kSendPatience) return false;
    vTaskDelay(1);
  }
  return uart_write_bytes(kPort, frame.data(), frame.size()) == static_cast<int>(frame.size());
}
#else
bool SerialUart::Open() { return is_open_; }
std::size_t SerialUart::Read(Span<std::uint8_t> /*bytes*/) { return 0; }
bool SerialUart::Write(Span<const std::uint8_t> /*frame*/) { return false; }
#endif

}  // namespace microfer
