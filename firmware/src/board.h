#ifndef MICROFER_BOARD_H_
#define MICROFER_BOARD_H_

#include <cstddef>
#include <cstdint>

namespace microfer {

// A GPIO number, or that there is none.
inline constexpr int kNoPin = -1;

struct CameraPins {
  int power_down = kNoPin;
  int reset = kNoPin;
  int clock = kNoPin;  // XCLK, which the chip sends to the sensor
  int sda = kNoPin;    // the sensor's control bus, also named SIOD
  int scl = kNoPin;    // or SIOC
  int data[8] = {kNoPin, kNoPin, kNoPin, kNoPin, kNoPin, kNoPin, kNoPin, kNoPin};  // D0 first; on schematics Y2 to Y9
  int vsync = kNoPin;
  int href = kNoPin;
  int pixel_clock = kNoPin;
};

struct Led {
  int pin = kNoPin;
  bool is_lit_when_low = false;
};

enum class FrameSource : std::uint8_t {
  kSensor,
  kStored,  // the golden pictures in flash: the emulated chip has no camera
};

enum class LinkPort : std::uint8_t {
  kUsbSerialJtag,  // the chip's own USB port
  kUart0,
};

// All that differs from one board to another; boards.h has one each.
struct Board {
  const char* name = "";  // what the hello says, at most 32 characters
  FrameSource frame_source = FrameSource::kSensor;
  CameraPins camera = {};
  bool is_camera_upside_down = false;  // as the sensor is soldered in
  LinkPort link = LinkPort::kUsbSerialJtag;
  Led led = {};
  bool has_thermometer = true;
};

// Is no pin used twice, and none that the chip does not have or that belongs to
// flash and octal PSRAM (26 to 37)? With quad PSRAM 33 to 37 are free.
constexpr bool PinsAreSound(const Board& board, bool has_octal_psram) {
  const CameraPins& camera = board.camera;
  const int pins[] = {camera.power_down,  camera.reset,   camera.clock,   camera.sda,     camera.scl,
                      camera.data[0],     camera.data[1], camera.data[2], camera.data[3], camera.data[4],
                      camera.data[5],     camera.data[6], camera.data[7], camera.vsync,   camera.href,
                      camera.pixel_clock, board.led.pin};
  constexpr std::size_t kPins = sizeof pins / sizeof pins[0];
  for (std::size_t i = 0; i < kPins; ++i) {
    if (pins[i] == kNoPin) continue;
    if (pins[i] < 0 || pins[i] > 48 || (pins[i] >= 22 && pins[i] <= (has_octal_psram ? 37 : 32))) return false;
    for (std::size_t j = i + 1; j < kPins; ++j) {
      if (pins[i] == pins[j]) return false;
    }
  }
  return true;
}

}  // namespace microfer

#endif  // MICROFER_BOARD_H_
