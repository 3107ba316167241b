#include "check.h"

#include <cstdio>

namespace microfer::testing {
namespace {

const Registration* first_test = nullptr;
int failures = 0;

}  // namespace

Registration::Registration(const char* test_name, void (*test)()) : name(test_name), run(test), next(first_test) {
  first_test = this;
}

void Expect(bool holds, const char* condition, const char* file, int line) {
  if (!holds) {
    ++failures;
    std::printf("  %s:%d: %s does not hold\n", file, line, condition);
  }
}

}  // namespace microfer::testing

// Runs every test; exits with 1 where one failed, or where there was none.
int main() {
  using microfer::testing::failures;
  int count = 0;
  int failed = 0;
  for (const auto* test = microfer::testing::first_test; test != nullptr; test = test->next) {
    failures = 0;
    test->run();
    ++count;
    failed += failures > 0 ? 1 : 0;
    std::printf("%s %s\n", failures > 0 ? "FAILED" : "ok", test->name);
  }
  std::printf("%d tests, %d failed\n", count, failed);
  return count > 0 && failed == 0 ? 0 : 1;
}
