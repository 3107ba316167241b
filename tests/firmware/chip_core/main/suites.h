#ifndef MICROFER_TESTS_CHIP_CORE_SUITES_H_
#define MICROFER_TESTS_CHIP_CORE_SUITES_H_

#include "base/span.h"
#include "frames.h"

// Each prints a line for every suite: `suite NAME passed N of M`.
namespace microfer::testing {

void CheckVectors();
void CheckMessages();
void CheckDetector(Span<const StoredFrame> frames);

// Each prints lines `cost STEP KIND RUNS TOTAL_US MOST_US`: so many runs took so
// long together, and the dearest one so long.
void MeasureDetector(Span<const StoredFrame> frames);
void MeasureTracker(Span<const StoredFrame> frames);
void MeasureSteps(Span<const StoredFrame> frames);

}  // namespace microfer::testing

#endif  // MICROFER_TESTS_CHIP_CORE_SUITES_H_
