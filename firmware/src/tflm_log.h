#ifndef MICROFER_TFLM_LOG_H_
#define MICROFER_TFLM_LOG_H_

namespace microfer {

// What TFLM says goes into a buffer instead of to stderr, which may be the link.
// The first line is kept: it names the cause, those behind it who noticed.
void ClearTflmLog();

// That line, empty where nothing was said since.
[[nodiscard]] const char* TflmLog();

}  // namespace microfer

#endif  // MICROFER_TFLM_LOG_H_
