#include "system_esp.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "esp_app_desc.h"
#include "esp_flash.h"
#include "esp_heap_caps.h"
#include "esp_psram.h"
#include "esp_system.h"
#include "esp_task_wdt.h"
#include "esp_timer.h"

namespace microfer {
namespace {

constexpr std::uint32_t kInternal = MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT;

protocol::ResetReason ReasonOf(esp_reset_reason_t reason) {
  using protocol::ResetReason;
  switch (reason) {
    case ESP_RST_UNKNOWN:
      return ResetReason::kUnknown;
    case ESP_RST_POWERON:
      return ResetReason::kPowerOn;
    case ESP_RST_EXT:
      return ResetReason::kPin;
    case ESP_RST_SW:
      return ResetReason::kSoftware;
    case ESP_RST_PANIC:
    case ESP_RST_CPU_LOCKUP:
      return ResetReason::kPanic;
    case ESP_RST_TASK_WDT:
      return ResetReason::kTaskWatchdog;
    case ESP_RST_INT_WDT:
    case ESP_RST_WDT:
      return ResetReason::kOtherWatchdog;
    case ESP_RST_BROWNOUT:
    case ESP_RST_PWR_GLITCH:
      return ResetReason::kBrownout;
    case ESP_RST_DEEPSLEEP:
      return ResetReason::kDeepSleep;
    case ESP_RST_SDIO:
    case ESP_RST_USB:
    case ESP_RST_JTAG:
    case ESP_RST_EFUSE:
      return ResetReason::kOther;
  }
  return ResetReason::kOther;
}

}  // namespace

std::uint64_t ClockEsp::NowUs() { return static_cast<std::uint64_t>(esp_timer_get_time()); }

void SystemEsp::Start(bool has_thermometer) {
  if (!has_thermometer) return;
  // The chip's most accurate range, +-1 degree.
  const temperature_sensor_config_t range = TEMPERATURE_SENSOR_CONFIG_DEFAULT(-10, 80);
  if (temperature_sensor_install(&range, &thermometer_) != ESP_OK) {
    thermometer_ = nullptr;
  } else if (temperature_sensor_enable(thermometer_) != ESP_OK) {
    temperature_sensor_uninstall(thermometer_);
    thermometer_ = nullptr;
  }
}

SystemState SystemEsp::Now() {
  SystemState state;
  state.heap_free_bytes = heap_caps_get_free_size(kInternal);
  state.heap_min_free_bytes = heap_caps_get_minimum_free_size(kInternal);
  state.heap_largest_block_bytes = heap_caps_get_largest_free_block(kInternal);
  state.psram_free_bytes = heap_caps_get_free_size(MALLOC_CAP_SPIRAM);
  float temperature_c = 0;
  if (thermometer_ != nullptr && temperature_sensor_get_celsius(thermometer_, &temperature_c) == ESP_OK) {
    state.temperature_c = static_cast<std::int8_t>(std::lround(std::clamp(temperature_c, -127.0F, 127.0F)));
  }
  return state;
}

// Of a task that is not watched it is no news.
void SystemEsp::StillAlive() { esp_task_wdt_reset(); }

void SystemEsp::Restart() { esp_restart(); }

BoardFacts FactsOf(const Board& board) {
  BoardFacts facts;
  facts.name = board.name;
  facts.firmware_version = esp_app_get_description()->version;
  if (esp_flash_get_physical_size(nullptr, &facts.flash_size_bytes) != ESP_OK) facts.flash_size_bytes = 0;
  facts.psram_size_bytes = esp_psram_is_initialized() ? static_cast<std::uint32_t>(esp_psram_get_size()) : 0;
  facts.reset_reason = ReasonOf(esp_reset_reason());
  return facts;
}

}  // namespace microfer
