#pragma once
namespace microfer {
class OpResolver {};
}  // namespace microfer
