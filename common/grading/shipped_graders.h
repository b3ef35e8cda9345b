#pragma once

#include <vector>

#include "absl/strings/string_view.h"
#include "common/grading/grader.h"

namespace moa {

// The graders that come with the programs: the files of common/grading/graders, by file name. `user-metrics`, the
// challenge, is among them. Read once; the reference stays valid for the process's life. Thread-safe.
const std::vector<Grader>& ShippedGraders();

// The one of that name, or null.
const Grader* FindShippedGrader(absl::string_view name);
// Its file; empty where there is none.
absl::string_view ShippedGraderText(absl::string_view name);

}  // namespace moa
