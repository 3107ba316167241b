// Prints, as JSON, what the compiler made of the exported files, and writes the
// model's bytes to the file named on the command line.
#include <cstdint>
#include <cstdio>

#include "contract.h"
#include "model_data.h"
#include "op_resolver.h"

namespace {

int PrintResolver() {
  microfer::OpResolver resolver;
  const TfLiteStatus status = microfer::RegisterOps(resolver);
  std::printf("\"status\": %d, \"registered\": %u, \"operators\": %u, ", status,
              resolver.GetRegistrationLength(), microfer::kNumOperators);
  int refusals_seen = 0;
  for (unsigned int call = 0; call < microfer::kNumOperators; ++call) {
    microfer::OpResolver refusing(static_cast<int>(call));
    if (microfer::RegisterOps(refusing) == kTfLiteError) ++refusals_seen;
  }
  return std::printf("\"refusals_seen\": %d, ", refusals_seen);
}

void PrintLabels() {
  std::printf("\"labels\": [");
  for (int i = 0; i < microfer::kNumLabels; ++i) {
    std::printf("%s\"%s\"", i == 0 ? "" : ", ", microfer::kLabels[i]);
  }
  std::printf("], \"sha256_bytes\": \"");
  for (const std::uint8_t byte : microfer::kModelSha256) {
    std::printf("%02x", byte);
  }
  std::printf("\", ");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::printf("{");
  PrintResolver();
  PrintLabels();
  std::printf("\"misalignment\": %u, ",
              static_cast<unsigned int>(
                  reinterpret_cast<std::uintptr_t>(microfer::kModelData) % 16));
  std::printf("\"bytes\": %zu, \"sizeof\": %zu, ", microfer::kModelDataBytes,
              sizeof(microfer::kModelData));
  std::printf("\"model_id\": \"%s\", \"preset\": \"%s\", \"sha256\": \"%s\", ",
              microfer::kModelId, microfer::kModelPreset,
              microfer::kModelSha256Hex);
  std::printf("\"crop_px\": %d, \"input_shape\": [%d, %d, %d, %d], ",
              microfer::kCropSizePx, microfer::kInputShape[0],
              microfer::kInputShape[1], microfer::kInputShape[2],
              microfer::kInputShape[3]);
  std::printf("\"output_shape\": [%d, %d], \"is_plain\": %d, ",
              microfer::kOutputShape[0], microfer::kOutputShape[1],
              microfer::kInputLayout == microfer::InputLayout::kPlain);
  // Widened to double and printed with 17 digits: the float's exact value.
  std::printf("\"input_scale\": %.17g, \"input_zero_point\": %d, ",
              static_cast<double>(microfer::kInputScale),
              microfer::kInputZeroPoint);
  std::printf("\"output_scale\": %.17g, \"output_zero_point\": %d, ",
              static_cast<double>(microfer::kOutputScale),
              microfer::kOutputZeroPoint);
  std::printf("\"temperature\": %.17g, \"uncertain_below\": %.17g, ",
              static_cast<double>(microfer::kTemperature),
              static_cast<double>(microfer::kUncertainBelow));
  std::printf("\"score_floor\": %d, ", microfer::kScoreFloor);
  std::printf("\"host_arena_bytes\": %zu}\n", microfer::kHostArenaBytes);

  std::FILE* file = std::fopen(argv[1], "wb");
  if (file == nullptr) return 1;
  const std::size_t written = std::fwrite(
      microfer::kModelData, 1, microfer::kModelDataBytes, file);
  return std::fclose(file) == 0 && written == microfer::kModelDataBytes ? 0 : 1;
}
