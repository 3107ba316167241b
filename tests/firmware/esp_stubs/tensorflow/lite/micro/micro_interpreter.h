#pragma once
namespace tflite {
class MicroInterpreter {};
}  // namespace tflite
