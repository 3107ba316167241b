// The kernels on the chip: what tests/firmware/chip/CMakeLists.txt says. Prints
// lines for scripts/measure.py kernels, each a word and then numbers.
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <optional>

#include "esp_heap_caps.h"
#include "esp_timer.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "generated/golden.h"
#include "generated/model_data.h"
#include "image/crop.h"
#include "kernel_cases.h"
#include "kernels_tflm.h"
#include "tensor/encode.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace microfer {
namespace {

constexpr std::uint32_t kCases = 2500;
constexpr std::size_t kArenaBytes = 1024 * 1024;
constexpr std::size_t kMostOperators = 256;

// Random convolutions three times: vector unit, portable twin, plain reference.
void RunCases() {
  using kernels::testing::Case;
  static Case made;
  static std::int8_t answer[kernels::testing::kMostOutputBytes];
  static std::int8_t twin[kernels::testing::kMostOutputBytes];
  static std::int8_t expected[kernels::testing::kMostOutputBytes];
  alignas(16) static std::int8_t scratch[96 * 1024];
  unsigned outputs = 0;
  unsigned differ = 0;
  unsigned twin_differs = 0;
  for (std::uint32_t seed = 1; seed <= kCases; ++seed) {
    kernels::testing::MakeCase(seed, made);
    const auto bytes = static_cast<std::size_t>(made.output_bytes());
    if (kernels::ConvolutionScratchBytes(made.shape) > sizeof(scratch)) {
      std::printf("too_large %" PRIu32 "\n", seed);
      continue;
    }
    std::memset(answer, 99, bytes);
    std::memset(twin, 98, bytes);
    kernels::Convolve(made.shape, made.input, made.weights, made.constants, scratch, answer);
    kernels::Convolve(made.shape, made.input, made.weights, made.constants, scratch, twin,
                      kernels::MultiplyRowsPortable);
    kernels::testing::ReferenceConvolution(made, expected);
    outputs += bytes;
    if (std::memcmp(answer, expected, bytes) != 0) {
      if (++differ <= 10) {
        const auto& shape = made.shape;
        std::printf("differs %" PRIu32 ": kernel %dx%d, %d channels to %d, %dx%d outputs, relu %d\n", seed,
                    shape.kernel_height, shape.kernel_width, shape.input_channels, shape.output_channels,
                    shape.output_height, shape.output_width, shape.range.is_relu);
      }
    }
    if (std::memcmp(twin, expected, bytes) != 0) ++twin_differs;
    if (seed % 100 == 0) vTaskDelay(1);
  }
  std::printf("cases %" PRIu32 " outputs %u differ %u twin_differs %u target %s\n", kCases, outputs, differ,
              twin_differs, kernels::KernelTarget());
}

// Random additions, of whole vectors and of a few elements more.
void RunAdditions() {
  constexpr int kMost = 4096;
  alignas(16) static std::int8_t a[kMost], b[kMost], answer[kMost], twin[kMost];
  kernels::testing::Random random(7);
  for (int i = 0; i < kMost; ++i) {
    a[i] = random.Byte();
    b[i] = random.Byte();
  }
  constexpr int kAdditions = 200;
  unsigned differ = 0;
  for (int n = 0; n < kAdditions; ++n) {
    const kernels::AdditionConstants constants = kernels::testing::MakeAddition(random);
    const int count = n % 2 == 0 ? kMost : random.Between(1, 300);
    std::memset(answer, 99, sizeof(answer));
    std::memset(twin, 99, sizeof(twin));
    kernels::Add(constants, a, b, count, answer);
    kernels::AddPortable(constants, a, b, count, twin);
    if (std::memcmp(answer, twin, sizeof(twin)) != 0) ++differ;
    vTaskDelay(1);
  }
  std::printf("additions %d differ %u\n", kAdditions, differ);
}

// Random poolings: vector unit against portable twin.
void RunPoolings() {
  constexpr int kPoolings = 300;
  alignas(16) static std::int8_t input[12 * 12 * 64], answer[14 * 14 * 64], twin[14 * 14 * 64];
  kernels::testing::Random random(9);
  unsigned differ = 0;
  for (int n = 0; n < kPoolings; ++n) {
    const kernels::PoolingShape shape = kernels::testing::MakePooling(random);
    for (std::int8_t& pixel : input) pixel = random.Byte();
    std::memset(answer, 99, sizeof(answer));
    std::memset(twin, 99, sizeof(twin));
    kernels::MaxPool(shape, input, answer);
    kernels::MaxPoolPortable(shape, input, twin);
    if (std::memcmp(answer, twin, sizeof(twin)) != 0) ++differ;
  }
  std::printf("poolings %d differ %u\n", kPoolings, differ);
}

// How long each operator takes, in the order of the model.
class Stopwatch final : public tflite::MicroProfilerInterface {
 public:
  std::uint32_t BeginEvent(const char* tag) override {
    const std::size_t index = count_ < kMostOperators ? count_++ : kMostOperators - 1;
    tags_[index] = tag;
    times_us_[index] = -esp_timer_get_time();
    return index;
  }
  void EndEvent(std::uint32_t event) override { times_us_[event] += esp_timer_get_time(); }

  void Clear() { count_ = 0; }
  void Print(const char* backend) const {
    for (std::size_t i = 0; i < count_; ++i) {
      std::printf("operator %s %u %s %lld\n", backend, static_cast<unsigned>(i), tags_[i],
                  static_cast<long long>(times_us_[i]));
    }
  }

 private:
  std::size_t count_ = 0;
  const char* tags_[kMostOperators];
  std::int64_t times_us_[kMostOperators];
};

unsigned EqualScores(tflite::MicroInterpreter& interpreter, const GoldenFrame& golden) {
  static Crop crop;
  const GrayView view{golden.pixels, golden.width_px, golden.height_px, golden.width_px};
  TfLiteTensor* input = interpreter.input(0);
  if (CropResize(view, golden.face, crop) != CropOutcome::kOk) return 0;
  if (EncodeCrop(crop, {input->data.int8, input->bytes}) != EncodeOutcome::kOk) return 0;
  if (interpreter.Invoke() != kTfLiteOk) return 0;
  unsigned equal = 0;
  for (int i = 0; i < kNumLabels; ++i) equal += interpreter.output(0)->data.int8[i] == golden.scores[i] ? 1 : 0;
  return equal;
}

// Noise into the network: what the first backend answers, the second one must.
void RunNoise(tflite::MicroInterpreter& interpreter) {
  constexpr std::size_t kInputs = 10;
  static std::int8_t answers[kInputs][kNumLabels];
  static bool is_known = false;
  kernels::testing::Random random(3);
  unsigned same = 0;
  for (auto& answer : answers) {
    TfLiteTensor* input = interpreter.input(0);
    for (std::size_t i = 0; i < input->bytes; ++i) input->data.int8[i] = random.Byte();
    if (interpreter.Invoke() != kTfLiteOk) return;
    const std::int8_t* scores = interpreter.output(0)->data.int8;
    for (int i = 0; i < kNumLabels; ++i) same += is_known && answer[i] == scores[i] ? 1U : 0U;
    if (!is_known) std::memcpy(answer, scores, sizeof(answer));
  }
  if (is_known) std::printf("noise same %u of %u\n", same, static_cast<unsigned>(kInputs * kNumLabels));
  is_known = true;
}

void RunNetwork(const char* backend, const OwnKernels& own, std::uint8_t* arena) {
  static Stopwatch stopwatch;
  OpResolver resolver;
  if (RegisterOps(resolver, own) != kTfLiteOk) return;
  tflite::MicroInterpreter interpreter(tflite::GetModel(kModelData), resolver, arena, kArenaBytes, nullptr, &stopwatch);
  if (interpreter.AllocateTensors() != kTfLiteOk) {
    std::printf("failed %s\n", backend);
    return;
  }
  unsigned equal = 0;
  std::int64_t slowest_us = 0;
  for (const GoldenFrame& golden : kGoldenFrames) {
    stopwatch.Clear();
    const std::int64_t start_us = esp_timer_get_time();
    equal += EqualScores(interpreter, golden);
    slowest_us = std::max(slowest_us, esp_timer_get_time() - start_us);
  }
  std::printf("network %s equal %u of %u arena %u us %lld\n", backend, equal,
              static_cast<unsigned>(kNumGoldenFrames) * kNumLabels,
              static_cast<unsigned>(interpreter.arena_used_bytes()), static_cast<long long>(slowest_us));
  stopwatch.Print(backend);
  RunNoise(interpreter);
}

void Run(void*) {
  auto* arena = static_cast<std::uint8_t*>(heap_caps_aligned_alloc(16, kArenaBytes, MALLOC_CAP_SPIRAM));
  std::printf("model %s\n", kModelId);
  if (arena != nullptr) {
    RunNetwork("esp-nn", {}, arena);
    RunNetwork("microfer", MicroferKernels(), arena);
  }
  RunCases();
  RunAdditions();
  RunPoolings();
  std::printf("end\n");
  std::fflush(stdout);
  vTaskDelete(nullptr);
}

}  // namespace
}  // namespace microfer

extern "C" void app_main() { xTaskCreatePinnedToCore(microfer::Run, "kernels", 16 * 1024, nullptr, 5, nullptr, 1); }
