#ifndef MICROFER_KERNELS_ADDITION_H_
#define MICROFER_KERNELS_ADDITION_H_

#include <cstdint>

#include "kernels/multiply_rows.h"

namespace microfer::kernels {

// What adds two int8 tensors of different scales, made at export by
// host/microfer/export/addition.py:
//
//     output = clamp8((a * weight_a + b * weight_b + offset) >> shift)
//
// TFLM's reference rescales both inputs and their sum, rounding each time. The
// export tries all 65,536 pairs and writes down only constants with which this
// one line gives the same answer for every one of them.
//
// The vector unit multiplies 16 bits, so each number comes in two parts.
struct alignas(kVectorBytes) AdditionConstants {
  std::int16_t weight_a_high, weight_a_low;  // weight = 256 * high + low
  std::int16_t weight_b_high, weight_b_low;
  std::int16_t offset_high, offset_low;  // offset = 16384 * high + low
  std::int16_t unused[2];
  std::int32_t shift;  // from 8 to 24
};

// output[i] = the sum of a[i] and b[i], for `count` elements. The output may be
// one of the inputs. By the vector unit where this is compiled for an ESP32-S3
// and all three lie on 16 bytes.
void Add(const AdditionConstants& constants, const std::int8_t* a, const std::int8_t* b, int count,
         std::int8_t* output);

// The same in plain C++17: the answer that the other must give.
void AddPortable(const AdditionConstants& constants, const std::int8_t* a, const std::int8_t* b, int count,
                 std::int8_t* output);

}  // namespace microfer::kernels

#endif  // MICROFER_KERNELS_ADDITION_H_
