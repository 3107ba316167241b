#include "led.h"

#include "driver/gpio.h"
#include "esp_timer.h"

namespace microfer {
namespace {

constexpr std::uint64_t kTickUs = 50'000;  // half of the shortest flash

}  // namespace

void LedEsp::Start() {
  if (led_.pin == kNoPin) return;
  const auto pin = static_cast<gpio_num_t>(led_.pin);
  esp_timer_create_args_t timer_args = {};
  timer_args.callback = &LedEsp::Tick;
  timer_args.arg = this;
  timer_args.name = "led";
  esp_timer_handle_t timer = nullptr;
  // Without it the board is as good as before; only the LED stays dark.
  if (gpio_reset_pin(pin) != ESP_OK || gpio_set_direction(pin, GPIO_MODE_OUTPUT) != ESP_OK) return;
  if (esp_timer_create(&timer_args, &timer) == ESP_OK) esp_timer_start_periodic(timer, kTickUs);
}

void LedEsp::Show(DeviceLight light) { light_.store(light, std::memory_order_relaxed); }

void LedEsp::Tick(void* self) {
  const LedEsp& led = *static_cast<const LedEsp*>(self);
  const auto time_ms = static_cast<std::uint32_t>(esp_timer_get_time() / 1000);
  const bool is_lit = IsLit(led.light_.load(std::memory_order_relaxed), time_ms);
  gpio_set_level(static_cast<gpio_num_t>(led.led_.pin), is_lit != led.led_.is_lit_when_low ? 1 : 0);
}

}  // namespace microfer
