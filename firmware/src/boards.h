#ifndef MICROFER_BOARDS_H_
#define MICROFER_BOARDS_H_

#include "board.h"
#include "sdkconfig.h"

// The boards that this firmware knows. Each has an environment in platformio.ini
// and a layer sdkconfig.<board> in firmware/boards/, which chooses it here.
namespace microfer {

// Pins: Seeed's "Getting started with the XIAO ESP32S3 Sense"; the same in
// esp32-camera's example (BOARD_ESP32S3_XIAO). LED: LED_BUILTIN of Arduino's
// variant XIAO_ESP32S3; the card slot's chip select is on the same pin.
inline constexpr Board kXiaoEsp32s3Sense = {
    .name = "XIAO ESP32S3 Sense",
    .camera = {.clock = 10,
               .sda = 40,
               .scl = 39,
               .data = {15, 17, 18, 16, 14, 12, 11, 48},
               .vsync = 38,
               .href = 47,
               .pixel_clock = 13},
    .led = {.pin = 21, .is_lit_when_low = true},
};
static_assert(PinsAreSound(kXiaoEsp32s3Sense, true));

// Untested. Pins: CAMERA_MODEL_ESP32S3_EYE, as Freenove's own camera sketches
// for this board have them. Its USB-UART bridge is on UART0; the bridge's RTS and
// DTR reset the chip, so there is no hardware flow control. No LED: what sources
// say of it differs, and the one at GPIO 48 is not switched by a level.
inline constexpr Board kFreenoveEsp32s3Cam = {
    .name = "Freenove ESP32-S3-WROOM CAM",
    .camera = {.clock = 15,
               .sda = 4,
               .scl = 5,
               .data = {11, 9, 8, 10, 12, 18, 17, 16},
               .vsync = 6,
               .href = 7,
               .pixel_clock = 13},
    .link = LinkPort::kUart0,
};
static_assert(PinsAreSound(kFreenoveEsp32s3Cam, true));

// Untested. Pins and LED: esp32_s3_eye.h of Espressif's esp-bsp. Espressif's and
// Arduino's camera examples turn this board's picture.
inline constexpr Board kEsp32s3Eye = {
    .name = "ESP32-S3-EYE",
    .camera = {.clock = 15,
               .sda = 4,
               .scl = 5,
               .data = {11, 9, 8, 10, 12, 18, 17, 16},
               .vsync = 6,
               .href = 7,
               .pixel_clock = 13},
    .is_camera_upside_down = true,
    .led = {.pin = 3},
};
static_assert(PinsAreSound(kEsp32s3Eye, true));

// Untested. Pins: Arduino's variant adafruit_camera_esp32s3 as of its version 3
// (before that it had a prototype's: bus lines exchanged, reset on an expander).
// Its LED is a NeoPixel, which is not switched by a level.
inline constexpr Board kAdafruitMemento = {
    .name = "Adafruit MEMENTO",
    .camera = {.power_down = 21,
               .reset = 47,
               .clock = 8,
               .sda = 34,
               .scl = 33,
               .data = {13, 15, 16, 14, 12, 10, 9, 7},
               .vsync = 5,
               .href = 6,
               .pixel_clock = 11},
};
static_assert(PinsAreSound(kAdafruitMemento, false));

// The chip in Espressif's QEMU, which has neither camera nor USB.
inline constexpr Board kQemu = {
    .name = "QEMU",
    .frame_source = FrameSource::kStored,
    .link = LinkPort::kUart0,
    .has_thermometer = false,
};
static_assert(PinsAreSound(kQemu, true));

#if CONFIG_MICROFER_BOARD_XIAO_ESP32S3_SENSE
inline constexpr const Board& kBoard = kXiaoEsp32s3Sense;
#elif CONFIG_MICROFER_BOARD_FREENOVE_ESP32S3_CAM
inline constexpr const Board& kBoard = kFreenoveEsp32s3Cam;
#elif CONFIG_MICROFER_BOARD_ESP32S3_EYE
inline constexpr const Board& kBoard = kEsp32s3Eye;
#elif CONFIG_MICROFER_BOARD_ADAFRUIT_MEMENTO
inline constexpr const Board& kBoard = kAdafruitMemento;
#elif CONFIG_MICROFER_BOARD_QEMU
inline constexpr const Board& kBoard = kQemu;
#else
#error \
    "no board is chosen: build with an environment of platformio.ini, or with SDKCONFIG_DEFAULTS of firmware/README.md"
#endif

}  // namespace microfer

#endif  // MICROFER_BOARDS_H_
