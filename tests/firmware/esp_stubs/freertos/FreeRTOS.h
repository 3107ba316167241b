#pragma once
#include <cstdint>

using TickType_t = std::uint32_t;
using UBaseType_t = unsigned int;
using BaseType_t = int;
using StackType_t = std::uint8_t;
struct StaticTask_t {
  int unused;
};
#define pdMS_TO_TICKS(ms) (static_cast<TickType_t>(ms))  // 1000 ticks a second, as sdkconfig.defaults says
