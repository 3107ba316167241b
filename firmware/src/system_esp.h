#ifndef MICROFER_SYSTEM_ESP_H_
#define MICROFER_SYSTEM_ESP_H_

#include <cstdint>

#include "base/clock.h"
#include "board.h"
#include "device/ports.h"
#include "driver/temperature_sensor.h"

namespace microfer {

class ClockEsp final : public Clock {
 public:
  [[nodiscard]] std::uint64_t NowUs() override;
};

class SystemEsp final : public System {
 public:
  // Switches the thermometer on, where there is one. Called once, first.
  void Start(bool has_thermometer);

  [[nodiscard]] SystemState Now() override;
  void StillAlive() override;
  void Restart() override;

 private:
  temperature_sensor_handle_t thermometer_ = nullptr;
};

// What this board is, as far as the chip can tell.
[[nodiscard]] BoardFacts FactsOf(const Board& board);

}  // namespace microfer

#endif  // MICROFER_SYSTEM_ESP_H_
