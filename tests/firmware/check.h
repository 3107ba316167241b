#ifndef MICROFER_TESTS_CHECK_H_
#define MICROFER_TESTS_CHECK_H_

#include <cstddef>

// A test is a function that registers itself; its name is a sentence:
//
//     TEST(ACropOfItsOwnSizeIsACopy) { EXPECT(crop == pixels); }
#define TEST(name)                                                                    \
  static void name();                                                                 \
  static const ::microfer::testing::Registration registration_of_##name(#name, name); \
  static void name()

// Where the condition does not hold, the test goes on and counts as failed.
#define EXPECT(condition) ::microfer::testing::Expect((condition), #condition, __FILE__, __LINE__)

namespace microfer::testing {

class Registration {
 public:
  Registration(const char* test_name, void (*test)());

  const char* name;
  void (*run)();
  const Registration* next;
};

void Expect(bool holds, const char* condition, const char* file, int line);

}  // namespace microfer::testing

#endif  // MICROFER_TESTS_CHECK_H_
