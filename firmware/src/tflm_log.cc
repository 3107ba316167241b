#include "tflm_log.h"

#include <cstddef>
#include <cstdio>
#include <cstring>

#include "tensorflow/lite/micro/debug_log.h"

namespace microfer {
namespace {

char first_line[80];
bool is_line_over = false;

void Append(const char* format, va_list arguments) {
  const std::size_t length = std::strlen(first_line);
  std::vsnprintf(first_line + length, sizeof first_line - length, format, arguments);
  char* end = first_line + std::strcspn(first_line, "\r\n");
  // A line break before any text ends nothing.
  is_line_over = *end != '\0' && end != first_line;
  *end = '\0';
}

}  // namespace

void ClearTflmLog() {
  first_line[0] = '\0';
  is_line_over = false;
}

const char* TflmLog() { return first_line; }

}  // namespace microfer

// What TFLM asks of each platform. Both functions stand here because TFLM's own
// file, which would write to stderr, has both: with one of them missing here the
// linker would take that file as well.
extern "C" void DebugLog(const char* format, va_list arguments) {
  if (!microfer::is_line_over) microfer::Append(format, arguments);
}

extern "C" int DebugVsnprintf(char* buffer, std::size_t size, const char* format, va_list arguments) {
  return std::vsnprintf(buffer, size, format, arguments);
}
