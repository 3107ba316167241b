#include "tasks.h"

#include <algorithm>

#include "esp_task_wdt.h"

namespace microfer {
namespace {

constexpr TickType_t kReportEvery = pdMS_TO_TICKS(1000);

}  // namespace

void Watch() { ESP_ERROR_CHECK(esp_task_wdt_add(nullptr)); }

void Rest(TickType_t ticks) {
  esp_task_wdt_reset();
  while (ticks > 0) {
    const TickType_t part = std::min(ticks, kReportEvery);
    vTaskDelay(part);
    esp_task_wdt_reset();
    ticks -= part;
  }
}

}  // namespace microfer
