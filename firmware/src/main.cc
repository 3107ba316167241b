// The board's program: what touches hardware, and who runs what.
//
//   capture task, core 0   camera -> newest frame
//   device task, core 1    newest frame -> face -> crop -> network -> link, and commands back
//
// How the parts belong together stands in device/board_core.h, what the device
// does in device/device.h, the steps of a frame in pipeline/pipeline.h. Everything
// here lives for ever; memory is taken at the start and never after.
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "arena.h"
#include "boards.h"
#include "camera_esp.h"
#include "camera_stored.h"
#include "capture/camera_keeper.h"
#include "capture/newest_frame.h"
#include "classifier_tflm.h"
#include "device/board_core.h"
#include "device/device.h"
#include "led.h"
#include "quiet.h"
#include "serial_uart.h"
#include "serial_usb_jtag.h"
#include "system_esp.h"
#include "tasks.h"

namespace microfer {
namespace {

using CameraOfBoard = std::conditional_t<kBoard.frame_source == FrameSource::kSensor, CameraEsp, CameraStored>;
using PortOfBoard = std::conditional_t<kBoard.link == LinkPort::kUsbSerialJtag, SerialUsbJtag, SerialUart>;

// Largest use, measured in the emulated chip: firmware/README.md, "Sizes".
constexpr std::size_t kCaptureStackBytes = 6 * 1024;
constexpr std::size_t kDeviceStackBytes = 12 * 1024;

// Above the idle tasks; each has its core to itself but for the drivers.
constexpr UBaseType_t kPriority = 5;

// While there is nothing to do, and after each turn: the idle task has its turn
// then, which the watchdog asks for.
constexpr TickType_t kPause = pdMS_TO_TICKS(2);
constexpr TickType_t kBreath = 1;

// Where there is no memory for the frames, the room is empty: the board then drops
// every frame for its size and tells the host.
FrameRoom RoomForFrames() {
  constexpr std::size_t kBytes = NewestFrame::kBuffers * CameraOfBoard::kWidthPx * CameraOfBoard::kHeightPx;
  static const Arena storage = Arena::LargestInPsram() >= kBytes ? Arena::InPsram(kBytes) : Arena::Internal(kBytes);
  return {storage.bytes(), CameraOfBoard::kWidthPx, CameraOfBoard::kHeightPx};
}

void RunCapture(void* subject) {
  auto& camera = *static_cast<CameraKeeper*>(subject);
  Watch();
  while (true) Rest(pdMS_TO_TICKS(camera.Step()));
}

struct DeviceAndLed {
  Device& device;
  LedEsp& led;
};

void RunDevice(void* subject) {
  auto& [device, led] = *static_cast<DeviceAndLed*>(subject);
  Watch();
  device.Start();
  while (true) {
    const bool was_busy = device.Step();
    led.Show(device.light());
    Rest(was_busy ? kBreath : kPause);
  }
}

void Run() {
  static ClockEsp clock;
  static SystemEsp system;
  static LedEsp led(kBoard.led);
  static PortOfBoard port;
  static CameraOfBoard camera(kBoard);
  static ClassifierTflm classifier;
  const FrameRoom room = RoomForFrames();

  led.Start();
  system.Start(kBoard.has_thermometer);
  SilenceConsole();
  // Without the port there is nobody to tell: the LED still says how things are.
  static_cast<void>(port.Open());

  static BoardCore board({camera, classifier, port, system, clock}, FactsOf(kBoard), room);
  static DeviceAndLed device_and_led{board.device(), led};
  static TaskMemory<kCaptureStackBytes> capture_memory;
  static TaskMemory<kDeviceStackBytes> device_memory;
  StartTask({"capture", RunCapture, &board.camera(), kPriority, 0}, capture_memory);
  StartTask({"device", RunDevice, &device_and_led, kPriority, 1}, device_memory);
}

}  // namespace
}  // namespace microfer

extern "C" void app_main() { microfer::Run(); }
