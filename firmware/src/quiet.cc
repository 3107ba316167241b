#include "quiet.h"

#include <cstdarg>
#include <cstdio>

#include "esp_log.h"
#include "esp_rom_sys.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

namespace microfer {
namespace {

// What a full hardware queue of text takes at the slowest of the consoles' rates.
constexpr TickType_t kDrain = pdMS_TO_TICKS(20);

int Discard(const char* /*format*/, va_list /*arguments*/) { return 0; }

}  // namespace

void SilenceConsole() {
  std::fflush(stdout);
  esp_log_level_set("*", ESP_LOG_NONE);
  esp_log_set_vprintf(Discard);
  // The way of esp_rom_printf(), for code that runs in interrupts. The panic
  // handler has a way of its own.
  esp_rom_install_channel_putc(1, nullptr);
  esp_rom_install_channel_putc(2, nullptr);
  vTaskDelay(kDrain);
}

}  // namespace microfer
