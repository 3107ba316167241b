// Prints the chosen board of firmware/src/boards.h: its name, its link, the LED's
// pin, the camera's pins; -1 where it has none. test_build_files.py asks for all.
#include <cstdio>

#include "boards.h"

namespace {

using microfer::Board;
using microfer::PinsAreSound;

constexpr Board WithPins(int clock, int sda, int led) {
  Board board;
  board.camera.clock = clock;
  board.camera.sda = sda;
  board.led.pin = led;
  return board;
}

static_assert(PinsAreSound(WithPins(1, 2, 3), true));
static_assert(!PinsAreSound(WithPins(1, 1, 3), true), "a pin used twice");
static_assert(!PinsAreSound(WithPins(1, 2, 2), true), "the LED on a pin of the camera");
static_assert(!PinsAreSound(WithPins(49, 2, 3), true), "a pin that the chip does not have");
static_assert(!PinsAreSound(WithPins(22, 2, 3), true), "a pin that the chip does not have");
static_assert(!PinsAreSound(WithPins(30, 2, 3), false), "a pin of the flash");
static_assert(!PinsAreSound(WithPins(35, 2, 3), true), "a pin of octal PSRAM");
static_assert(PinsAreSound(WithPins(35, 2, 3), false), "free with quad PSRAM");

}  // namespace

int main() {
  const Board& board = microfer::kBoard;
  const microfer::CameraPins& camera = board.camera;
  std::printf("%s\n%s\n%d\n", board.name, board.link == microfer::LinkPort::kUart0 ? "UART0" : "USB", board.led.pin);
  std::printf("%d %d %d\n", camera.clock, camera.sda, camera.scl);
  for (const int pin : camera.data) std::printf("%d ", pin);
  std::printf("\n%d %d %d\n%d %d\n", camera.vsync, camera.href, camera.pixel_clock, camera.power_down, camera.reset);
  return 0;
}
