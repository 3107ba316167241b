// MultiplyRows by the ESP32-S3's vector unit: chooses among the kernels in
// multiply_rows_esp32s3.S, which docs/kernels.md explains.
#if __has_include("sdkconfig.h")
#include "sdkconfig.h"
#endif

#if defined(CONFIG_IDF_TARGET_ESP32S3)

#include "kernels/multiply_rows.h"

// For rows of N vectors, and for any even (0) or odd (1) number from 7 on. They
// overwrite the job. "relu" clamps to int8, "limit" to a lower maximum as well;
// both leave the halves of negative numbers as they fall. "range" does it all.
#define MICROFER_KERNELS_OF_FEW(X, kind) X(kind, 1) X(kind, 2) X(kind, 3) X(kind, 4) X(kind, 5) X(kind, 6)
#define MICROFER_KERNELS_OF_MANY(X, kind) \
  X(kind, 8) X(kind, 9) X(kind, 16) X(kind, 18) X(kind, 24) X(kind, 27) X(kind, 32)
#define MICROFER_KERNELS_OF_ANY(X, kind) X(kind, any0) X(kind, any1)
#define MICROFER_DECLARE(kind, n) void microfer_rows_##kind##_##n(microfer::kernels::RowsJob*);

extern "C" {
MICROFER_KERNELS_OF_FEW(MICROFER_DECLARE, relu)
MICROFER_KERNELS_OF_MANY(MICROFER_DECLARE, relu)
MICROFER_KERNELS_OF_ANY(MICROFER_DECLARE, relu)
MICROFER_KERNELS_OF_FEW(MICROFER_DECLARE, limit)
MICROFER_KERNELS_OF_MANY(MICROFER_DECLARE, limit)
MICROFER_KERNELS_OF_ANY(MICROFER_DECLARE, limit)
MICROFER_KERNELS_OF_FEW(MICROFER_DECLARE, range)
MICROFER_KERNELS_OF_ANY(MICROFER_DECLARE, range)
}

namespace microfer::kernels {
namespace {

static_assert(kVectorBytes == 16 && kReadAheadBytes == 32, "the assembly counts on it");

using Kernel = void (*)(RowsJob*);

#define MICROFER_CASE(kind, n) \
  case n:                      \
    return microfer_rows_##kind##_##n;

Kernel ReluKernel(std::int32_t vectors) {
  switch (vectors) {
    MICROFER_KERNELS_OF_FEW(MICROFER_CASE, relu)
    MICROFER_KERNELS_OF_MANY(MICROFER_CASE, relu)
    default:
      return vectors % 2 == 0 ? microfer_rows_relu_any0 : microfer_rows_relu_any1;
  }
}

Kernel LimitKernel(std::int32_t vectors) {
  switch (vectors) {
    MICROFER_KERNELS_OF_FEW(MICROFER_CASE, limit)
    MICROFER_KERNELS_OF_MANY(MICROFER_CASE, limit)
    default:
      return vectors % 2 == 0 ? microfer_rows_limit_any0 : microfer_rows_limit_any1;
  }
}

Kernel RangeKernel(std::int32_t vectors) {
  switch (vectors) {
    MICROFER_KERNELS_OF_FEW(MICROFER_CASE, range)
    default:
      return vectors % 2 == 0 ? microfer_rows_range_any0 : microfer_rows_range_any1;
  }
}

}  // namespace

void MultiplyRows(const RowsJob& job, bool is_relu) {
  RowsJob work = job;
  if (!is_relu) {
    RangeKernel(job.row_vectors)(&work);
  } else if (job.maximum < 127) {
    LimitKernel(job.row_vectors)(&work);
  } else {
    ReluKernel(job.row_vectors)(&work);
  }
}

void CopyVectors(const std::int8_t* from, std::int8_t* to, int bytes) {
  int vectors = bytes / kVectorBytes;
  asm volatile(
      "loopgtz %2, 1f\n"
      "ee.vld.128.ip q0, %0, 16\n"
      "ee.vst.128.ip q0, %1, 16\n"
      "1:\n"
      : "+r"(from), "+r"(to), "+r"(vectors)
      :
      : "memory");
}

const char* KernelTarget() { return "esp32s3"; }

}  // namespace microfer::kernels

#endif
