#include "pipeline/operator_times.h"

#include <cstring>

#include "check.h"

namespace microfer {
namespace {

constexpr const char* kConv = "CONV_2D";
constexpr const char* kMean = "MEAN";

void Run(OperatorTimes& times, const char* first, const char* second, std::uint32_t from) {
  times.BeginRun(from);
  times.End(times.Begin(first, from + 1), from + 101);
  times.End(times.Begin(second, from + 110), from + 130);
  times.EndRun(from + 140);
}

TEST(TimesAreSummedOverTheRuns) {
  OperatorTimes times;
  EXPECT(!times.is_whole());
  Run(times, kConv, kMean, 0);
  Run(times, kConv, kMean, 5000);
  EXPECT(times.is_whole() && times.runs() == 2 && times.network_ticks() == 280);
  EXPECT(times.operators().size() == 2 && times.operators()[0].ticks == 200 && times.operators()[1].ticks == 40);
  EXPECT(std::strcmp(times.operators()[1].name, kMean) == 0);
}

TEST(ACounterThatRunsOverIsNoTrouble) {
  for (const std::uint32_t from : {UINT32_MAX, UINT32_MAX - 50, UINT32_MAX - 120, UINT32_MAX - 139}) {
    OperatorTimes times;
    Run(times, kConv, kMean, from);
    EXPECT(times.is_whole() && times.network_ticks() == 140);
    EXPECT(times.operators()[0].ticks == 100 && times.operators()[1].ticks == 20);
  }
}

TEST(AfterClearNothingIsLeftOfTheRunsBefore) {
  OperatorTimes times;
  Run(times, kConv, kMean, 0);
  Run(times, kConv, kConv, 0);
  EXPECT(!times.is_whole());
  times.Clear();
  EXPECT(!times.is_whole());
  Run(times, kMean, kConv, 9);
  EXPECT(times.is_whole() && times.runs() == 1 && times.network_ticks() == 140 && times.operators()[0].ticks == 100);
}

TEST(NothingIsWrittenOutsideARun) {
  OperatorTimes times;
  times.End(times.Begin(kConv, 1), 2);
  times.EndRun(3);
  EXPECT(times.operators().empty() && times.runs() == 0);
}

TEST(ARunWithAnOperatorLessOrMoreThanTheFirstSpoilsTheTimes) {
  for (const int operators : {1, 3}) {
    OperatorTimes times;
    Run(times, kConv, kMean, 0);
    times.BeginRun(0);
    for (int i = 0; i < operators; ++i) times.End(times.Begin(i == 0 ? kConv : kMean, 0), 1);
    times.EndRun(2);
    EXPECT(!times.is_whole() && times.operators().size() == 2);
  }
}

TEST(AnOperatorThatDoesNotEndSpoilsTheTimes) {
  OperatorTimes times;
  times.BeginRun(0);
  EXPECT(times.Begin(kConv, 0) == 0);
  times.EndRun(1);
  EXPECT(!times.is_whole());
}

TEST(TheTableTakesAsManyOperatorsAsItSaysAndNotOneMore) {
  for (const std::size_t count : {OperatorTimes::kMostOperators, OperatorTimes::kMostOperators + 1}) {
    OperatorTimes times;
    times.BeginRun(0);
    for (std::size_t i = 0; i < count; ++i) times.End(times.Begin(kConv, 0), 1);
    times.EndRun(1);
    EXPECT(times.operators().size() == OperatorTimes::kMostOperators);
    EXPECT(times.is_whole() == (count == OperatorTimes::kMostOperators));
  }
}

TEST(AnOperatorWithoutANameHasAnEmptyOne) {
  OperatorTimes times;
  Run(times, kConv, nullptr, 0);
  EXPECT(times.is_whole() && std::strcmp(times.operators()[1].name, "") == 0);
}

TEST(AnOperatorThatNeverBeganCannotEnd) {
  OperatorTimes times;
  times.Clear();
  times.BeginRun(0);
  const std::uint32_t handle = times.Begin("ADD", 10);
  times.End(handle + 1, 15);
  times.End(handle, 20);
  times.EndRun(30);
  EXPECT(times.is_whole() && times.operators().size() == 1 && times.operators()[0].ticks == 10);
}

}  // namespace
}  // namespace microfer
