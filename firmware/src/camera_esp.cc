#include "camera_esp.h"

#include <cstddef>

#include "sdkconfig.h"

namespace microfer {
namespace {

// 20 MHz is what the sensors' data sheets and esp32-camera's examples are made
// for; 16 MHz would switch the driver to another way of copying on some versions.
constexpr int kClockHz = 20'000'000;

#if CONFIG_MICROFER_TURN_PICTURE
constexpr bool kIsTurnedByUser = true;
#else
constexpr bool kIsTurnedByUser = false;
#endif

camera_config_t ConfigOf(const CameraPins& pins) {
  camera_config_t config = {};
  config.pin_pwdn = pins.power_down;
  config.pin_reset = pins.reset;
  config.pin_xclk = pins.clock;
  config.pin_sccb_sda = pins.sda;
  config.pin_sccb_scl = pins.scl;
  config.pin_d0 = pins.data[0];
  config.pin_d1 = pins.data[1];
  config.pin_d2 = pins.data[2];
  config.pin_d3 = pins.data[3];
  config.pin_d4 = pins.data[4];
  config.pin_d5 = pins.data[5];
  config.pin_d6 = pins.data[6];
  config.pin_d7 = pins.data[7];
  config.pin_vsync = pins.vsync;
  config.pin_href = pins.href;
  config.pin_pclk = pins.pixel_clock;
  config.xclk_freq_hz = kClockHz;
  config.ledc_timer = LEDC_TIMER_0;
  config.ledc_channel = LEDC_CHANNEL_0;
  config.pixel_format = PIXFORMAT_GRAYSCALE;
  static_assert(CameraEsp::kWidthPx == 320 && CameraEsp::kHeightPx == 240, "which the driver names QVGA");
  config.frame_size = FRAMESIZE_QVGA;
  config.fb_count = 2;  // with one the newest frame would be an old one
  config.fb_location = CAMERA_FB_IN_PSRAM;
  config.grab_mode = CAMERA_GRAB_LATEST;
  return config;
}

}  // namespace

bool CameraEsp::Start() {
  const camera_config_t config = ConfigOf(pins_);
  if (esp_camera_init(&config) != ESP_OK) return false;  // Stop() follows
  sensor_t* sensor = esp_camera_sensor_get();
  if (sensor == nullptr) return true;
  // Modules with an OV3660 are the other way up than those with an OV2640.
  const bool is_turned = (is_upside_down_ != (sensor->id.PID == OV3660_PID)) != kIsTurnedByUser;
  if (is_turned && sensor->set_vflip != nullptr) sensor->set_vflip(sensor, 1);
  if (is_turned && sensor->set_hmirror != nullptr) sensor->set_hmirror(sensor, 1);
  return true;
}

CaptureOutcome CameraEsp::Capture(GrayView& frame) {
  frame_.reset(esp_camera_fb_get());
  if (frame_ == nullptr) return CaptureOutcome::kTimeout;
  const auto width_px = static_cast<int>(frame_->width);
  const auto height_px = static_cast<int>(frame_->height);
  // The driver names the size that was asked for, however much has come.
  const std::size_t rows = frame_->width == 0 ? 0 : frame_->len / frame_->width;
  frame = {frame_->buf, width_px, rows < frame_->height ? static_cast<int>(rows) : height_px, width_px};
  return CaptureOutcome::kFrame;
}

void CameraEsp::Release() { frame_.reset(); }

void CameraEsp::Stop() {
  frame_.reset();
  esp_camera_deinit();
}

}  // namespace microfer
