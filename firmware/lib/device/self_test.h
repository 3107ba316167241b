#ifndef MICROFER_DEVICE_SELF_TEST_H_
#define MICROFER_DEVICE_SELF_TEST_H_

#include <cstdint>

#include "base/span.h"
#include "device/ports.h"
#include "face/face_detector.h"
#include "generated/golden.h"
#include "pipeline/pipeline.h"

namespace microfer {

// How many of the host's answers this board gives too.
struct SelfTestResult {
  std::uint16_t equal = 0;  // int8 scores that equal the host's
  std::uint16_t total = 0;  // compared; 0 where the model carries none, or could not be loaded
  std::uint16_t faces_found = 0;
  std::uint16_t faces_total = 0;
  std::uint32_t invoke_us = 0;  // longest run of the network

  [[nodiscard]] bool passed() const { return equal == total && faces_found == faces_total; }
};

// Cuts the golden faces out of the golden frames, classifies them and compares
// all scores; and looks whether the detector finds those faces. The network is
// left out where `is_loaded` is false.
[[nodiscard]] SelfTestResult RunSelfTest(Span<const GoldenFrame> frames, bool is_loaded, Pipeline& pipeline,
                                         FaceDetector& detector, System& system);

}  // namespace microfer

#endif  // MICROFER_DEVICE_SELF_TEST_H_
