#pragma once
#include "freertos/FreeRTOS.h"

using TaskFunction_t = void (*)(void*);
using TaskHandle_t = void*;
TaskHandle_t xTaskCreateStaticPinnedToCore(TaskFunction_t run, const char* name, std::uint32_t stack_bytes,
                                           void* subject, UBaseType_t priority, StackType_t* stack,
                                           StaticTask_t* control, BaseType_t core);
