#include "kernels/addition.h"

#include <algorithm>

#if __has_include("sdkconfig.h")
#include "sdkconfig.h"  // ESP-IDF says for which chip this is compiled
#endif

#if defined(CONFIG_IDF_TARGET_ESP32S3)
// In addition_esp32s3.S. count: vectors, at least 1.
extern "C" void microfer_add_vectors(const microfer::kernels::AdditionConstants*, const std::int8_t*,
                                     const std::int8_t*, int count, std::int8_t* output);
#endif

namespace microfer::kernels {

void AddPortable(const AdditionConstants& constants, const std::int8_t* a, const std::int8_t* b, int count,
                 std::int8_t* output) {
  const std::int64_t weight_a = 256 * constants.weight_a_high + constants.weight_a_low;
  const std::int64_t weight_b = 256 * constants.weight_b_high + constants.weight_b_low;
  const std::int64_t offset = 16384 * constants.offset_high + constants.offset_low;
  for (int i = 0; i < count; ++i) {
    const std::int64_t sum = (a[i] * weight_a + b[i] * weight_b + offset) >> constants.shift;
    output[i] = static_cast<std::int8_t>(std::clamp<std::int64_t>(sum, -128, 127));
  }
}

#if defined(CONFIG_IDF_TARGET_ESP32S3)

void Add(const AdditionConstants& constants, const std::int8_t* a, const std::int8_t* b, int count,
         std::int8_t* output) {
  const auto rims = reinterpret_cast<std::uintptr_t>(a) | reinterpret_cast<std::uintptr_t>(b) |
                    reinterpret_cast<std::uintptr_t>(output);
  const int vectors = rims % kVectorBytes == 0 ? count / kVectorBytes : 0;
  if (vectors > 0) microfer_add_vectors(&constants, a, b, vectors, output);
  const int done = vectors * kVectorBytes;
  AddPortable(constants, a + done, b + done, count - done, output + done);
}

#else

void Add(const AdditionConstants& constants, const std::int8_t* a, const std::int8_t* b, int count,
         std::int8_t* output) {
  AddPortable(constants, a, b, count, output);
}

#endif

}  // namespace microfer::kernels
