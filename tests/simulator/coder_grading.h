#pragma once

#include <string>

#include "absl/time/time.h"
#include "common/grading/grader.h"

namespace moa::simulator::coder {

// What the shipped grader gives for an answer. Its code is run in the sandbox, with all of the sandbox's layers and limits;
// `time_max` bounds all checks together. Fails the test where there is no sandbox.
Grade GradeOf(const std::string& answer, absl::Duration time_max = absl::Seconds(10));

}  // namespace moa::simulator::coder
