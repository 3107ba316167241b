#ifndef MICROFER_TASKS_H_
#define MICROFER_TASKS_H_

#include <cstddef>

#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

namespace microfer {

// A task's memory: static, so that the map file shows it and nothing can fail.
template <std::size_t kBytes>
struct TaskMemory {
  StackType_t stack[kBytes / sizeof(StackType_t)];
  StaticTask_t control;
};

struct TaskPlan {
  const char* name;
  TaskFunction_t run;  // never returns; calls Watch() first
  void* subject;       // its argument
  UBaseType_t priority;
  BaseType_t core;
};

template <std::size_t kBytes>
void StartTask(const TaskPlan& plan, TaskMemory<kBytes>& memory) {
  xTaskCreateStaticPinnedToCore(plan.run, plan.name, kBytes, plan.subject, plan.priority, memory.stack, &memory.control,
                                plan.core);
}

// Puts the calling task under the watchdog: where it does not report for
// CONFIG_ESP_TASK_WDT_TIMEOUT_S, the chip restarts, and the next hello says why.
void Watch();

// Waits, however long, and goes on reporting.
void Rest(TickType_t ticks);

}  // namespace microfer

#endif  // MICROFER_TASKS_H_
