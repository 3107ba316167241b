// The core on the chip: what tests/firmware/chip_core/CMakeLists.txt says. Prints
// lines for scripts/measure.py core, each a word and then names and numbers.
#include <cstdio>

#include "esp_idf_version.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "suites.h"

namespace {

void Run(void*) {
  using namespace microfer::testing;  // NOLINT: this function is about nothing else
  std::printf("compiler %s\nesp_idf %s\n", __VERSION__, esp_get_idf_version());
  const auto frames = StoredFrames();
  std::printf("frames %u\n", static_cast<unsigned>(frames.size()));
  CheckVectors();
  CheckMessages();
  CheckDetector(frames);
  MeasureDetector(frames);
  MeasureTracker(frames);
  MeasureSteps(frames);
  std::printf("stack_left %u\n", static_cast<unsigned>(uxTaskGetStackHighWaterMark(nullptr)));
  std::printf("end\n");
  std::fflush(stdout);
  vTaskDelete(nullptr);
}

}  // namespace

extern "C" void app_main() { xTaskCreatePinnedToCore(Run, "core", 32 * 1024, nullptr, 5, nullptr, 1); }
